"""The port against strangers: who opens many connections and says nothing shuts nobody out; wrong codes are slow."""

import asyncio
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from durable import tls
from durable.tls import Refusal, WrongCodes, network, token_of

MOST, OF_ONE = 60, 20


class Answers:
    """An application that knows one token."""

    def __init__(self, listening: tls.Listener) -> None:
        self.trust = listening.trust

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if token_of(scope) == "good":
            self.trust(scope)
        await tls.answer(send, 200, {"hello": token_of(scope)})


@pytest.fixture(params=[0.0])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    listening = tls.listener("127.0.0.1", number, MOST, OF_ONE, request.param)
    config, _ = tls.config(Answers(listening), tmp_path, [])
    server = tls.Beside(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield number
    server.should_exit = server.force_exit = True
    thread.join(5)


class Client:
    """One connection from an address of this machine, kept."""

    def __init__(self, port: int, address: str = "127.0.0.1", newest: Any = ssl.TLSVersion.TLSv1_3) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, newest
        self.http = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=10, source_address=(address, 0), context=context
        )

    def ask(self, token: str = "good") -> int:  # noqa: S107
        self.http.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        answered = self.http.getresponse()
        answered.read()
        return answered.status


def silent(port: int, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10, (address, 0))


def test_silent_connections_of_many_addresses_shut_nobody_out(port: int) -> None:
    kept = Client(port, "127.0.0.2")
    assert kept.ask() == 200
    with ExitStack() as opened:
        for number in range(6 * 19):
            opened.enter_context(silent(port, f"127.0.1.{number % 6 + 1}"))
        assert kept.ask() == 200
        for _ in range(10):
            assert Client(port, "127.0.0.3").ask() == 200


def test_silent_connections_of_ones_own_address_shut_nobody_out(port: int) -> None:
    kept = Client(port, "127.0.1.1")
    assert kept.ask() == 200
    with ExitStack() as opened:
        for _ in range(3 * OF_ONE):
            opened.enter_context(silent(port, "127.0.1.1"))
        assert kept.ask() == 200
        assert Client(port, "127.0.1.1").ask() == 200


def test_who_asks_without_a_token_makes_way_as_well(port: int) -> None:
    with ExitStack() as opened:
        for number in range(MOST):
            stranger = Client(port, f"127.0.1.{number % 4 + 1}")
            opened.callback(stranger.http.close)
            assert stranger.ask("another") == 200
        assert Client(port, "127.0.0.3").ask() == 200


def test_those_with_a_token_make_way_for_nobody(port: int) -> None:
    there = [Client(port, "127.0.1.1") for _ in range(OF_ONE)]
    assert [each.ask() for each in there] == [200] * OF_ONE
    with pytest.raises(OSError):
        Client(port, "127.0.1.1").ask()
    assert [each.ask() for each in there] == [200] * OF_ONE
    there[0].http.close()
    for _ in range(100):  # until the server has seen that
        with suppress(OSError):
            assert Client(port, "127.0.1.1").ask() == 200
            return
        time.sleep(0.05)
    pytest.fail("a place that is free is not given")


@pytest.mark.parametrize("port", [60.0], indirect=True)
def test_who_has_just_come_makes_way_for_nobody_for_each_change_costs(port: int) -> None:
    with ExitStack() as opened:
        for _ in range(OF_ONE):
            opened.enter_context(silent(port, "127.0.1.1"))
        with pytest.raises(OSError):
            Client(port, "127.0.1.1").ask()
        for number in range(MOST):
            opened.enter_context(silent(port, f"127.0.1.{number % 3 + 2}"))
        for _ in range(5):  # from a network that has none, it may
            assert Client(port, "127.0.0.3").ask() == 200


def test_many_at_once_are_taken_some_in_a_turn_of_the_event_loop() -> None:
    with ExitStack() as opened, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
        free.close()
        listening = opened.enter_context(tls.listener("127.0.0.1", number))
        listening.settimeout(10)
        for _ in range(tls.A_TURN + 1):
            opened.enter_context(silent(number, "127.0.0.1"))
        for _ in range(tls.A_TURN):
            opened.enter_context(listening.accept()[0])
        with pytest.raises(BlockingIOError):
            listening.accept()
        opened.enter_context(listening.accept()[0])


def test_no_older_tls(port: int) -> None:
    with pytest.raises(ssl.SSLError):
        Client(port, newest=ssl.TLSVersion.TLSv1_2).ask()


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1:2", "2001:db8::"),
        ("2001:db8:0:1::2", "2001:db8:0:1::"),
        ("fe80::7%eth0", "fe80::"),
        ("?", "?"),
    ],
)
def test_one_machine_may_have_all_addresses_of_a_network(address: str, whole: str) -> None:
    assert network(address) == whole


async def guess(codes: WrongCodes, code: Any, address: str = "192.0.2.1", gone: float = 60) -> float:
    """How many of tls.GUESS_SECONDS the answer takes. gone: after how many seconds the other side goes away."""
    began = time.monotonic()

    async def receive() -> Any:
        await asyncio.sleep(gone)
        return {"type": "http.disconnect"}

    with suppress(Refusal):
        await codes.need({"client": (address, 1)}, receive, {"password": code})
    return (time.monotonic() - began) / tls.GUESS_SECONDS


def test_wrong_codes_from_one_address_are_slowed_down_and_the_right_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def all_of_them() -> None:
        codes = WrongCodes("right")
        monkeypatch.setattr(tls, "GUESS_SECONDS", 20.0)  # longer than a busy machine takes, for who waits here
        first = [await guess(codes, "wrong") for _ in range(tls.FREE_GUESSES)]
        assert max(first) < 0.5  # a typing error
        assert await guess(codes, "wrong", gone=0.01) < 0.5
        assert await guess(codes, "right") < 0.5
        assert await guess(codes, "wrong", "192.0.2.2") < 0.5
        monkeypatch.undo()
        codes = WrongCodes("right")  # where nobody waits yet
        for _ in range(tls.FREE_GUESSES):
            await guess(codes, "wrong")
        more = await asyncio.gather(*(guess(codes, "wrong") for _ in range(3)))
        assert min(more) > 0.9

    asyncio.run(all_of_them())


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"password": 7}, {}, [], None, "right"])
def test_a_wrong_code_is_refused_however_it_looks(body: Any) -> None:
    async def never() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(Refusal) as refused:
        asyncio.run(WrongCodes("right").need({"client": None}, never, body))
    assert refused.value.status == 401

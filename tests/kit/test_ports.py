"""Ports: who listens, which are free, and which an example needs."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop_kit import ports, processes, procfile
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import free_ports
from workshop_kit.ports import Holder

HAS_PROC = Path("/proc/net/tcp").exists()
ADDRESSES = ["127.0.0.1", "0.0.0.0", *["::"] * socket.has_dualstack_ipv6()]  # noqa: S104 - for as long as a test
SOURCES = ["proc"] * HAS_PROC + ["lsof"] * bool(shutil.which("lsof"))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_who_listens(taken: int) -> None:
    assert ports.listens(taken)
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        assert not ports.listens(bound.getsockname()[1])


def test_ports_in_a_row_leave_out_those_that_are_taken(taken: int) -> None:
    assert ports.free_in_a_row(1, [taken]) is None
    assert ports.free_in_a_row(3, [taken - 2, taken - 1, taken]) is None
    first = ports.free_in_a_row(2, [taken, *range(31000, 31500, 10)])
    assert first and first != taken
    with socket.create_server(("127.0.0.1", first + 1)):
        assert ports.free_in_a_row(2, [first]) is None


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "lsof":
        monkeypatch.setattr(processes, "PROC", Path("/no"))
    return request.param


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_holds_a_port(source: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = "import socket, sys; s = socket.create_server(('{}', 0), family={}, dualstack_ipv6={}); "
    listening += "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    program = listening.format(address, int(family), ":" in address)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        port = int(other.stdout.readline())
        found = ports.holder(port)
        assert found and found.pid == other.pid and "python" in found.name.lower()
        assert str(found) == f"{found.name} (pid {other.pid})"
        other.stdin.close()
    assert ports.holder(port) is None


def test_a_holder_that_is_hidden(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", Path("/no"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert ports.holder(taken) == Holder(None)
    assert str(Holder(None)) == "another user's process"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_holder_that_is_another_users(source: str) -> None:
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        port = int(other.stdout.readline())
        read, write = os.pipe()
        if not os.fork():
            os.setuid(65534)
            os.write(write, str(ports.holder(port)).encode())
            os._exit(0)
        os.wait()
        assert os.read(read, 100) == b"another user's process"
        os.close(read)
        os.close(write)
        other.communicate(b"\n")


def test_another_port_is_free_and_can_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "listens", lambda port: port in (4300, 4301))
    assert [ports.another(port) for port in (4200, 4299, 65000)] == [4302, 4399, 64900]


# --- those of an example ------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Every example has free ports of its own."""
    names = [name for each in EXAMPLES.values() for name in [*each.ports, *each.own_ports]]
    first = ports.free_in_a_row(20, range(21000, 31000, 20))
    for number, name in enumerate(dict.fromkeys(names)):
        monkeypatch.setenv(name, str(first + number))
    monkeypatch.setenv("OWN_REDIS", "1")
    return ports.opened()


def test_the_ports_that_examples_open(chosen: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(chosen)[:3] == ["PREFECT_PORT", "WEB_PORT", "MARKETING_PORT"] and len(set(chosen.values())) == 7
    assert list(ports.opened([EXAMPLES[2]])) == ["PREFECT_PORT"]
    assert "JOIN_PORT" in ports.opened([EXAMPLES[7]])
    monkeypatch.setenv("OWN_REDIS", "")
    assert "REDIS_PORT" not in ports.opened()


@pytest.mark.parametrize("ex", EXAMPLES)
def test_free_and_different_ports_are_silent(ex: int, chosen: dict[str, int]) -> None:
    free_ports.need_different(ex)
    free_ports.need_free(ex)


@pytest.mark.parametrize(("port", "instead"), [("4200", 4300), ("04200", 4300), ("65000", 64900)])
def test_two_ports_that_are_the_same(
    chosen: dict[str, int],
    port: str,
    instead: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PREFECT_PORT", port)
    monkeypatch.setenv("WEB_PORT", str(int(port)))
    with pytest.raises(SystemExit) as ended:
        free_ports.need_different(3)
    said = f"error: WEB_PORT and PREFECT_PORT are both {int(port)}. Try: make ex3 WEB_PORT={instead}\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, said)


def test_a_port_that_is_taken(
    chosen: dict[str, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        socket.create_server(("127.0.0.1", chosen["WEB_PORT"])),
        socket.create_server(("127.0.0.1", chosen["WEB_PORT"] + 100)),
    ):
        with pytest.raises(SystemExit) as ended:
            free_ports.need_free(3)
        instead = ports.another(chosen["WEB_PORT"])
    said = f"error: port {chosen['WEB_PORT']} is in use by {processes.name(os.getpid())} (pid {os.getpid()})"
    assert instead > chosen["WEB_PORT"] + 100
    assert (ended.value.code, capsys.readouterr().err) == (2, f"{said}. Try: make ex3 WEB_PORT={instead}\n")


def test_what_runs_on_both_loopback_addresses_needs_both(
    chosen: dict[str, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(procfile, "commands", lambda ex: {"web": 'keep loopback "$CODE" page:app $WEB_PORT'})
    monkeypatch.setattr(ports, "listens", lambda port, host="127.0.0.1": host == "::1")
    with pytest.raises(SystemExit) as ended:
        free_ports.need_free(4)
    said = f"error: port {chosen['WEB_PORT']} is in use on ::1, which localhost may mean. Try: make ex4 WEB_PORT="
    assert ended.value.code == 2 and capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("at", ["", "127.0.0.1:4243"])
def test_an_address_of_this_machine(at: str) -> None:
    assert ports.moved(at, "make ex7") == ""


@pytest.mark.parametrize(("at", "host"), [("192.0.2.7:4243", "192.0.2.7"), ("[2001:db8::7]:4243", "2001:db8::7")])
def test_an_address_that_this_machine_has_no_more(at: str, host: str) -> None:
    what = f"no machine can join: {host} is no address of this machine any more. Try: make stop, then make ex7"
    assert ports.moved(at, "make ex7") == what

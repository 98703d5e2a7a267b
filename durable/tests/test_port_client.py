"""A task server's side of the port: lines that the port will never take, and clients that end with their event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from test_port import Asked

from durable.port_client import PortStorage, SharedClient
from durable.remote_records import RemoteRecord


@asynccontextmanager
async def recording(asked: Asked) -> AsyncIterator[RemoteRecord]:
    """A record that goes to this port, with no lease to watch over."""
    token, _ = asked.join("b")
    record = RemoteRecord("https://192.0.2.1:4243", "one", keys=["k"], limit=1)
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(asked.port)
    record._client = httpx.AsyncClient(transport=transport, base_url="https://192.0.2.1:4243", headers=headers)
    record._lease = 20
    yield record
    await record._client.aclose()


def test_a_line_that_the_port_refuses_is_dropped_and_the_others_arrive(tmp_path: Path) -> None:
    async def main() -> list[str | None]:
        async with recording(asked) as record:
            record.write(event="up")
            record.write(event="no such event")
            (session,) = asked.sessions
            session.sent |= {str(uuid4()): str(uuid4()) for _ in range(2)}  # by Prefect's queue
            claims = [{"run": run, "event": "start", "state": state} for run, state in session.sent.items()]
            first = await record.claim(**claims[0], parameters=None)
            second = await record.claim(run=str(uuid4()), event="start", state="", parameters=None)  # is never run
            third = await record.claim(**claims[1], parameters=None)
            assert not record._unsent and not record.over.is_set()
            return [first, second, third]

    asked = Asked(tmp_path)
    answers = asyncio.run(main())
    assert answers[0] is answers[2] is None and "the port refuses it" in (answers[1] or "")
    (path,) = asked.records.glob("*.jsonl")
    assert path.read_text().count('"start"') == 2 and path.read_text().count('"up"') == 1


def test_what_no_port_takes_is_said_at_once(tmp_path: Path) -> None:
    for keys in (["k" * 301], [str(number) for number in range(1001)]):
        with pytest.raises(ValueError, match="at most 1,000 keys"):
            RemoteRecord("https://192.0.2.1:4243", "one", keys=keys)
    assert RemoteRecord("https://192.0.2.1:4243", "x" * 500 + "\x1b", keys=[])._name == "x" * 100


def test_a_session_that_is_over_ends_what_it_records(tmp_path: Path) -> None:
    async def main() -> None:
        async with recording(asked) as record:
            for session in asked.sessions:
                asked.sessions.end(session)
            with pytest.raises(PermissionError):
                await record.claim(run=str(uuid4()), event="start", state=str(uuid4()), parameters=None)
            assert record.over.is_set()

    asked = Asked(tmp_path)
    asyncio.run(main())


def test_each_event_loop_has_a_client_and_leaves_none(tmp_path: Path) -> None:
    files = PortStorage("https://192.0.2.1:4243")

    async def ask() -> httpx.AsyncClient:
        client = await files._async_client()
        assert client is await files._async_client()
        return client

    clients = [asyncio.run(ask()) for _ in range(3)]
    assert all(client.is_closed for client in clients) and not files._asyncs


def test_prefects_client_is_kept_until_its_loop_ends() -> None:
    async def submit_twice() -> SharedClient:
        client = SharedClient("http://127.0.0.1:9/api")
        for _ in range(2):
            async with client:
                assert client._started and not client._closed
        return client

    assert asyncio.run(submit_twice())._closed


def test_a_file_waits_for_as_long_as_the_port_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also that of a submitter, which gives up at once where nobody answers."""
    answers = [httpx.Response(429, headers={"Retry-After": after}) for after in ("3", "never", "7", "900")]
    answers += [httpx.Response(204), httpx.Response(429, headers={"Retry-After": "2"}), httpx.Response(204)]
    monkeypatch.setattr(PortStorage, "serves", False)
    waited: list[float] = []
    files = PortStorage("https://192.0.2.1:4243")
    files._sync = httpx.Client(
        transport=httpx.MockTransport(lambda _: answers.pop(0)), base_url="https://192.0.2.1:4243"
    )
    monkeypatch.setattr("durable.port_client.time.sleep", waited.append)
    files.write("k", b"")
    files.write("k", b"")
    assert waited == [3, 0.5, 7, 60, 2] and not answers
    assert len([each for each in caplog.records if "takes no more files" in each.message]) <= 1

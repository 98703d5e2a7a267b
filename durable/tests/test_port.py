"""What may pass example 7's port, asked of the ASGI application itself: no network, and no Prefect server behind it."""

import asyncio
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest
import uvicorn

from durable.joining import PROTOCOL
from durable.json_limits import NotPlain
from durable.port.asgi import JOINS, Port
from durable.port.policy import need_no_patterns, needed_end
from durable.port.quotas import BYTES, FILES, LOG_LINES, RUNS, Quotas
from durable.port.server import First
from durable.records import Record
from durable.sessions import Session, Sessions
from durable.storage import Folder
from durable.tls import Refusal

PLAIN = {"type": "plain", "task": "k"}


async def nothing_behind(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Asked:
    """A port, with machines that have joined it."""

    def __init__(self, folder: Path) -> None:
        self.records = folder / "records"
        self.records.mkdir()
        self.storage = folder / "storage"
        self.storage.mkdir()
        self.sessions = Sessions(folder / "sessions.json", self.records, "main", lease=20)
        self.port = Port(nothing_behind, self.sessions, "password", Folder(self.storage), lambda _: None)

    def join(self, identity: str, address: str = "192.0.2.1") -> tuple[str, Session]:
        return self.sessions.begin("b", identity, address=address, prefect="3.9.1", python="3.11")

    def serve(self, session: Session) -> None:
        self.sessions.serves(session, "one", 1, 0, keys=["k"], limit=1)

    def deliver(self, token: str, run: str, state: str) -> None:
        """Prefect's queue sends it that run."""

        async def prefect(scope: Any, receive: Any, send: Any) -> None:
            for message in ({"type": "auth_success"}, {"id": run, "task_key": "k", "state": {"id": state}}):
                await send({"type": "websocket.send", "text": json.dumps(message)})

        async def receive() -> Any:
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Any) -> None:
            pass

        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "websocket", "path": "/api/task_runs/subscriptions/scheduled", "headers": headers}
        behind, self.port.app = self.port.app, prefect
        asyncio.run(self.port(scope, receive, send))
        self.port.app = behind

    def ask(self, token: str, method: str, path: str, body: Any = None, slow: float = 0) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent: list[Any] = []

        async def receive() -> Any:
            if slow:
                for session in self.sessions:
                    session.last_heartbeat = time.monotonic() - slow
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {token}".encode())]
        asyncio.run(self.port({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
        self.headers = dict(sent[0]["headers"])
        return sent[0]["status"], json.loads(sent[1]["body"] or b"null")


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def parameters(key: str, name: str) -> bytes:
    metadata = {"storage_key": key, "expiration": None, "serializer": PLAIN, "prefect_version": "3.9.1"}
    return orjson.dumps({"metadata": metadata, "result": json.dumps({"parameters": {"name": name}})})


def result(key: str, value: int) -> bytes:
    metadata = {"storage_key": key, "expiration": None, "serializer": PLAIN, "prefect_version": "3.9.1"}
    return orjson.dumps({"metadata": metadata, "result": json.dumps({"value": value})})


def test_parameters_are_written_once_and_the_same_may_come_again(asked: Asked) -> None:
    key, (first, _), (other, _) = str(uuid4()), asked.join("b"), asked.join("c")
    path = f"/durable/storage/parameters/{key}"
    assert asked.ask(first, "PUT", path, parameters(key, "Ford"))[0] == 204
    assert asked.ask(first, "PUT", path, parameters(key, "Ford"))[0] == 204
    for token in (first, other):
        assert asked.ask(token, "PUT", path, parameters(key, "Mallory"))[0] == 403
    assert asked.ask(other, "GET", path)[1]["result"] == json.dumps({"parameters": {"name": "Ford"}})


def test_a_result_is_written_by_a_task_server_that_has_a_run(asked: Asked) -> None:
    (submitter, _), (server, session), run = asked.join("b"), asked.join("c"), str(uuid4())

    def write(token: str) -> int:
        key = uuid4().hex
        return asked.ask(token, "PUT", f"/durable/storage/{key}", result(key, 1))[0]

    assert write(submitter) == write(server) == 403
    asked.serve(session)
    assert write(server) == 403
    asked.deliver(server, run, state := str(uuid4()))
    assert write(server) == write(server) == 204
    assert write(submitter) == 403
    start = {"event": "start", "run": run, "state": state, "parameters": None, "n": 1}
    assert asked.ask(server, "POST", "/durable/records", [start])[0] == 200
    session.sent.clear()  # the port starts again
    assert write(server) == 204
    assert asked.ask(server, "POST", "/durable/records", [{"event": "end", "run": run, "n": 2}])[0] == 200
    assert write(server) == 403


def test_the_result_of_a_run_is_written_by_the_task_server_that_has_it(asked: Asked) -> None:
    """Its key is the run's id. Another one may have it later, when a lease has ended."""
    runs, tokens = [str(uuid4()) for _ in range(2)], []
    for identity, run in zip("cd", runs, strict=True):
        token, session = asked.join(identity)
        asked.serve(session)
        asked.deliver(token, run, str(uuid4()))
        tokens.append(token)

    def write(token: str, run: str, value: int) -> int:
        return asked.ask(token, "PUT", f"/durable/storage/{run}", result(run, value))[0]

    assert write(tokens[1], runs[0], 2) == 403  # before it is there
    assert write(tokens[0], runs[0], 1) == write(tokens[0], runs[0], 3) == 204
    assert write(tokens[1], runs[0], 2) == write(tokens[1], runs[0], 3) == 403
    asked.deliver(tokens[1], runs[0], state := str(uuid4()))
    assert write(tokens[0], runs[0], 5) == 403
    assert write(tokens[1], runs[0], 2) == 204
    start = {"event": "start", "run": runs[0], "state": state, "parameters": None, "n": 1}
    assert asked.ask(tokens[1], "POST", "/durable/records", [start])[0] == 200
    for session in asked.sessions:
        session.sent.clear()  # the port starts again
    assert write(tokens[1], runs[0], 4) == 204
    assert write(tokens[1], runs[1], 4) == write(tokens[0], runs[0], 4) == 403


def test_who_had_a_run_that_ended_elsewhere_exchanges_its_result_no_more(asked: Asked) -> None:
    (token, session), run, state = asked.join("c"), str(uuid4()), str(uuid4())
    asked.serve(session)
    asked.deliver(token, run, state)
    path = f"/durable/storage/{run}"
    assert asked.ask(token, "PUT", path, result(run, 1))[0] == 204
    assert asked.ask(token, "PUT", path, result(run, 2))[0] == 204  # a try more
    on_a = Record(asked.records, "on a", keys=["k"])
    on_a.write(must=True, run=run, event="start", state=state, parameters=None)
    assert asked.ask(token, "PUT", path, result(run, 3))[0] == 403
    on_a.write(run=run, event="end", how="returned", state=state)
    assert asked.ask(token, "PUT", path, result(run, 3))[0] == 403
    assert asked.ask(token, "PUT", path, result(run, 2))[0] == 204  # the same
    on_a.close()


def test_a_result_is_exchanged_by_the_machine_that_wrote_it_alone(asked: Asked) -> None:
    tokens = [
        asked.join(identity, address)[0]
        for identity, address in (("c", "192.0.2.1"), ("d", "192.0.2.1"), ("c", "192.0.2.9"))
    ]
    again, _ = asked.join("c", "192.0.2.1")  # another of its task servers
    for token, session in zip([*tokens, again], asked.sessions, strict=True):
        asked.serve(session)
        asked.deliver(token, str(uuid4()), str(uuid4()))
    key = uuid4().hex
    path = f"/durable/storage/{key}"
    assert asked.ask(tokens[0], "PUT", path, result(key, 1))[0] == 204
    for token in tokens[1:]:
        assert asked.ask(token, "PUT", path, result(key, 2))[0] == 403
        assert asked.ask(token, "PUT", path, result(key, 1))[0] == 204  # the same: nothing is exchanged
    assert asked.ask(again, "PUT", path, result(key, 3))[0] == 204
    assert asked.ask(tokens[1], "PUT", path, result(key, 2))[0] == 403
    assert '"value": 3' in asked.ask(tokens[0], "GET", path)[1]["result"]
    own = uuid4().hex  # of a task server on the Prefect server's machine
    (asked.storage / own).write_bytes(result(own, 1))
    assert asked.ask(tokens[0], "PUT", f"/durable/storage/{own}", result(own, 2))[0] == 403


def test_a_cached_result_that_has_expired_is_written_again_by_whoever_has_a_run(asked: Asked) -> None:
    tokens = []
    for identity in ("c", "d"):
        token, session = asked.join(identity)
        asked.serve(session)
        asked.deliver(token, str(uuid4()), str(uuid4()))
        tokens.append(token)

    def cached(value: int, expiration: str) -> bytes:
        record = json.loads(result(key, value))
        record["metadata"]["expiration"] = expiration
        return orjson.dumps(record)

    for expiration, status in (("2026-01-01T00:00:00Z", 204), ("2999-01-01T00:00:00Z", 403), ("soon", 403)):
        key = uuid4().hex
        path = f"/durable/storage/{key}"
        assert asked.ask(tokens[0], "PUT", path, cached(1, expiration))[0] == 204
        assert asked.ask(tokens[1], "PUT", path, cached(2, expiration))[0] == status


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/durable/storage/{key}"), ("POST", "/durable/records"), ("POST", "/api/logs/")]
)
def test_what_arrives_after_the_lease_is_refused(asked: Asked, method: str, path: str) -> None:
    key, (token, session) = uuid4().hex, asked.join("b")
    asked.serve(session)
    body = result(key, 1) if method == "PUT" else b"[]"
    assert asked.ask(token, method, path.format(key=key), body, slow=21)[0] == 401
    assert not session.alive and not any(asked.storage.iterdir())


def test_a_machine_leaves_in_its_own_name(asked: Asked) -> None:
    (mallory, _), (_, victim) = asked.join("host 0", "192.0.2.9"), asked.join("host 0", "192.0.2.1")
    assert asked.ask(mallory, "DELETE", "/durable/machine")[0] == 204
    assert victim.alive
    other, _ = asked.join("host 0", "192.0.2.1")
    assert asked.ask(other, "DELETE", "/durable/machine")[0] == 204
    assert not victim.alive


def test_no_pattern_and_no_lookup_passes(asked: Asked) -> None:
    token, _ = asked.join("b")
    assert asked.ask(token, "POST", "/api/ui/schemas/validate", {"schema": {}, "values": {}})[0] == 403
    for where in ("resource", "any_resource", "related"):
        question = {"filter": {where: {"labels": {"prefect.resource.id": "["}}}}
        assert asked.ask(token, "POST", "/api/events/filter", question)[0] == 422
        with pytest.raises(NotPlain):
            need_no_patterns([question])
    plain = {"filter": {"any_resource": {"id": ["x"], "labels": None}}}
    assert asked.ask(token, "POST", "/api/events/filter", plain)[0] == 299


def test_the_lines_of_a_task_server_and_its_ends(asked: Asked) -> None:
    token, session = asked.join("b")
    run, state = str(uuid4()), str(uuid4())
    ended = {"type": "COMPLETED", "name": "Completed", "message": "m", "data": None}
    asked.deliver(token, run, state)
    lines = [
        {"keys": ["k"], "server": "one", "n": 0},
        {"event": "start", "run": run, "state": state, "n": 1},
        {"event": "end", "run": run, "how": "returned", "ended": ended, "n": 2},
    ]
    assert asked.ask(token, "POST", "/durable/records", lines) == (200, {"refused": {}, "lease": 20})
    assert session.record and session.record.path
    assert json.loads(session.record.path.read_text().splitlines()[-1])["ended"] == ended
    for wrong in ({"type": "RUNNING"}, {"data": {"serializer": {"type": "pickle"}}}, {"name": "\x1b"}, {"message": 1}):
        with pytest.raises(Refusal):
            needed_end(ended | wrong)


def test_a_start_counts_only_for_a_run_that_was_sent_to_that_session(asked: Asked) -> None:
    (token, session), (other, _) = asked.join("b"), asked.join("c")
    asked.serve(session)
    run, state, forged = (str(uuid4()) for _ in range(3))
    asked.deliver(other, run, state)

    def starts(number: int, **wrong: str) -> dict[str, str]:
        line = {"event": "start", "run": run, "state": state, "parameters": None, "n": number} | wrong
        status, answer = asked.ask(token, "POST", "/durable/records", [line])
        assert status == 200
        refused: dict[str, str] = answer["refused"]
        return refused

    assert starts(1) == {run: "it was not sent to this task server"}
    asked.deliver(token, run, state)
    assert starts(2, run=forged) == {forged: "it was not sent to this task server"}
    assert starts(3, state=forged) == {run: "it was not sent to this task server"}
    assert session.record and session.record.path and '"start"' not in session.record.path.read_text()
    assert starts(4) == {} and starts(4) == {}  # the answer was lost
    session.sent.clear()  # the port starts again, and the answer was lost, too
    assert starts(4) == {} and session.record.path.read_text().count('"start"') == 1
    assert asked.ask(token, "POST", "/durable/records", [{"event": "end", "run": run, "n": 5}])[0] == 200
    assert starts(6) == {run: "it was not sent to this task server"}


def test_what_is_no_event_and_no_place_in_a_file_is_a_bad_request(asked: Asked) -> None:
    token, session = asked.join("b")
    asked.serve(session)
    for event in (["up"], {}, None, 1):
        assert asked.ask(token, "POST", "/durable/records", [{"event": event, "n": 1}])[0] == 400, event
    assert asked.ask(token, "POST", "/durable/records", [{"event": "back", "n": 1}])[0] == 422
    assert session.record and session.record.path
    name = session.record.path.name
    for offset in (2**63, -1, "0", None, [], 0.5):
        assert asked.ask(token, "POST", "/durable/records/since", {name: offset})[0] == 400, offset
    assert asked.ask(token, "POST", "/durable/records/since", {name: 2**63 - 1, "gone": 0})[1]["gone"] == ["gone"]


def test_what_is_refused_is_said_once_with_its_method_and_path(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    token, _ = asked.join("b")
    for _ in range(3):
        assert asked.ask(token, "DELETE", f"/api/task_runs/{uuid4()}")[0] == 403
        assert asked.ask(token, "POST", "/api/ui/schemas/validate", {"schema": {}, "values": {}})[0] == 403
        assert asked.ask(token, "POST", "/api/task_runs/filter", {"offset": 2**63})[0] == 400
        assert asked.ask(token, "GET", "/api/\x1b[31m")[0] == 403
        assert asked.ask("nobody's", "GET", "/api/version")[0] == 401
    said = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in said] == [
        "refused: DELETE /api/task_runs/{id}",
        "refused: POST /api/ui/schemas/validate",
        "refused: POST /api/task_runs/filter",
        "refused: GET /api/\N{REPLACEMENT CHARACTER}[31m",
    ]
    for number in range(1000):
        asked.ask(token, "GET", f"/api/{number}")
    assert len(capsys.readouterr().out.splitlines()) < 100


def test_without_one_of_its_parts_the_process_ends_and_says_so(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    async def dies() -> None:
        raise BrokenPipeError("nobody reads")

    async def main() -> First:
        server = First(uvicorn.Config(nothing_behind), cast(Any, None), cast(Any, None), asked.port)
        server._watched("the watch over the leases", dies())
        await asyncio.wait(server._serving)
        await asyncio.sleep(0)
        return server

    server = asyncio.run(main())
    assert server.should_exit and server.broken
    assert "the watch over the leases has ended (BrokenPipeError" in capsys.readouterr().out


def test_a_terminal_that_is_gone_is_no_reason_to_stop(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", gone)
    _, session = asked.join("b")
    asked.serve(session)

    async def main() -> None:
        watching = asyncio.create_task(asked.port.end_expired())
        await asyncio.sleep(0)
        session.last_heartbeat = time.monotonic() - 21  # after grant_restart_margin(), which gives a whole lease again
        await asyncio.sleep(0.7)
        assert not watching.done()
        watching.cancel()

    asyncio.run(main())
    assert not session.alive


def test_so_many_join_from_one_address_in_a_minute_and_no_more(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    body = {"password": "password", "protocol": PROTOCOL, "name": "b", "machine": "b", "prefect": version("prefect")}
    answers = [asked.ask("", "POST", "/durable/join", body)[0] for _ in range(JOINS + 1)]
    assert answers == [200] * JOINS + [429]


@pytest.mark.parametrize("one", ["[]", "[[[]]]", '{"a":1}', "1"])
@pytest.mark.parametrize("path", ["/api/task_runs/count", "/durable/records", "/durable/records/since"])
def test_a_request_has_no_more_values_than_the_event_loop_reads_in_no_time(asked: Asked, path: str, one: str) -> None:
    token, _ = asked.join("b")
    many = f'{{"task_runs": {{"id": {{"any_": [{",".join([one] * 20_000)}]}}}}}}'
    status, detail = asked.ask(token, "POST", path, many.encode())
    assert status == 422 and "more than 20,000 values" in detail["detail"]


def test_a_board_on_another_machine_is_told_who_lives(asked: Asked) -> None:
    (board, _), (token, session) = asked.join("c"), asked.join("b")
    asked.serve(session)
    own = Record(asked.records, "two", keys=["k"])
    dead = Record(asked.records, "three", keys=["k"])
    dead.close()
    living = {each.path.name for each in (session.record, own) if each and each.path}
    answer = asked.ask(board, "POST", "/durable/records/since", {})[1]
    assert set(answer["alive"]) == living and len(answer["files"]) == 3
    asked.ask(token, "DELETE", "/durable/session")
    own.close()
    assert asked.ask(board, "POST", "/durable/records/since", {})[1]["alive"] == []


def test_what_is_over_a_quota_is_refused_for_some_seconds(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    (token, _), key = asked.join("b"), str(uuid4())
    now = 0.0
    asked.port.quotas = Quotas(clock=lambda: now)
    capsys.readouterr()
    run = {"name": "r", "task_key": "k", "dynamic_key": "1"}
    for each, method, path, body in (
        (RUNS, "POST", "/api/task_runs/", run),
        (FILES, "PUT", f"/durable/storage/parameters/{key}", parameters(key, "Ford")),
        (BYTES, "POST", "/durable/records", [{"keys": ["k"], "server": "one", "n": 0}]),
    ):
        assert asked.ask(token, method, path, body)[0] in (200, 204, 299)
        bucket = asked.port.quotas._of("?").buckets[each]
        bucket.take(each.most + 10 * each.rate)
        for _ in range(3):
            status, answer = asked.ask(token, method, path, body)
            assert status == 429 and each.what in answer["detail"]
            assert 8 <= int(asked.headers[b"retry-after"]) <= 11
        assert asked.ask(token, "PUT", "/durable/session")[0] == 200  # a lease is renewed all the same
        now += 11
        assert asked.ask(token, method, path, body)[0] in (200, 204, 299)
        bucket.take(-bucket._left)
        now += 100
    assert len(capsys.readouterr().out.splitlines()) == 3 + 1  # and that it serves


def test_lines_of_a_log_are_counted(asked: Asked) -> None:
    token, _ = asked.join("b")
    line = {"name": "a", "level": 1, "timestamp": "2026-01-01T00:00:00Z", "message": '"timestamp":'}
    assert asked.ask(token, "POST", "/api/logs/", [line] * 101)[0] == 400
    asked.port.quotas = Quotas(clock=lambda: 0.0)
    asked.ask(token, "POST", "/api/logs/", [line] * 7)
    bucket = asked.port.quotas._of("?").buckets[LOG_LINES]
    assert bucket._left == LOG_LINES.most - 7
    asked.ask(token, "POST", "/api/logs/", [{**line, "message": "{" * 500}])
    assert bucket._left == LOG_LINES.most - 7 - 100  # as many as there could be

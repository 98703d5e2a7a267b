"""make status: its lines and its exit code, of real servers that answer what a test says."""

import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from durable.record_folder import lease_of
from durable.records import Record
from workshop_kit import examples, state_files
from workshop_kit.commands import check_there, status
from workshop_kit.settings import settings


class Server(http.server.ThreadingHTTPServer):
    """Answers with what stands in `pages`, as JSON; otherwise 404."""

    def __init__(self, pages: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = pages


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self.path in self.server.pages
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.pages.get(self.path)).encode())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def serving(pages: dict[str, Any]) -> Server:
    server = Server(pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """What answers as a Prefect server with one task server; the settings name it."""
    server = serving({"/api/health": True, "/api/task_workers/filter": [{"identifier": "here-1", "task_keys": []}]})
    monkeypatch.setenv("PREFECT_PORT", str(server.server_port))
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    settings.cache_clear()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("COMPOSE_PROJECT_NAME", "JOINED", "REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(status.workshop, "end_without_a_word", lambda: None)
    (home / "run").mkdir()
    return home / "run"


def said(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = status.main()
    return code, capsys.readouterr().out.splitlines()


def claim(ex: int = 2, **more: object) -> None:
    fields = {"ex": ex, "servers": 1, "remote": 0, "url": "", "docker": 0, "code": examples.folder(ex)}
    state_files.claim_example(fields | more)


def test_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == (3, ["nothing runs: make ex2"])


def test_another_machine_has_this_home(home: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim()
    (run / "machine").write_text("another-boot-id another\n")
    where = "make status there, or another WORKSHOP_HOME here"
    assert said(capsys) == (1, [f"{home} is in use on another machine, another: {where}"])


def test_something_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    state_files.write_pids("task_server.1", [os.getpid()])
    assert said(capsys) == (1, ["an example was killed and left 2 process(es) or container(s): make stop"])


def test_the_background_server(prefect: Server, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state_files.write_pids("background-server", [])
    at = f"http://127.0.0.1:{prefect.server_port}"
    assert said(capsys) == (
        0,
        [f"the Prefect server of example 1 runs in the background: {at} (make stop ends it)"],
    )
    prefect.pages["/api/health"] = "no"
    log = home / "logs" / "server.log"
    assert said(capsys) == (1, [f"the Prefect server of example 1 is starting, or not healthy: see {log}"])


def test_an_example_that_is_ready(prefect: Server, capsys: pytest.CaptureFixture[str]) -> None:
    claim()
    assert said(capsys) == (
        0,
        [
            f"example 2 runs (pid {os.getpid()})",
            f"  Prefect       healthy: http://127.0.0.1:{prefect.server_port}",
            "  task servers  1 subscribed, 1 wanted",
            "ready",
        ],
    )


def test_an_example_that_lacks_a_task_server(prefect: Server, capsys: pytest.CaptureFixture[str]) -> None:
    claim(servers=2)
    code, lines = said(capsys)
    assert (code, lines[2:]) == (1, ["  task servers  1 subscribed, 2 wanted", "not ready yet"])


def test_an_example_without_its_prefect_server(prefect: Server, capsys: pytest.CaptureFixture[str]) -> None:
    del prefect.pages["/api/health"]
    claim(code="/my/ex2")
    code, lines = said(capsys)
    assert code == 1
    assert lines[0] == f"example 2 runs with your code in /my/ex2 (pid {os.getpid()})"
    assert lines[1:] == [f"  Prefect       does not answer on port {prefect.server_port}", "not ready yet"]


def test_the_services_of_an_example(
    prefect: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ex = examples.first(lambda example: example.services).number
    service = examples.EXAMPLES[ex].services[0]
    monkeypatch.setenv(service.port, str(prefect.server_port))
    claim(ex, llm="canned")
    monkeypatch.setitem(examples.EXAMPLES[ex].__dict__, "services", [service])
    name = f"  {service.name.removeprefix('the '):13}"
    code, lines = said(capsys)
    assert code == 1
    assert lines[3:] == [
        f"{name} does not answer properly on port {prefect.server_port}",
        "  model         LLM=canned",
        "not ready yet",
    ]
    prefect.pages[service.path] = {}
    code, lines = said(capsys)
    assert (code, lines[3], lines[-1]) == (0, f"{name} answers: http://127.0.0.1:{prefect.server_port}", "ready")


def test_how_others_join(prefect: Server, home: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "127.0.0.1:4243"
    claim(at=own)
    assert not any("others join" in line for line in said(capsys)[1])
    (home / "port").mkdir()
    (home / "port" / "code").write_text("a-code\n")
    assert f"  others join   make server AT={own}, with the code a-code" in said(capsys)[1]
    state_files.forget_example()
    claim(at=own, docker=1)
    code, lines = said(capsys)
    assert lines[0] == f"example 2 runs in Docker (pid {os.getpid()})"
    assert not any("others join" in line for line in lines)  # nobody has copied the containers' yet
    (run / "port").mkdir()
    (run / "port" / "code").write_text("another")
    assert f"  others join   make server AT={own}, with the code another" in said(capsys)[1]


def test_an_address_that_this_machine_has_no_more(prefect: Server, capsys: pytest.CaptureFixture[str]) -> None:
    claim(at="192.0.2.7:4243")
    code, lines = said(capsys)
    what = "no machine can join: 192.0.2.7 is no address of this machine any more. Try: make stop, then make ex2"
    assert (code, lines[-2:]) == (1, [f"  others join   {what}", "not ready yet"])


def test_the_task_servers_of_other_machines_are_counted_apart(
    prefect: Server, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claim(at="127.0.0.1:4243")
    about: dict[str, Any] = {"keys": ["k"], "host": "b", "pid": 7, "lease": 20.0}
    long_ago = Record(home / "task-servers", "one on b", clock=lambda: 1_700_000_000.0, **about)
    long_ago.write(event="up")
    assert long_ago.path
    prefect.pages["/api/task_workers/filter"].append({"identifier": "b-7", "task_keys": ["k"]})
    assert said(capsys)[1][2] == "  task servers  1 subscribed, 1 wanted, and 1 on b"
    os.utime(lease_of(long_ago.path), (time.time() - 12.4,) * 2)
    assert said(capsys)[1][3] == f"{'':16}one on b: no heartbeat for 12 s; its runs move in 8 s"
    del prefect.pages["/api/task_workers/filter"][0]  # the example's own is gone, and the other one does not stand in
    code, lines = said(capsys)
    assert (code, lines[2]) == (1, "  task servers  0 subscribed, 1 wanted, and 1 on b")
    long_ago.close()


def test_a_prefect_server_of_the_users(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim(remote=1, url="https://prefect.example/api")
    lines = [
        f"example 2 runs (pid {os.getpid()})",
        "  Prefect       REMOTE=1: https://prefect.example/api, a server of yours",
    ]
    assert said(capsys) == (1, [*lines, "not ready yet"])
    state_files.note_ready()
    assert said(capsys) == (0, [*lines, "ready"])


def test_another_machine_that_was_joined(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "joined").mkdir()
    (home / "joined" / "joined.json").write_text('{"at": "https://192.0.2.7:4243"}')
    state_files.write_pids("task_server.1", [os.getpid()])
    become: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: become.append(arguments))
    status.there()
    assert capsys.readouterr().out.splitlines() == [
        "this machine has joined 192.0.2.7:4243 (make leave forgets it)",
        "  task servers  1 of this machine",
    ]
    assert become[0][1:] == ["commands.check_there"]


@pytest.mark.parametrize(
    ("sessions", "kept", "code", "lines"),
    [
        ([], [], 0, ["  a             answers; 0 task server(s) have joined it, 0 of this machine, b", "ready"]),
        (
            [("b", "task_server.1"), ("b", ""), ("c", "task_server.1")],
            ["task_server.1"],
            0,
            ["  a             answers; 2 task server(s) have joined it, 1 of this machine, b", "ready"],
        ),
        (
            [("b", ""), ("c", "task_server.1")],
            ["task_server.1"],
            1,
            ["  a             answers; 1 task server(s) have joined it, 0 of this machine, b", "not ready yet"],
        ),
    ],
)
def test_whether_the_task_servers_of_this_machine_serve_there(
    sessions: list[tuple[str, str]],
    kept: list[str],
    code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = [{"machine": machine, "server": server} for machine, server in sessions]
    there = serving({"/durable/sessions": said})
    monkeypatch.setenv("JOINED_THERE", "a")
    monkeypatch.setenv("JOINED_NAME", "b")
    monkeypatch.setattr(
        check_there, "settings", lambda: SimpleNamespace(joined=f"http://127.0.0.1:{there.server_port}")
    )
    for name in kept:
        state_files.write_pids(name, [os.getpid()])
    assert (check_there.main(), capsys.readouterr().out.splitlines()) == (code, lines)
    there.shutdown()
    there.server_close()

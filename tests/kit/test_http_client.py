"""Plain HTTP: what a caller is told, whatever a server says or does not say; and all runs, page by page."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from workshop_kit import http_client, prefect_api
from workshop_kit.settings import settings

RUNS = [
    {"id": f"run {number}", "created": f"{1000 - number:04}", "state": {"state_details": {"deferred": number != 3}}}
    for number in range(450)
] + [{"id": "between two states", "created": "0", "state": None}]


class Server(BaseHTTPRequestHandler):
    """Answers by the path, and notes what it was asked."""

    asked: list[tuple[str, str, str, bytes]] = []

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, self.headers["Accept"], body))
        match self.path.removeprefix("/api"):
            case "/json":
                self.answer(200, b'{"a": "\xc3\xb6"}')
            case "/health":
                self.answer(200, b"true")
            case "/latin":
                self.answer(200, b"\xf6", **{"Content-Type": "text/plain; charset=latin-1"})
            case "/refused":
                self.answer(409, b'{"detail": "no"}')
            case "/no-json":
                self.answer(200, b"<html>")
            case "/moved":
                self.answer(307, b"", Location="/json")
            case "/task_runs/filter":
                wanted = json.loads(body)
                begin = wanted.get("offset", 0)
                self.answer(200, json.dumps(RUNS[begin : begin + wanted["limit"]]).encode())
            case "/task_runs/count":
                self.answer(200, b"451")
            case "/task_workers/filter":
                self.answer(200, b'[{"identifier": "host-1", "task_keys": []}]')
            case _:
                self.answer(404, b"")

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # must not get it
        settings.cache_clear()
        http_client._opener.cache_clear()
        yield address
        server.shutdown()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_an_answer_is_told_whatever_its_status(url: str) -> None:
    answer = http_client.ask("GET", f"{url}/json")
    assert (answer.status, answer.ok, answer.json()) == (200, True, {"a": "ö"})
    answer = http_client.ask("POST", f"{url}/refused", {"name": "Ford"})
    assert (answer.status, answer.ok, answer.json()) == (409, False, {"detail": "no"})
    assert Server.asked[-1] == ("POST", "/refused", "*/*", b'{"name": "Ford"}')
    assert http_client.ask("GET", f"{url}/latin").text == "ö"


def test_a_post_that_is_sent_on_stays_a_post(url: str) -> None:
    assert http_client.ask("POST", f"{url}/moved", {"name": "Ford"}).status == 200
    assert [asked[0] for asked in Server.asked] == ["POST", "POST"]
    assert Server.asked[-1][3] == b'{"name": "Ford"}'


def test_a_page_is_asked_for_as_by_a_browser(url: str, nobody: str) -> None:
    assert http_client.page(f"{url}/no-json") == (200, "<html>")
    assert Server.asked[-1][2] == "text/html,*/*"
    assert http_client.page(f"{url}/nothing") == (404, "")
    assert http_client.page(nobody) == (0, "")


@pytest.mark.parametrize("path", ["/refused", "/no-json", "/nothing"])
def test_json_that_is_none_is_an_oserror(url: str, path: str) -> None:
    with pytest.raises(OSError):
        http_client.call("GET", url + path)


def test_nobody_answers(nobody: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        http_client.call("GET", nobody)


@pytest.mark.parametrize("says", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_a_server_that_does_not_speak_http(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(says)

        threading.Thread(target=speak, daemon=True).start()
        with pytest.raises(ConnectionError):
            http_client.ask("GET", f"http://127.0.0.1:{listening.getsockname()[1]}")


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(TimeoutError):
        http_client.ask("GET", f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.1)


def test_all_runs_page_by_page(url: str) -> None:
    assert [run["id"] for run in prefect_api.runs_in("SCHEDULED")] == [run["id"] for run in RUNS]
    assert [json.loads(asked[3])["offset"] for asked in Server.asked] == [0, 200, 400]
    waiting = prefect_api.waiting_runs()
    # Oldest first; one that waits to try again and one without a state are not among them.
    assert len(waiting) == 449 and waiting[0]["id"] == "run 449"


def test_some_runs_page_by_page(url: str) -> None:
    list(prefect_api.of_these([f"run {number}" for number in range(201)], "COMPLETED", "FAILED"))
    asked = [json.loads(each[3])["task_runs"] for each in Server.asked]
    assert [len(each["id"]["any_"]) for each in asked] == [200, 1]
    assert asked[0]["state"] == {"type": {"any_": ["COMPLETED", "FAILED"]}}


def test_questions_to_an_api_that_is_there(url: str) -> None:
    assert prefect_api.healthy() and prefect_api.count("SCHEDULED") == 451
    assert [server["identifier"] for server in prefect_api.subscribed()] == ["host-1"]


def test_questions_to_an_api_that_is_away(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{nobody}/api")
    settings.cache_clear()
    assert not prefect_api.healthy() and prefect_api.subscribed() == []
    with pytest.raises(OSError):
        prefect_api.waiting_runs()

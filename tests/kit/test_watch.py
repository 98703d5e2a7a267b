"""What the board says of task servers on other machines, when the Prefect server is away and when it is back."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from durable import join_command, joining
from durable.record_folder import lease_of
from durable.records import Record, Records
from workshop_kit import http_client, joined, state_files
from workshop_kit.commands import watch
from workshop_kit.settings import settings

RUNNING = state_files.RunningExample(7, 1, 1, docker=False, postgresql=False, code=Path("/"), own_code=False)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Records]:
    """The records of a task server that sent no heartbeat for 15 of its 20 s."""
    record = Record(tmp_path / "records", "one on b", keys=["k"], host="b", pid=7, lease=20.0)
    assert record.path
    os.utime(lease_of(record.path), (time.time() - 15,) * 2)
    found = Records(tmp_path / "records")
    found.read()
    yield found
    record.close()


def shown(found: Records, answers: watch.Answers) -> str:
    console = Console(width=150, no_color=True)
    with console.capture() as capture:
        console.print(watch.board(found, answers, RUNNING, 30))
    return capture.get()


def test_nobody_is_called_silent_while_nobody_can_be_heard_of(silent: Records) -> None:
    answers = watch.Answers()
    assert "no heartbeat" not in shown(silent, answers) and "the Prefect API is unreachable" in shown(silent, answers)
    before = watch.news(silent, answers, RUNNING)
    answers.there = True
    assert "one on b: no heartbeat for 15 s; its runs move in 5 s" in shown(silent, answers)
    assert watch.news(silent, answers, RUNNING) != before


def test_a_board_on_another_machine_comes_back_when_that_one_was_started_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(method: str, url: str, body: Any = None, timeout: float = 5, accept: str = "") -> http_client.Answer:
        asked.append(os.environ["PREFECT_CLIENT_CUSTOM_HEADERS"])
        known = "new" in asked[-1]
        return http_client.Answer(200 if known else 401, "[]" if "filter" in url else "0")

    def join(at: str, code: str, identity: str) -> joining.Joined:
        return joining.Joined(f"https://{at}", "", "new", "a", "b")

    monkeypatch.setattr(http_client, "ask", ask)
    monkeypatch.setattr(join_command, "join", join)
    monkeypatch.setattr(join_command.joining, "ca_fingerprint_of_pem", lambda _: "CA")
    for name in ("NO_PROXY", "no_proxy", "PREFECT_API_SSL_CERT_FILE", "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"):
        monkeypatch.setenv(name, "")
    for name in ("RECORDS", "PLAIN_STORAGE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("JOINED", "https://192.0.2.7:4243")
    monkeypatch.setenv("PREFECT_API_URL", "https://192.0.2.7:4243/api")
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", "old")
    settings.cache_clear()
    joining.write_private(joined.kept_file(), '{"at": "https://192.0.2.7:4243", "code": "c"}')
    monkeypatch.setattr(watch, "why_they_wait", lambda _: "")
    answers = watch.Answers()
    answers.ask()
    assert not answers.there
    answers.ask()
    assert answers.there and asked[0] == "old" and "new" in asked[-1]

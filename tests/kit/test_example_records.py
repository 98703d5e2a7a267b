"""What a board on a machine that has joined another says of the task servers: those that live there, and no others."""

import time
from pathlib import Path
from typing import Any

import pytest

from durable.port.records import lines_since
from durable.record_folder import lease_of
from durable.records import Record, Records
from workshop_kit.commands import example_records
from workshop_kit.commands.example_records import ExampleRecords, missed_heartbeats, task_servers
from workshop_kit.settings import settings


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of records of the machine that this one has joined."""
    monkeypatch.setenv("JOINED", "https://192.0.2.7:4243")
    settings.cache_clear()
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


@pytest.fixture
def answers(there: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What that machine leaves out of its answers; "all": it does not answer."""
    missing: list[str] = []

    def call(method: str, url: str, offsets: Any) -> Any:
        assert (method, url) == ("POST", "https://192.0.2.7:4243/durable/records/since")
        if "all" in missing:
            raise ConnectionError("nobody")
        return {name: value for name, value in lines_since(there, offsets).items() if name not in missing}

    monkeypatch.setattr(example_records.http_client, "call", call)
    monkeypatch.setattr(example_records, "ASK_EVERY", -1.0)
    return missing


def begin(folder: Path, name: str, **about: Any) -> Record:
    return Record(folder, name, keys=["ex7.greet-1"], **about)


def shown(records: ExampleRecords) -> list[str]:
    return sorted(server.name for server in task_servers(records.read(docker=False)))


def test_who_has_left_is_on_no_board(there: Path, answers: list[str]) -> None:
    own, other = begin(there, "one"), begin(there, "one on b", host="b", lease=20.0)
    live = ExampleRecords()
    assert shown(live) == shown(ExampleRecords()) == ["one", "one on b"]
    other.close()
    assert shown(live) == shown(ExampleRecords()) == ["one"]
    own.close()
    again = begin(there, "one on b", host="b", lease=20.0)
    assert shown(live) == shown(ExampleRecords()) == ["one on b"]
    again.close()
    assert shown(live) == shown(ExampleRecords()) == []


def test_while_that_machine_is_away_the_board_stays_as_it_was(there: Path, answers: list[str]) -> None:
    own = begin(there, "one")
    assert shown(ExampleRecords()) == ["one"]
    answers.append("all")
    own.close()
    assert shown(ExampleRecords()) == ["one"]
    answers.clear()
    assert shown(ExampleRecords()) == []


def test_one_that_does_not_say_who_lives_shows_the_newest_of_each_name(there: Path, answers: list[str]) -> None:
    answers.append("alive")  # durable 1.0.0
    begin(there, "one").close()
    own, other = begin(there, "one"), begin(there, "one on b", host="b", lease=20.0)
    assert shown(ExampleRecords()) == ["one", "one on b"]
    own.close()
    other.close()


def test_a_machine_that_was_heard_of_just_now_is_not_called_silent(there: Path, answers: list[str]) -> None:
    long_ago = time.time() - 300
    other = begin(there, "one on b", clock=lambda: long_ago, host="b", lease=20.0)
    assert other.path
    assert lease_of(other.path).stat().st_mtime > time.time() - 10
    assert missed_heartbeats(ExampleRecords().read(docker=False)) == []  # make watch ONCE=1 looks once
    other.close()


# --- whose they are -----------------------------------------------------------------------------------


def connected(folder: Path, name: str, **about: Any) -> Record:
    record = begin(folder, name, **about)
    record.write(event="up")
    return record


def named(*identifiers: str) -> list[dict[str, Any]]:
    """What Prefect's server says."""
    return [{"identifier": each, "task_keys": ["ex7.greet-1"]} for each in identifiers]


@pytest.mark.parametrize(
    ("said", "counted", "elsewhere"),
    [
        ([], "1 of 1, and 1 on b, 1 on b-2", "1 on b, 1 on b-2"),  # all are full, and on record
        (["a-1"], "1 of 1, and 1 on b, 1 on b-2", "1 on b, 1 on b-2"),
        (["a-1", "b-7", "b-8"], "1 of 1, and 1 on b, 1 on b-2", "1 on b, 1 on b-2"),
        (["b-8", "b-7"], "1 of 1, and 1 on b, 1 on b-2", "1 on b, 1 on b-2"),
        (["a-1", "a-9"], "1 of 1, and 1 more, and 1 on b, 1 on b-2", "1 on b, 1 on b-2"),  # OURS=0 keeps no record
    ],
)
def test_an_example_counts_its_own_and_others_by_machine(
    tmp_path: Path, said: list[str], counted: str, elsewhere: str
) -> None:
    records = [
        connected(tmp_path / "r", "one", host="a", pid=1),
        connected(tmp_path / "r", "one on b", host="b", pid=7, lease=20.0),
        connected(tmp_path / "r", "one on b-2", host="b-2", pid=8, lease=20.0),  # its host name is b, too
    ]
    begin(tmp_path / "r", "two on b", host="b", pid=70, lease=20.0).close()  # has left
    found = Records(tmp_path / "r")
    found.read()
    servers = example_records.merged(named(*said), found.processes.values())
    assert example_records.counted(servers, 1) == counted
    assert example_records.listed_elsewhere(servers) == elsewhere
    for record in records:
        record.close()


def test_another_machine_does_not_stand_in_for_one_of_the_examples_own(tmp_path: Path) -> None:
    other = connected(tmp_path / "r", "one on b", host="b", pid=7, lease=20.0)
    found = Records(tmp_path / "r")
    found.read()
    assert example_records.counted(example_records.merged(named("b-7"), found.processes.values()), 1) == (
        "0 of 1, and 1 on b"
    )
    other.close()


@pytest.mark.parametrize(
    ("name", "host", "same"),
    [("b", "b", True), ("b-2", "b", True), ("b-2", "b-2", True), ("b", "b-2", False), ("bc", "b", False)],
)
def test_the_names_that_a_machine_may_have_here(name: str, host: str, same: bool) -> None:
    assert example_records.is_called(name, host) is same

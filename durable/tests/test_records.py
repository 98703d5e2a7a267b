"""The lines that a task server writes into its record: on a full disk, cut in half, by an earlier version."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.record_folder import lease_of
from durable.records import Record, Records
from durable.run_history import RunHistory


class Disk:
    """A file on a disk with so many free bytes: it takes a piece of a line, and then nothing, as a real one does."""

    def __init__(self, file: Any) -> None:
        self.file, self.free = file, 1_000_000

    def write(self, line: bytes) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = int(self.file.write(line[: self.free]))
        self.free -= taken
        return taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def begin(folder: Path) -> tuple[Record, Disk]:
    record = Record(folder, "one", keys=["k"], limit=1)
    record._file = disk = Disk(record._file)
    return record, disk


def histories(folder: Path) -> dict[str, RunHistory]:
    records = Records(folder)
    records.read()
    return records.runs


@given(st.integers(0, 100), st.booleans())
def test_a_start_that_a_full_disk_cuts_at_any_byte_counts_as_nothing_and_takes_nothing_along(
    tmp_path_factory: pytest.TempPathFactory, free: int, again: bool
) -> None:
    folder = tmp_path_factory.mktemp("records")
    record, disk = begin(folder)
    disk.free = free
    try:
        record.write(must=True, run="a", event="start", state="s")
        written = True
    except OSError as error:
        assert error.errno == errno.ENOSPC
        written = False
    assert written == bool(histories(folder))
    if again:  # the process is another one by now, and there is space again
        assert record.path
        record.path.with_suffix(".leased").touch()
        record = Record.again(record.path)
    else:
        disk.free = 1_000_000
    record.write(must=True, run="b", event="start", state="t")
    assert set(histories(folder)) == ({"a", "b"} if written else {"b"})


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), min_size=1, max_size=12))
def test_what_was_written_without_an_error_is_read_in_its_order_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bool, int]]
) -> None:
    folder = tmp_path_factory.mktemp("records")
    record, disk = begin(folder)
    expected = []
    for number, (must, free) in enumerate(writes):
        disk.free = free
        run = f"run-{number}"
        try:
            record.write(must=must, run=run, event="start", state="s")
        except OSError:
            assert must
            continue
        expected.append(run)
    disk.free = 1_000_000
    record.write(run="last", event="start", state="s")
    assert list(histories(folder)) == [*expected, "last"]


@given(st.data())
def test_a_line_behind_a_piece_of_another_one_as_durable_1_0_0_left_them(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("records")
    first = json.dumps({"at": 1, "server": "one", "host": "h", "pid": 1, "keys": ["k"]})
    lost = json.dumps({"at": 2, "run": 'a "quoted" {"at": one', "event": "start", "state": "s"})
    kept = json.dumps({"at": 3, "run": "b", "event": "start", "state": "t"})
    piece = lost[: data.draw(st.integers(0, len(lost)))]
    (folder / "one.jsonl").write_text(f"{first}\n{piece}{kept}\n")
    assert set(histories(folder)) == {"b"}


@pytest.mark.parametrize(
    "line", ["1", "[]", "null", '"at"', '{"at": 1}', '{"event": "start"}', '{"at": null, "event": "start"}']
)
def test_a_line_that_says_nothing_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / "one.jsonl").write_text(f'{line}\n{{"at": 3, "run": "b", "event": "start", "state": "t"}}\n')
    assert set(histories(tmp_path)) == {"b"}


def test_the_first_look_knows_when_a_machine_was_heard_of(tmp_path: Path) -> None:
    at = [1_700_000_000.0]
    record = Record(tmp_path, "one on b", clock=lambda: at[0], keys=["k"], lease=20.0)
    assert record.path
    os.utime(lease_of(record.path), (at[0] + 300,) * 2)
    for look in (Records(tmp_path), Records(tmp_path, copied=True)):  # make watch ONCE=1 looks once
        look.read()
        (process,) = look.processes.values()
        assert (process.lease, process.last_heartbeat - at[0]) == (20.0, 300.0)
    record.close()


def test_in_a_copy_the_lease_of_another_machine_is_over_where_its_mark_is_gone(tmp_path: Path) -> None:
    own = Record(tmp_path, "one", keys=["k"])
    left, other = (Record(tmp_path, name, keys=["k"], host=name[-1], lease=20.0) for name in ("one on b", "one on c"))
    left.close()
    found = Records(tmp_path, copied=True)
    found.read()
    assert {each.name for each in found.processes.values() if each.alive} == {"one", "one on c"}
    own.close()
    other.close()

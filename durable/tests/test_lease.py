"""The moment until which a task server on another machine may run, in the process and in its file."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable import lease
from durable.lease import Deadline, overdue

MOMENTS = st.floats(0.001, 1e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all examples of Hypothesis."""
    return tmp_path_factory.mktemp("lease")


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_it_never_comes_nearer_and_the_file_says_the_same(folder: Path, moments: list[float]) -> None:
    file = folder / "lease"
    deadline = Deadline(str(file))
    for number, moment in enumerate(moments):
        deadline.set(moment)
        assert deadline.at == max(moments[: number + 1])
        assert file.read_text() == f"{deadline.at:.3f} {os.getpid()}\n"
    assert os.listdir(file.parent) == ["lease"]


def test_of_two_threads_the_later_moment_stays_in_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deadline, file = Deadline(str(tmp_path / "lease")), tmp_path / "lease"
    other = threading.Thread(target=deadline.set, args=[2000])
    write = lease.write_whole

    def slow(*given: Any) -> None:
        monkeypatch.setattr(lease, "write_whole", write)
        other.start()
        other.join(0.1)  # seconds for it to be first, if nothing holds it up
        write(*given)

    monkeypatch.setattr(lease, "write_whole", slow)
    deadline.set(1000)
    other.join()
    assert deadline.at == 2000 and file.read_text().startswith("2000.000 ")


@pytest.mark.parametrize("file", [None, "", "no/such/folder/lease"])
def test_without_a_file_or_a_disk_the_process_itself_knows(
    file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deadline = Deadline(file)
    deadline.set(1)
    assert deadline.at == 1 and deadline.passed() and os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("at", "now", "passed"),
    [(None, 1000, False), (1000, 999, False), (1000, 1000, False), (1000, 1000.5, True), (0.5, 1, True)],
)
def test_when_it_has_passed_here_and_for_what_keeps_the_process(
    at: float | None, now: float, passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "now", lambda: now)
    deadline = Deadline(str(tmp_path / "lease"))
    if at is not None:  # before the first one there is no end
        deadline.set(at)
    assert deadline.passed() is passed
    assert overdue(tmp_path / "lease") == (os.getpid() if passed else None)


@pytest.mark.parametrize("length", range(len("1.000 4321\n")))
def test_a_file_that_is_cut_at_any_byte_names_nobody(length: int, tmp_path: Path) -> None:
    (tmp_path / "lease").write_text("1.000 4321\n")
    assert overdue(tmp_path / "lease") == 4321
    (tmp_path / "lease").write_text("1.000 4321\n"[:length])
    assert overdue(tmp_path / "lease") is None


@pytest.mark.parametrize(
    "content", [b"\n", b"x 4321\n", b"1.0 x\n", b"1.0 4.5\n", b"1.0 1 1\n", b"nan 1\n", b"inf 1\n", b"\xff 1\n", b"1\n"]
)
def test_what_is_no_deadline_names_nobody(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "lease").write_bytes(content)
    assert overdue(tmp_path / "lease") is None


@given(st.binary(max_size=30) | st.from_regex(r"[0-9. \ne-]{0,30}", fullmatch=True).map(str.encode))
def test_no_content_is_an_error(folder: Path, content: bytes) -> None:
    file = folder / "lease"
    file.write_bytes(content)
    assert overdue(file) is None or len(content.split()) == 2


def test_no_file_and_a_folder_name_nobody(tmp_path: Path) -> None:
    assert overdue(tmp_path / "lease") is None
    assert overdue(tmp_path) is None

"""Facts about processes: the same from /proc as from ps, where both are there."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop_kit import processes

NOBODY = 2**22 + 1  # no pid of any Linux
HAS_PROC = Path("/proc/self/stat").exists()  # not on macOS; ps is everywhere, for the other tests need it, too


@pytest.fixture(params=["proc", "ps"] if HAS_PROC else ["ps"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "ps":
        monkeypatch.setattr(processes, "PROC", Path("/no"))
    return request.param


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.write(process.stdin.fileno(), b"\n")
    os.read(process.stdout.fileno(), 1)  # until then it may still be a copy of this process
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.communicate()


def test_a_start_time_stays_and_goes_with_the_process(source: str, child: subprocess.Popen[bytes]) -> None:
    first = processes.started_at(child.pid)
    assert first and processes.started_at(child.pid) == first
    assert processes.started_at(NOBODY) == ""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert processes.started_at(child.pid) == ""


def test_a_start_time_does_not_depend_on_language_and_time_zone(
    monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(processes, "PROC", Path("/no"))
    first = processes.started_at(child.pid)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert processes.started_at(child.pid) == first


def test_name_and_parent(source: str, child: subprocess.Popen[bytes]) -> None:
    assert processes.name(child.pid).endswith("cat") and processes.parent(child.pid) == os.getpid()
    assert processes.name(NOBODY) == "" and processes.parent(NOBODY) == 0


def test_which_are_stopped(source: str, child: subprocess.Popen[bytes]) -> None:
    assert processes.stopped([child.pid, os.getpid(), NOBODY]) == []
    assert processes.stopped([]) == []
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    assert processes.stopped([child.pid, os.getpid(), NOBODY]) == [child.pid]


def test_what_a_process_has_used(source: str) -> None:
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    seconds, memory = processes.used(os.getpid())
    assert 5 < memory < 2000
    assert abs(seconds - time.process_time()) < 1.5  # ps counts whole seconds
    with pytest.raises(OSError):
        processes.used(NOBODY)


def test_open_files_where_the_system_tells(tmp_path: Path) -> None:
    before = processes.open_files(os.getpid())
    with (tmp_path / "file").open("w"):
        assert processes.open_files(os.getpid()) == before + HAS_PROC
    assert processes.open_files(NOBODY) == 0


def test_signals_that_a_program_catches_where_the_system_tells(child: subprocess.Popen[bytes]) -> None:
    mask = processes.caught_signals(child.pid, "cat")
    assert int(mask, 16) == 0 if HAS_PROC else mask == ""
    assert processes.caught_signals(child.pid, "make") == ""
    assert processes.caught_signals(NOBODY, "make") == ""

"""How `keep` waits: an event wakes it, so it need not look often."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop_kit import state_files
from workshop_kit.launch.saved_code import SavedCode

KIT = Path(__file__).resolve().parents[2]
# Who only looked now and then would look a second time after an hour.
HOURLY = "from workshop_kit.launch import keep; keep.CALM = 3600; raise SystemExit(keep.main())"


@pytest.fixture
def keeper(home: Path) -> Iterator[subprocess.Popen[str]]:
    (home / "run").mkdir()
    path = os.pathsep.join([str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")])
    process = subprocess.Popen(
        [sys.executable, "-c", HOURLY, "--name", "it.1", "sh", "-c", "echo begun; exec sleep 1000"],
        env={"PATH": os.environ["PATH"], "WORKSHOP_HOME": str(home), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(60, process.kill)  # then it prints nothing more
    timer.start()
    yield process
    timer.cancel()
    process.kill()
    process.wait()


def test_a_signal_and_the_end_of_the_child_wake_it_at_once(keeper: subprocess.Popen[str]) -> None:
    assert keeper.stdout
    assert keeper.stdout.readline() == "begun\n"
    while not (before := state_files.children("it")):  # it is written down a moment after its start
        time.sleep(0.01)
    os.kill(before["it.1"], signal.SIGKILL)
    assert "it.1 was killed by SIGKILL; starting it again (1 of 3 in a minute)" in keeper.stdout.readline()
    assert keeper.stdout.readline() == "begun\n"
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait() == 0
    assert not state_files.children("it")


def test_what_its_command_prints_is_plain_on_a_terminal_of_its_own_too(home: Path) -> None:
    (home / "run").mkdir()
    ours, terminal = pty.openpty()
    path = os.pathsep.join([str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")])
    hostile = r"printf 'a\033]0;title\007\342\200\256b\n'; exec sleep 1000"
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop_kit.launch.keep", "--name", "it.1", "sh", "-c", hostile],
        env={"PATH": os.environ["PATH"], "WORKSHOP_HOME": str(home), "PYTHONPATH": path},
        stdout=terminal,
    )
    timer = threading.Timer(60, process.kill)
    timer.start()
    os.close(terminal)
    said = b""
    while b"\n" not in said and process.poll() is None:
        said += os.read(ours, 1000)
    assert said.decode() == "a�b\r\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    timer.cancel()
    os.close(ours)


def test_a_module_or_a_package_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import this\n")
    code = SavedCode(tmp_path / "program.py")
    assert not code.came_or_went()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    assert not code.came_or_went()
    (tmp_path / "random.py").touch()
    assert code.came_or_went()
    (tmp_path / "empty" / "__init__.py").touch()
    assert code.came_or_went()
    assert not code.came_or_went()
    (tmp_path / "random.py").unlink()
    assert code.came_or_went()

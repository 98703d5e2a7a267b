"""Each of our overrides of honcho, and what honcho would do without it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

KIT = Path(__file__).resolve().parents[2]

RUN = """
import multiprocessing, os, signal, sys
from honcho.printer import Printer
from workshop_kit.launch.honcho_manager import Manager

class Terminal:
    write, flush = sys.stdout.write, sys.stdout.flush
    def isatty(self): return True

class ToldEarly(Manager):
    def _start(self):
        os.kill(os.getpid(), signal.SIGINT)
        super()._start()

how, patience, *commands = sys.argv[1:]
if how in multiprocessing.get_all_start_methods():
    multiprocessing.set_start_method(how)
manager = (ToldEarly if how == "early" else Manager)(Printer(Terminal()), float(patience))
for number, command in enumerate(commands):
    manager.add_process(f"p{number}", command)
manager.loop()
print("returned", manager.returncode)
"""
# When it is told to stop it finishes, in so many tenths of a second, and at once when it is told again.
FINISHING = """
trap 'echo told; [ $told ] && exit; told=1' TERM; echo up
until [ $told ]; do sleep .1; done
for n in $(seq {}); do sleep .1; done; echo done
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """start(HOW, PATIENCE, COMMAND…): a manager in a session of its own, that is killed after a minute."""
    started = []

    def begin(how: str, patience: float, *commands: str) -> "subprocess.Popen[str]":
        path = os.pathsep.join([str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")])
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", RUN, how, str(patience), *commands],
            env={"PATH": os.environ["PATH"], "WORKSHOP_HOME": str(home), "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        timer = threading.Timer(60, process.kill)
        timer.start()
        started.append((process, timer))
        return process

    yield begin
    for process, timer in started:
        timer.cancel()
        process.kill()
        process.wait()


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """What it prints, up to a line that ends so, or to the end."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.rstrip().endswith(text):
            break
    return "".join(lines)


def test_a_second_ctrl_c_is_told_too(start: Start) -> None:
    manager = start("", 60, FINISHING.format(500))
    read_until(manager, "up")
    manager.send_signal(signal.SIGINT)
    read_until(manager, "told")
    manager.send_signal(signal.SIGINT)
    rest = read_until(manager, "returned 130")
    assert "told" in rest
    assert "done" not in rest


def test_the_end_of_the_first_process_is_no_second_ctrl_c(start: Start) -> None:
    manager = start("", 60, "trap 'sleep .5; exit' TERM; echo up; while :; do sleep .1; done", FINISHING.format(20))
    read_until(manager, "up")
    read_until(manager, "up")
    manager.send_signal(signal.SIGTERM)
    rest = read_until(manager, "returned 143")
    assert rest.count("told") == 1
    assert "done" in rest


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_a_closed_terminal_is_the_end_in_good_order_however_often_it_is_noticed(
    start: Start, number: signal.Signals
) -> None:
    manager = start("", 60, FINISHING.format(10))
    read_until(manager, "up")
    manager.send_signal(number)
    read_until(manager, "told")
    manager.send_signal(number)
    rest = read_until(manager, "returned 143")
    assert "done" in rest
    assert "told" not in rest
    assert rest.endswith("returned 143\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_reads_the_lines_outlives_the_terminal_however_python_starts_processes(start: Start, method: str) -> None:
    manager = start(method, 60, FINISHING.format(10))
    read_until(manager, "up")
    os.killpg(manager.pid, signal.SIGHUP)  # as the terminal does it
    assert read_until(manager, "returned 143").endswith("returned 143\n")


def test_ctrl_c_before_all_have_started_is_no_stack_trace(start: Start) -> None:
    said = read_until(start("early", 60, "sleep 1000", "sleep 1000"), "returned 130")
    assert said.endswith("returned 130\n")
    assert "Traceback" not in said


def test_who_does_not_end_is_killed_when_the_given_patience_is_over(start: Start) -> None:
    first = "until [ -e $WORKSHOP_HOME/up ]; do sleep .1; done"
    second = "trap '' TERM; touch $WORKSHOP_HOME/up; sleep 4; echo late"
    said = read_until(start("", 0.5, first, second), "returned 0")
    assert "sending SIGKILL to p1" in said
    assert "late" not in said


def test_names_are_bold_and_have_no_colour(start: Start) -> None:
    said = read_until(start("", 60, "echo one", "echo two"), "returned 0")
    assert {part.partition("m")[0] for part in said.split("\033[")[1:]} == {"0", "1"}

"""make stop, and what the start of an example sweeps: what ends, in which order, and what is said of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop_kit import processes, state_files, waiting
from workshop_kit.commands import stop

# Notes each signal that it gets in a file, and ends at SIGTERM, unless it is told to be deaf.
NOTING = """
import signal, sys
name, log, deaf = sys.argv[1], sys.argv[2], sys.argv[3:]

def note(number, frame):
    with open(log, "a") as file:
        file.write(f"{name} {signal.Signals(number).name}\\n")
    if number == signal.SIGTERM and not deaf:
        sys.exit()

for number in (signal.SIGTERM, signal.SIGCONT):
    signal.signal(number, note)
print(flush=True)
while True:
    signal.pause()
"""
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process of a group of its own, which notes the signals that it gets."""
    started: list[subprocess.Popen[bytes]] = []

    def one(name: str, *deaf: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", NOTING, name, str(tmp_path / "log"), *deaf]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
        assert started[-1].stdout
        started[-1].stdout.read(1)
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRACE", "5")
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    (home / "run").mkdir()
    return home / "run"


def line(role: str, process: subprocess.Popen[bytes]) -> str:
    return f"{role} {process.pid} {processes.started_at(process.pid)}\n"


def heard(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def note_example(run: Path, launcher: subprocess.Popen[bytes]) -> None:
    started = processes.started_at(launcher.pid)
    (run / "example").write_text(f"ex=2\npid={launcher.pid}\nstarted={started}\nservers=1\n")


def test_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    stop.stop()
    assert capsys.readouterr().err == "nothing was running\n"


def test_an_example_and_the_background_server(
    run: Path, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher, background = start("launcher"), start("background")
    note_example(run, launcher)
    (run / "background-server.pids").write_text(line("keeper", background))
    stop.stop()
    assert capsys.readouterr().err == "stopped: example 2 and the background Prefect server\n"
    assert launcher.wait() == background.wait() == 0
    *first, last = heard(tmp_path)
    assert "launcher SIGTERM" in first  # a SIGCONT follows it at once, and may be noted before
    assert last == "background SIGTERM"  # the Prefect server hears of the last runs
    assert list(run.iterdir()) == []


def test_an_example_that_ctrl_z_has_stopped_goes_on_to_end(run: Path, start: Start) -> None:
    launcher = start("launcher")
    note_example(run, launcher)
    os.killpg(launcher.pid, signal.SIGSTOP)
    stop.stop()
    assert launcher.wait() == 0


def test_an_example_that_does_not_end_is_killed(run: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = []

    def at_once(seconds: float, what: str, left: Callable[[], list[object]]) -> bool:
        patience.append((seconds, what, len(left())))
        return not left()

    monkeypatch.setattr(waiting, "until_gone", at_once)
    launcher, keeper, child = start("launcher", "deaf"), start("keeper", "deaf"), start("child", "deaf")
    note_example(run, launcher)
    (run / "task_server.1.pids").write_text(line("keeper", keeper) + line("child", child))
    stop.stop()
    assert patience == [(45, "the example to end", 3), (15, "runs in flight to finish", 2)]
    assert [process.wait() for process in (launcher, keeper, child)] == [-signal.SIGKILL] * 3


def test_an_example_that_was_starting(run: Path, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    shell = start("shell")
    (run / "starting").write_text(f"{shell.pid} {processes.started_at(shell.pid)}\n")
    stop.stop()
    assert capsys.readouterr().err == "stopped: an example that was starting\n"
    assert shell.wait() == 0


def test_a_keeper_tells_its_children_and_an_orphan_is_told_by_the_sweep(
    run: Path, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper, child, orphan, background = start("keeper"), start("child"), start("orphan"), start("background")
    (run / "example").write_text("ex=2\npid=4194305\nstarted=1\nservers=2\n")  # killed
    (run / "server.1.pids").write_text(line("keeper", keeper))
    (run / "task_server.1.pids").write_text("keeper 4194305 1\n" + line("child", orphan))
    (run / "task_server.2.pids").write_text("keeper 4194305 1\n")
    (run / "background-server.pids").write_text(line("keeper", background) + line("child", child))
    stop.sweep()
    told = "cleaning up what an example left when it was killed: server.1 task_server.1\n"
    assert capsys.readouterr().err == told
    assert keeper.wait() == orphan.wait() == 0
    assert sorted(heard(tmp_path)) == ["keeper SIGTERM", "orphan SIGTERM"]
    assert [path.name for path in run.iterdir()] == ["background-server.pids"]


def test_a_child_with_a_keeper_is_not_told_itself(run: Path, start: Start, tmp_path: Path) -> None:
    keeper, child = start("keeper", "deaf"), start("child")
    (run / "task_server.1.pids").write_text(line("keeper", keeper) + line("child", child))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "until_gone", lambda *_: True)
        stop.sweep()
    waiting.within(5, lambda: heard(tmp_path))
    assert heard(tmp_path) == ["keeper SIGTERM"]
    assert (run / "task_server.1.pids").exists()  # they live


def test_nothing_is_swept_while_an_example_runs(
    run: Path, start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keeper = start("keeper")
    state_files.claim_example({"ex": 2, "servers": 1})
    (run / "task_server.1.pids").write_text(line("keeper", keeper))
    stop.sweep()
    assert capsys.readouterr().err == ""
    assert heard(tmp_path) == []
    assert (run / "example").exists()


def test_one_name_or_all_of_a_kind(run: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of pytest stay
    kept = {name: start(name) for name in ("server.1", "task_server.1", "task_server.2", "background-server")}
    for name, process in kept.items():
        (run / f"{name}.pids").write_text(line("keeper", process))
    stop.main(["kept", "background-server"])
    assert kept["background-server"].wait() == 0
    stop.main(["kept", "task_server"])
    assert kept["task_server.1"].wait() == kept["task_server.2"].wait() == 0
    assert kept["server.1"].poll() is None
    assert [path.name for path in run.iterdir()] == ["server.1.pids"]
    stop.main(["kept", "nobody"])


def test_containers_are_looked_for_only_where_there_may_be_some(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = run.parent / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$*" >>{run.parent}/log\necho c0ffee\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    assert stop.containers_left() == []
    (run / "compose").touch()
    assert stop.containers_left() == []  # the door has not said whose they are
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "workshop-1")
    assert stop.containers_left() == ["c0ffee"]
    stop.remove_containers()
    assert not (run / "compose").exists()
    assert heard(run.parent) == ["compose ps --all --quiet", "compose down --remove-orphans --timeout 15"]


def test_containers_that_cannot_be_stopped(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "docker").write_text("#!/bin/sh\nexit 1\n")
    (run / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(run), prepend=os.pathsep)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "workshop-1")
    with pytest.raises(SystemExit) as end:
        stop.remove_containers()
    assert end.value.code == 2
    remedy = "Try: docker compose --project-name workshop-1 down\n"
    assert capsys.readouterr().err == f"error: the containers could not be stopped. {remedy}"

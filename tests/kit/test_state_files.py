"""The state files: what is written is what is read, and what belongs to a dead process counts for nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop_kit import examples, needs, processes, state_files
from workshop_kit.commands import stop

FIELDS = {"ex": 2, "servers": 3, "url": "http://127.0.0.1:4200", "docker": 0, "ours": "1", "database": "sqlite"}


@pytest.fixture
def run(home: Path) -> Path:
    (home / "run").mkdir()
    return home / "run"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with its input."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate()


def test_no_example(home: Path) -> None:
    assert state_files.running_example() is None
    assert state_files.example_fields() == {}


def test_an_example_from_its_claim_to_its_end(run: Path) -> None:
    (run / "ready").touch()  # of one that was killed
    state_files.claim_example({**FIELDS, "code": examples.folder(2)})
    assert not (run / "ready").exists()
    running = state_files.running_example()
    assert running == state_files.RunningExample(
        ex=2, pid=os.getpid(), servers=3, docker=False, postgresql=False, code=examples.folder(2), own_code=False
    )
    with pytest.raises(FileExistsError):
        state_files.claim_example(FIELDS)
    state_files.note_ready()
    assert (run / "ready").exists()
    state_files.forget_example()
    assert [path.name for path in run.iterdir()] == ["machine"]
    state_files.forget_example()  # somebody else was quicker


def test_what_else_is_told_of_it(run: Path) -> None:
    fields = {"ex": 7, "docker": 1, "ours": "0", "database": "postgresql", "at": "10.0.0.1:4243", "code": "/my/ex7"}
    state_files.claim_example({**FIELDS, **fields})
    running = state_files.running_example()
    assert running and (running.docker, running.postgresql, running.ours, running.own_code) == (True, True, False, True)
    assert (running.at, running.code) == ("10.0.0.1:4243", Path("/my/ex7"))
    assert state_files.example_fields()["url"] == "http://127.0.0.1:4200"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "ex=2\npid=1\n",  # cut short
        "ex=2\npid=none\nstarted=1\nservers=1\n",
        "ex=2\npid=4194305\nstarted=\nservers=1\n",  # no such process
        f"ex=2\npid={os.getpid()}\nstarted=1\nservers=1\n",  # another process has the pid by now
        f"ex=99\npid={os.getpid()}\nstarted={processes.started_at(os.getpid())}\nservers=1\n",  # of another version
    ],
)
def test_a_file_that_says_nothing(run: Path, text: str) -> None:
    (run / "example").write_text(text)
    assert state_files.running_example() is None


def test_what_is_kept(run: Path) -> None:
    one = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    two = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state_files.write_pids("task_server.1", [one.pid, two.pid])
        state_files.write_pids("background-server", [])
        me = os.getpid()
        (run / "task_server.2.pids").write_text(f"keeper {me} 1\nchild 4194305 1\nchild 4194305 \n")
        (run / "task_server.3.pids").touch()  # make server has claimed the name
        assert list(state_files.kept_processes()) == [
            state_files.Kept("background-server", "keeper", me),
            state_files.Kept("task_server.1", "keeper", me),
            state_files.Kept("task_server.1", "child", one.pid),
            state_files.Kept("task_server.1", "child", two.pid),
        ]
        assert list(state_files.kept_processes(run)) == list(state_files.kept_processes())
        assert state_files.children() == state_files.children("task_server") == {"task_server.1": one.pid}
        assert state_files.children("server") == {}
        assert state_files.kept_names("task_server") == ["task_server.1", "task_server.2", "task_server.3"]
        one.communicate()
        assert state_files.children() == {"task_server.1": two.pid}
        state_files.forget_pids("task_server.1")
        assert state_files.children() == {}
        with pytest.raises(OSError):
            state_files.forget_pids("task_server.1")
    finally:
        two.communicate()
        one.communicate()


def test_a_pids_file_that_is_damaged(run: Path, other: subprocess.Popen[bytes]) -> None:
    started = processes.started_at(other.pid)
    (run / "task_server.1.pids").write_bytes(b"\n\xff\nkeeper\nkeeper none 1\nkeeper %d" % other.pid)
    (run / "task_server.2.pids").write_text(f"child 1 2 3\nkeeper {other.pid} {started}")
    assert list(state_files.kept_processes()) == [state_files.Kept("task_server.2", "keeper", other.pid)]


def test_who_keeps_a_name(run: Path, other: subprocess.Popen[bytes]) -> None:
    (run / "task_server.1.pids").write_text(f"child {other.pid} {processes.started_at(other.pid)}\n")  # killed keeper
    state_files.write_pids("task_server.2", [])
    assert state_files.keeper_of("task_server.1") == state_files.keeper_of("nobody") == 0
    assert state_files.keeper_of("task_server.2") == os.getpid()


def test_a_name_is_claimed_once(run: Path) -> None:
    state_files.write_pids("task_server.1", [])
    (run / "task_server.2.pids").write_text(f"keeper {os.getpid()} 1\n")  # killed; the pid is used again
    claimed = [state_files.claim_name("task_server", 1) for _ in range(2)]
    assert claimed == ["task_server.2", "task_server.3"]
    assert state_files.claim_name("task_server", 7) == "task_server.7"
    assert (run / "task_server.2.pids").read_text() == ""


# --- what bash is told ----------------------------------------------------------------------------


def test_bash_is_told_of_an_example(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert state_files.main([]) == 1
    state_files.claim_example({**FIELDS, "code": "/my/with a blank = and more", "at": ""})
    assert state_files.main([]) == 0
    assert capsys.readouterr().out == (run / "example").read_text()


def test_bash_is_told_of_what_is_kept(
    run: Path, other: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert state_files.main(["kept"]) == 1
    state_files.write_pids("background-server", [])
    state_files.write_pids("task_server.1", [other.pid])
    me = os.getpid()
    assert state_files.main(["kept", "task_server.1"]) == 0
    own = f"{me} task_server.1 keeper\n{other.pid} task_server.1 child\n"
    assert capsys.readouterr().out == own
    assert state_files.main(["kept"]) == 0
    assert capsys.readouterr().out == f"{me} background-server keeper\n{own}"


def test_bash_is_told_of_processes(
    run: Path, other: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / "starting"
    assert state_files.main(["lives", str(file)]) == 1
    assert state_files.main(["started", str(other.pid)]) == 0
    started = capsys.readouterr().out
    assert started.strip() == processes.started_at(other.pid)
    file.write_text(f"{other.pid} {started}")
    assert state_files.main(["lives", str(file)]) == 0
    file.write_text(f"{other.pid} {started.strip()} 192.0.2.7:4300")
    assert state_files.main(["lives", str(file)]) == 0
    other.communicate()
    assert state_files.main(["lives", str(file)]) == 1
    assert state_files.main(["started", str(other.pid)]) == 1


def test_bash_is_told_of_a_claimed_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert state_files.main(["claim", "task_server", "3"]) == 0
    assert capsys.readouterr().out == "task_server.3\n"


# --- one WORKSHOP_HOME on two machines -------------------------------------------------------------


def other_host(run: Path, name: str = "another") -> None:
    """From now on the state files are another machine's, whose pids and start times happen to be those of here."""
    (run / "machine").write_text(f"another-boot-id {name}\n")


@pytest.fixture
def two_machines(run: Path, other: subprocess.Popen[bytes]) -> Path:
    assert processes.boot_id()  # as on any Linux
    state_files.claim_example(FIELDS)
    state_files.write_pids("task_server.1", [other.pid])
    (run / "starting").write_text(f"{other.pid} {processes.started_at(other.pid)}\n")
    return run


def test_no_pid_of_another_machine_is_taken_for_a_process_of_this_one(two_machines: Path) -> None:
    def known() -> tuple[bool, ...]:
        kept = any(state_files.kept_processes()), any(state_files.kept_as("task_server.1", two_machines))
        found = state_files.keeper_of("task_server.1"), state_files.noted_process(two_machines / "starting")
        return (bool(state_files.example_fields()), *kept, *map(bool, found))

    assert known() == (True,) * 5 and state_files.other_machine() == ""
    other_host(two_machines)
    assert known() == (False,) * 5 and state_files.other_machine() == "another"
    (two_machines / "machine").unlink()  # as an earlier version leaves them
    assert known() == (True,) * 5 and state_files.other_machine() == ""


def test_this_machine_under_another_name_and_after_a_new_start(
    two_machines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_files.socket, "gethostname", lambda: "renamed")
    assert state_files.example_fields() and state_files.other_machine() == ""
    other_host(two_machines, "renamed")
    assert not state_files.example_fields() and state_files.other_machine() == ""


def test_what_another_machine_has_stopped_is_free(two_machines: Path) -> None:
    other_host(two_machines)
    for path in two_machines.iterdir():
        if path.name not in ("machine", "starting"):  # which stays
            path.unlink()
    assert state_files.other_machine() == ""
    state_files.claim_example(FIELDS)
    assert state_files.example_fields()


@pytest.mark.parametrize("command", [[], ["sweep"], ["kept", "task_server"]])
def test_nothing_of_another_machine_is_stopped_or_cleaned_up(
    command: list[str], two_machines: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_host(two_machines)
    before = sorted(two_machines.iterdir())
    with pytest.raises(SystemExit) as ended:
        stop.main(command)
    remedy = "make stop there, or set another WORKSHOP_HOME here; if that machine is gone for good, rm -r "
    said = f"error: {home} is in use on another machine, another. Try: {remedy}'{two_machines}'\n"
    assert (ended.value.code, capsys.readouterr().err, sorted(two_machines.iterdir())) == (2, said, before)


@pytest.mark.parametrize("module", ["commands.submit", "commands.watch", "commands.rescue"])
def test_commands_for_what_runs_name_the_other_machine(
    module: str, two_machines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_host(two_machines)
    with pytest.raises(SystemExit):
        needs.decide(module)
    assert "is in use on another machine, another. Try: make stop there" in capsys.readouterr().err

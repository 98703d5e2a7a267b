#!/usr/bin/env python3
"""The state files, in WORKSHOP_HOME/run: which example runs, whether it is ready, and which processes are kept.

    example      lines NAME=value; there while an example runs
    ready        there once it has said so
    NAME.pids    lines "ROLE PID START", of one `keep` and of what it runs
    machine      the boot id and the name of the machine whose processes these are: folders in a network are on several

A pid stands there with its process's start time, because a pid alone may belong to another process by now.
docs/ARCHITECTURE.md has all of them. Standard library only; the doors ask here (scripts/lib/processes.sh), and each
of them waits for that, so what only some of them need is imported where it is used.

state_files.py                prints the lines of the example that runs; exit 1 if none does
state_files.py kept [NAME]    prints "PID NAME ROLE" of each process that is kept, or of those under that name
state_files.py lives FILE     prints the pid in a file "PID START …"; exit 1 unless that process lives
state_files.py claim NAME N   claims the first free one of NAME.N, NAME.N+1 …, and prints it
state_files.py started PID    prints the start time of that process, of this machine, as it stands in these files
"""

import contextlib
import itertools
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workshop_kit import processes
from workshop_kit.settings import KIT, settings

KEEPER, CHILD = "keeper", "child"
BACKGROUND_SERVER = "background-server"  # the Prefect server that example 1 leaves running


# --- the machine ---------------------------------------------------------------------------------


def sign() -> None:
    """From now on these files are about processes of this machine. Raises OSError."""
    from durable.files import write_whole

    path, text = settings().run / "machine", f"{processes.boot_id()} {socket.gethostname()}\n"
    if not path.exists() or path.read_text() != text:
        write_whole(path, text)


def are_of_here(run: Path | None = None) -> bool:
    """Whether a pid in these files is one of this machine's, since it was started. run: as in kept_as."""
    try:
        return ((run or settings().run) / "machine").read_text().partition(" ")[0] == processes.boot_id()
    except OSError:  # an earlier version's
        return True


def other_machine() -> str:
    """The name of another machine, where something of these files runs, or was when it lost its power; else empty.

    One with this machine's name counts as this one, before it was started again. (`starting` stays where all is over.)
    """
    run = settings().run
    if are_of_here() or not any(each.suffix == ".pids" or each.name == "example" for each in run.iterdir()):
        return ""
    name = (run / "machine").read_text().partition(" ")[2].strip()
    return "" if name == socket.gethostname() else name or "?"


# --- the example --------------------------------------------------------------------------------


@dataclass
class RunningExample:
    """The example that is running."""

    ex: int
    pid: int
    servers: int
    docker: bool
    postgresql: bool
    code: Path  # the folder whose files run
    own_code: bool  # whether that is a learner's
    at: str = ""  # the address and port for other machines, if it has one
    ours: bool = True  # False: OURS=0, so no task server keeps a record


def claim_example(fields: Mapping[str, object]) -> None:
    """Write that this process runs an example, and what. Raises FileExistsError if another one was quicker."""
    sign()
    ours = {"pid": os.getpid(), "started": processes.started_at(os.getpid())}
    with (settings().run / "example").open("x") as file:
        file.writelines(f"{name}={value}\n" for name, value in {**ours, **fields}.items())
    (settings().run / "ready").unlink(missing_ok=True)


def example_fields() -> dict[str, str]:
    """What was written of the example that runs; empty if none does."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        fields = dict(line.split("=", 1) for line in (settings().run / "example").read_text().splitlines())
        if fields["started"] and are_of_here() and processes.started_at(int(fields["pid"])) == fields["started"]:
            return fields
    return {}


def running_example() -> RunningExample | None:
    """The example that runs in this WORKSHOP_HOME, or None; that of the machine that this one has joined."""
    from workshop_kit import examples

    if settings().joined:
        example = examples.first(lambda each: each.joinable)
        folder = example.folder
        own = (KIT / os.environ["CODE"]).resolve() if os.environ.get("CODE") else folder
        return RunningExample(example.number, 0, 0, docker=False, postgresql=False, code=own, own_code=own != folder)
    fields = example_fields()
    with contextlib.suppress(ValueError, KeyError):
        finished = examples.folder(int(fields["ex"]))
        code = Path(fields.get("code") or finished)
        return RunningExample(
            ex=int(fields["ex"]),
            pid=int(fields["pid"]),
            servers=int(fields["servers"]),
            docker=fields.get("docker") == "1",
            postgresql=fields.get("database") == "postgresql",
            code=code,
            own_code=code != finished,
            at=fields.get("at", ""),
            ours=fields.get("ours") != "0",
        )
    return None


def has_joined() -> bool:
    """Whether this WORKSHOP_HOME has joined another machine: workshop_kit/joined.py."""
    return (settings().home / "joined" / "joined.json").is_file()


def note_ready() -> None:
    """The example has said so."""
    (settings().run / "ready").touch()


def forget_example() -> None:
    """It has ended."""
    (settings().run / "example").unlink(missing_ok=True)
    (settings().run / "ready").unlink(missing_ok=True)


# --- what is kept -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A live process that `keep` wrote down in NAME.pids."""

    name: str  # task_server.2
    role: str  # KEEPER, or CHILD: what it runs; after a save older children finish their runs
    pid: int


def write_pids(name: str, children: Iterable[int]) -> None:
    """This process keeps these, the newest first. Raises OSError."""
    from durable.files import write_whole

    sign()
    ours = [(KEEPER, os.getpid()), *((CHILD, pid) for pid in children)]
    lines = [f"{role} {pid} {processes.started_at(pid)}\n" for role, pid in ours]
    write_whole(settings().run / f"{name}.pids", "".join(lines))


def claim_name(name: str, first: int) -> str:
    """A name that nothing is kept under: NAME.1, or with a higher number. Its file is made, so two get two names."""
    sign()
    for number in itertools.count(first):
        path = settings().run / f"{name}.{number}.pids"
        with contextlib.suppress(OSError):
            if path.stat().st_size and not keeper_of(path.stem):  # left by one that was killed; empty: just claimed
                path.unlink()
        with contextlib.suppress(FileExistsError):
            path.open("x").close()
            return path.stem
    raise AssertionError


def forget_pids(name: str) -> None:
    """Nothing is kept under that name any more. Raises OSError."""
    (settings().run / f"{name}.pids").unlink()


def kept_as(name: str, run: Path | None = None) -> Iterator[Kept]:
    """Those of that name that live: the keeper, and its children, the newest first.

    run: the folder of the state files, if it is another one than that of this WORKSHOP_HOME.
    """
    lines: list[str] = []
    if not are_of_here(run):
        return
    with contextlib.suppress(OSError):  # its keeper has just ended
        lines = ((run or settings().run) / f"{name}.pids").read_text(errors="replace").splitlines()
    for line in lines:
        match line.split():  # of what ended at once, the start time is not there
            case [role, pid, started] if pid.isdecimal() and processes.started_at(int(pid)) == started:
                yield Kept(name, role, int(pid))


def kept_processes(run: Path | None = None) -> Iterator[Kept]:
    """All of them that live, name by name. run: as in kept_as."""
    for path in sorted((run or settings().run).glob("*.pids")):
        yield from kept_as(path.stem, run)


def keeper_of(name: str) -> int:
    """The pid of the process that keeps that name running; 0 without one."""
    return next((kept.pid for kept in kept_as(name) if kept.role == KEEPER), 0)


def kept_names(name: str) -> list[str]:
    """The names that begin so and are kept, or were until their keeper was killed: task_server.1, task_server.2 …"""
    return sorted(path.stem for path in settings().run.glob(f"{name}.*.pids"))


def children(name: str = "") -> dict[str, int]:
    """What `keep` runs now under a name (task_server: all of them; nothing: the whole example): name → pid."""
    found: dict[str, int] = {}
    for kept in kept_processes():
        first, dot, _ = kept.name.partition(".")  # the server that example 1 leaves in the background has no number
        if kept.role == CHILD and dot and name in ("", first):
            found.setdefault(kept.name, kept.pid)
    return found


def has_server() -> bool:
    """Whether this WORKSHOP_HOME has a Prefect server: what answers on its port may be another user's or kit's.

    It has one while an example runs or has left some process, and after example 1; with REMOTE=1 and on a machine that
    has joined another it asks one that is somewhere else.
    """
    return settings().remote or bool(settings().joined or example_fields() or any(kept_processes()))


# --- for the doors ------------------------------------------------------------------------------


def noted_process(path: Path) -> int:
    """The pid in a file "PID START …", if that process lives; otherwise 0."""
    with contextlib.suppress(OSError, ValueError):
        pid, started, *_ = path.read_text().split()
        if are_of_here(path.parent) and processes.started_at(int(pid)) == started:
            return int(pid)
    return 0


def main(arguments: list[str]) -> int:
    """Answer a question of bash, as the text above says. Returns the exit code."""
    match arguments:
        case []:
            lines = [f"{name}={value}" for name, value in example_fields().items()]
        case ["kept", *names]:
            found = [each for name in names for each in kept_as(name)] if names else kept_processes()
            lines = [f"{kept.pid} {kept.name} {kept.role}" for kept in found]
        case ["lives", file]:
            lines = [str(pid)] if (pid := noted_process(Path(file))) else []
        case ["claim", name, first]:
            lines = [claim_name(name, int(first))]
        case ["started", pid]:
            sign()
            lines = [started] if (started := processes.started_at(int(pid))) else []
        case _:
            raise SystemExit(__doc__)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0 if lines else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

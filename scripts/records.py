"""Which task server ran which run: the records that scripts/pythonpath/durable writes, read without Prefect."""

import fcntl
import json
import shutil
import socket
import subprocess
from pathlib import Path

import workshop


def folder() -> Path:
    """Where the records of the running example's task servers are. Those of containers are fetched first."""
    if (running := workshop.running_example()) and running.docker:
        here = workshop.RUN / "task-servers"
        shutil.rmtree(here, ignore_errors=True)
        command = ["docker", "compose", "cp", "task-server:/data/task-servers", str(here)]
        subprocess.run(command, capture_output=True, check=False)
        return here
    return workshop.HOME / "task-servers"


def runs_of_the_dead(folder: Path) -> set[str]:
    """The ids of runs that a task server started and, being dead, will never end."""
    dead: set[str] = set()
    ended: set[str] = set()
    for path in folder.glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
        server, *events = lines or [{}]
        started = {event["run"] for event in events if event["event"] == "start"}
        # Of a container's record there is only a copy here, whose lock says nothing.
        if not server or server["host"] != socket.gethostname() or lives(path):
            ended |= started  # it may still end what it started
        else:
            ended |= {event["run"] for event in events if event["event"] == "end"}
            dead |= started
    return dead - ended


def lives(path: Path) -> bool:
    """Whether the process that writes this file lives: it holds a lock (scripts/pythonpath/durable/records.py)."""
    try:
        with path.with_suffix(".lock").open() as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def who_ran(folder: Path) -> dict[str, str]:
    """Run id → the name of the task server that started it last."""
    found: dict[str, tuple[float, str]] = {}
    for path in folder.glob("*.jsonl"):
        server, starts = "", {}
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue  # half a line: the machine lost its power
            if "server" in fields:
                server = fields["server"]
            elif fields["event"] == "start":
                starts[fields["run"]] = fields["at"]
            elif fields.get("how") == "refused":  # another one runs it
                starts.pop(fields["run"], None)
        for run, at in starts.items():
            found[run] = max(found.get(run, (0, "")), (at, server))
    return {run: server for run, (_, server) in found.items()}

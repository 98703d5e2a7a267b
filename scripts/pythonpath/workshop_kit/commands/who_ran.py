"""Which task server ran which run: the records that durable writes, read without Prefect."""

import contextlib
import fcntl
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from workshop_kit import workshop


def folder() -> Path:
    """Where the records of the running example's task servers are. Those of containers are fetched first."""
    if (running := workshop.running_example()) and running.docker:
        here = workshop.RUN / "task-servers"
        shutil.rmtree(here, ignore_errors=True)
        command = ["docker", "compose", "cp", "task-server:/data/task-servers", str(here)]
        subprocess.run(command, capture_output=True, check=False)
        return here
    return workshop.HOME / "task-servers"


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What one process wrote: first what it is, then its events. Half a line (a power cut) is left out."""
    lines = []
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def lives(path: Path) -> bool:
    """Whether the process that writes this file lives: it holds a lock (durable/records.py)."""
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
        for fields in lines_of(path):
            if "server" in fields:
                server = fields["server"]
            elif fields["event"] == "start":
                starts[fields["run"]] = fields["at"]
            elif fields.get("how") == "refused":  # another one runs it
                starts.pop(fields["run"], None)
        for run, at in starts.items():
            found[run] = max(found.get(run, (0, "")), (at, server))
    return {run: server for run, (_, server) in found.items()}


def could_have_run(folder: Path, ids: list[str]) -> int:
    """How many of the task servers that live now were connected before the first of these runs was taken."""
    taken = []
    began: dict[Path | str, float] = {}
    for path in folder.glob("*.jsonl"):
        server, *events = lines_of(path) or [{}]
        taken += [event["at"] for event in events if event["event"] == "start" and event["run"] in ids]
        connected = [event["at"] for event in events if event["event"] == "up"]
        if "keys" not in server or not connected:
            continue  # not a task server, or none yet
        # Of a container's record there is only a copy here, whose lock says nothing; its newest process may live.
        elsewhere = server["host"] != socket.gethostname()
        if elsewhere or lives(path):
            one = server["host"] if elsewhere else path
            began[one] = max(began.get(one, 0), connected[0])
    return sum(at < min(taken, default=0) for at in began.values())

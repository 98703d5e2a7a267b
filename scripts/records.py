"""Which task server ran which run: the records that scripts/pythonpath/durable.py writes, read without Prefect."""

import json
import os
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
    """The ids of runs that a task server of this machine started and, being dead, will never end."""
    dead: set[str] = set()
    ended: set[str] = set()
    for path in folder.glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
        server, *events = lines or [{}]
        if not server or server["host"] != socket.gethostname() or _lives(server["pid"]):
            ended |= {event["run"] for event in events}  # it may still end what it started
        else:
            ended |= {event["run"] for event in events if event["event"] == "end"}
            dead |= {event["run"] for event in events}
    return dead - ended


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, and is somebody else's
    return True


def who_ran(folder: Path) -> dict[str, str]:
    """Run id → the name of the task server that started it last."""
    found: dict[str, tuple[float, str]] = {}
    for path in folder.glob("*.jsonl"):
        server = ""
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue  # half a line: the machine lost its power
            if "server" in fields:
                server = fields["server"]
            elif fields["event"] == "start" and found.get(fields["run"], (0, ""))[0] <= fields["at"]:
                found[fields["run"]] = (fields["at"], server)
    return {run: server for run, (_, server) in found.items()}

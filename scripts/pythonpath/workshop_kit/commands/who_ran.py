"""Which task server ran which run: the task servers' own records, which durable.records reads without Prefect."""

import contextlib
import shutil
import subprocess
from pathlib import Path

from durable.records import Records
from workshop_kit import workshop


def folder() -> Path:
    """Where the records of the running example's task servers are. Those of containers are fetched first."""
    if in_containers():
        here = workshop.RUN / "task-servers"
        shutil.rmtree(here, ignore_errors=True)
        command = ["docker", "compose", "cp", "task-server:/data/task-servers", str(here)]
        subprocess.run(command, capture_output=True, check=False)
        return here
    return workshop.HOME / "task-servers"


def in_containers() -> bool:
    """Whether the example that runs does so in Docker."""
    running = workshop.running_example()
    return bool(running and running.docker)


def read() -> Records:
    """All records as they are now; none where no task server has ever run."""
    records = Records(folder(), copied=in_containers())
    with contextlib.suppress(FileNotFoundError):
        records.read()
    return records


def names() -> dict[str, str]:
    """Run id → the name of the task server that ran it, or runs it: the last that took it."""
    took = {run: story.taken_by() for run, story in read().runs.items()}
    return {run: process.name for run, process in took.items() if process}


def could_have_run(records: Records, ids: list[str]) -> int:
    """How many of the task servers that live now were connected before the first of these runs was taken."""
    taken = [start.at for run_id in ids if run_id in records.runs for start in records.runs[run_id].starts]
    connected: dict[Path | str, float] = {}
    for path, process in records.processes.items():
        if process.serves and process.alive and process.connected:
            # Of a container there is only a copy of the record, which does not tell who lives; its newest process may.
            one = process.host if in_containers() else path
            connected[one] = max(connected.get(one, 0), process.connected)
    return sum(at < min(taken, default=0) for at in connected.values())

#!/usr/bin/env python3
"""A live board: the task servers and who runs what, the runs by state, the newest runs. Ctrl-C leaves it.

ONCE=1   prints it once, as text, and ends (so does anything that is no terminal)
It changes nothing. Who runs what comes from the records of the task servers, four times a second; the states from
Prefect's API, once a second.
"""

import json
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workshop_kit import workshop
from workshop_kit.commands import who_ran
from workshop_kit.commands.why_it_waits import for_other_code

LOOK = 0.2  # seconds between looks at the records
ASK = 1.0  # seconds between questions to the API
COPY = 3.0  # seconds between copies of the records of containers
RATE = 10.0  # seconds over which a rate is taken
ROWS = 10  # newest runs
STATES = {
    "SCHEDULED": "waiting", "PENDING": "pending", "RUNNING": "running",
    "COMPLETED": "completed", "FAILED": "failed", "CRASHED": "crashed", "CANCELLED": "cancelled",
}  # fmt: skip
COLOURS = {"COMPLETED": "green", "FAILED": "red", "CRASHED": "red", "RUNNING": "cyan", "SCHEDULED": "yellow"}


@dataclass
class Server:
    """One task server, as its own record tells."""

    name: str = "?"
    host: str = ""
    since: float = 0.0
    serves: bool = False  # a rescuer keeps a record, too
    alive: bool = True
    open: set[str] = field(default_factory=set)  # ids of the runs that it has in flight
    took: dict[str, list[float]] = field(default_factory=dict)  # run → when it started it; not what it refused
    done: int = 0
    ends: deque[float] = field(default_factory=deque)  # when the last ones ended
    offset: int = 0


class Records:
    """The files of the task servers, read on from where the last look ended."""

    def __init__(self) -> None:
        self.servers: dict[Path, Server] = {}
        self.folder = workshop.HOME / "task-servers"
        self._copied = 0.0

    def read(self, docker: bool) -> None:
        if docker and time.monotonic() - self._copied > COPY:
            self.folder, self._copied = who_ran.folder(), time.monotonic()
        elif not docker:
            self.folder = workshop.HOME / "task-servers"
        for path in sorted(self.folder.glob("*.jsonl")):
            server = self.servers.setdefault(path, Server())
            if not server.alive:
                continue
            alive = docker or who_ran.lives(path)  # of a copy the lock says nothing
            self._take(path, server)
            server.alive = alive

    def ran_on(self, run: str) -> str:
        """The name of the task server that started the run last; empty if none did."""
        starts = [(server.took[run][-1], server.name) for server in self.servers.values() if server.took.get(run)]
        return max(starts, default=(0, ""))[1]

    def _take(self, path: Path, server: Server) -> None:
        try:
            with path.open("rb") as file:
                file.seek(server.offset)
                lines = file.readlines()
        except OSError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return  # half a line, which is being written
            server.offset += len(line)
            fields = json.loads(line)
            if "server" in fields:
                server.name, server.host, server.since = fields["server"], fields["host"], fields["at"]
                server.serves = "keys" in fields
            elif fields.get("event") == "start":
                server.open.add(fields["run"])
                server.took.setdefault(fields["run"], []).append(fields["at"])
            elif fields.get("event") == "end":
                server.open.discard(fields["run"])
                if fields.get("how") == "refused" and (starts := server.took.get(fields["run"])):
                    starts.pop()  # another one runs it, or it has run
                if fields.get("how") == "returned":
                    server.done += 1
                    server.ends.append(fields["at"])


class Answers:
    """What Prefect's API said last, and whether it is there."""

    def __init__(self) -> None:
        self.there = False
        self.counts: dict[str, int] = {}
        self.runs: list[dict[str, Any]] = []
        self.waits = ""  # a sentence, when some wait for code that nobody serves

    def ask(self) -> None:
        try:
            newest = {"sort": "EXPECTED_START_TIME_DESC", "limit": ROWS}
            self.runs = workshop.prefect("/task_runs/filter", newest, timeout=2)
            self.waits = for_other_code(self.runs)
            for state in STATES:
                wanted = {"task_runs": {"state": {"type": {"any_": [state]}}}}
                self.counts[state] = workshop.prefect("/task_runs/count", wanted, timeout=2)
            self.there = True
        except OSError:
            self.there = False


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def board(found: Records, answers: Answers, running: workshop.RunningExample | None, height: int) -> Group:
    now = time.time()
    servers = Table("task server", "host", "up for", "running", "done", "runs/s", expand=True)
    live = [server for server in found.servers.values() if server.alive and server.serves]
    for server in sorted(live, key=lambda server: (len(server.name), server.name)):
        while server.ends and server.ends[0] < now - RATE:
            server.ends.popleft()
        rate = f"{len(server.ends) / RATE:.1f}" if server.ends else ""
        cells = (
            server.name,
            server.host,
            duration(now - server.since),
            str(len(server.open) or ""),
            str(server.done),
            rate,
        )
        servers.add_row(*map(Text, cells))
    counts = Table(*STATES.values(), expand=True)
    counts.add_row(*[Text(str(answers.counts.get(state, "")), style=COLOURS.get(state, "")) for state in STATES])
    newest = Table("newest runs", "state", "time", "task server", expand=True)
    # As many as fit below the rest: titles, borders and counts are 14 lines, and a task server is one.
    fit = max(3, height - 14 - servers.row_count - bool(answers.waits))
    for run in answers.runs[:fit]:
        state = run["state"] or {"type": "", "name": "?"}
        took = run["estimated_run_time"] or run["total_run_time"]
        cells = (
            run["name"],
            state["name"],
            duration(took) if run["start_time"] else "",
            found.ran_on(run["id"]),
        )
        newest.add_row(
            *[
                Text(cell, style=COLOURS.get(state["type"], "") if i == 1 else "", overflow="ellipsis", no_wrap=True)
                for i, cell in enumerate(cells)
            ]
        )
    what = f"example {running.ex}" if running else "no example is running"
    away = (
        "the Prefect API is away: the states below are old" if running else "no Prefect server answers. Try: make ex2"
    )
    api = workshop.UI if answers.there else away
    clock = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    waits = [Text(answers.waits, style="yellow")] if answers.waits else []
    return Group(Text(f"{what} · {api} · {clock}"), *waits, servers, counts, newest)


def main() -> int:
    once = bool(workshop.whole_number("ONCE", 0, 0, 1)) or not sys.stdout.isatty()
    found, answers = Records(), Answers()
    running = workshop.running_example()
    docker = bool(running and running.docker)
    answers.ask()
    found.read(docker)
    if once:
        Console(width=None if sys.stdout.isatty() else 110, highlight=False).print(board(found, answers, running, 1000))
        return 0
    asked = time.monotonic()
    with Live(board(found, answers, running, 30), auto_refresh=False, screen=True) as live:
        while sys.stdout.isatty():  # until its window is closed
            time.sleep(LOOK)
            found.read(docker)
            if time.monotonic() - asked > ASK:
                running = workshop.running_example()
                docker = bool(running and running.docker)
                answers.ask()
                asked = time.monotonic()
            live.update(board(found, answers, running, live.console.height), refresh=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(0)

#!/usr/bin/env python3
"""A live board: the task servers and who runs what, the runs by state, the newest runs. Ctrl-C leaves it.

ONCE=1   prints it once, as text, and ends (so does anything that is no terminal)
With NO_COLOR or on a dumb terminal it is printed again below, when something changed, once a second at the most.
It changes nothing. Who runs what comes from the records of the task servers, five times a second; the states from
Prefect's API, once a second.
"""

import contextlib
import os
import sys
import time
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from durable import joining
from durable.records import Records
from durable.text import printable
from workshop_kit import http_client, joined, ports, prefect_api, state_files, workshop
from workshop_kit.commands.example_records import ExampleRecords, missed_heartbeats, task_servers
from workshop_kit.commands.why_it_waits import due_in, why_they_wait
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(own="make watch", instead="make runs REMOTE=1", same_port=True, joined=True)

LOOK = 0.2  # seconds between looks at the records
ASK = 1.0  # seconds between questions to the API
RATE = 10.0  # seconds over which a rate is taken
ROWS = 10  # newest runs
STATES = {
    "SCHEDULED": "waiting", "PENDING": "pending", "RUNNING": "running",
    "COMPLETED": "completed", "FAILED": "failed", "CRASHED": "crashed", "CANCELLED": "cancelled",
}  # fmt: skip


class Answers:
    """What Prefect's API said last, and whether it is there."""

    def __init__(self) -> None:
        self.there = False
        self.counts: dict[str, int] = {}
        self.runs: list[dict[str, Any]] = []
        self.waits = ""  # a sentence, when some wait for code that nobody serves

    def ask(self) -> None:
        if not state_files.has_server():
            self.there = False
            return
        try:
            newest = {"sort": "EXPECTED_START_TIME_DESC", "limit": ROWS}
            self.runs = prefect_api.ask("/task_runs/filter", newest, timeout=2)
            self.waits = why_they_wait(self.runs)
            for state in STATES:
                types = [state, "CANCELLING"] if state == "RUNNING" else [state]  # what is to be cancelled runs on
                wanted = {"task_runs": {"state": {"type": {"any_": types}}}}
                self.counts[state] = prefect_api.ask("/task_runs/count", wanted, timeout=2)
            self.there = True
        except http_client.NoSession:
            self.there = False
            with contextlib.suppress(joining.NotJoined):  # the next question shows whether that helped
                joined.come_back()
        except OSError:
            self.there = False


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def silent_ones(found: Records, answers: Answers) -> list[str]:
    """A sentence for each task server whose heartbeat is missing. While the Prefect server is away, none gets through:
    when it is back, each has its whole lease again.
    """
    return missed_heartbeats(found) if answers.there else []


def board(found: Records, answers: Answers, running: state_files.RunningExample | None, height: int) -> Group:
    now = time.time()
    servers = Table("task server", "host", "up for", "running", "done", "runs/s", expand=True)
    for server in sorted(task_servers(found), key=lambda server: (len(server.name), server.name)):
        ended = len(list(takewhile(lambda at: at > now - RATE, reversed(server.ends))))
        rate = f"{ended / RATE:.1f}" if ended else ""
        cells = (
            server.name,
            server.host,
            duration(now - server.began),
            str(len(server.open) or ""),
            str(server.done),
            rate,
        )
        servers.add_row(*[Text(printable(cell)) for cell in cells])
    counts = Table(*STATES.values(), expand=True)
    counts.add_row(*[str(answers.counts.get(state, "")) for state in STATES])
    newest = Table("newest runs", "state", "time", "task server", expand=True)
    # As many as fit below the rest: titles, borders and counts are 14 lines, and a task server is one.
    moved = ports.moved(running.at, f"make ex{running.ex}") if running and running.at else ""
    lines = [
        Text(printable(line), style="bold") for line in [moved, answers.waits, *silent_ones(found, answers)] if line
    ]
    fit = max(3, height - 14 - servers.row_count - len(lines))
    for run in answers.runs[:fit]:
        state = run["state"] or {"type": "", "name": "?"}
        took = run["estimated_run_time"] or run["total_run_time"]
        cells = (
            run["name"],
            state["name"] + (due_in(state) if "state_details" in state else ""),
            duration(took) if run["start_time"] else "",
            found.ran_on(run["id"]),
        )
        newest.add_row(*[Text(printable(cell), overflow="ellipsis", no_wrap=True) for cell in cells])
    what = f"example {running.ex}" if running else "no example is running"
    away = (
        "the Prefect API is unreachable: the states below are old"
        if running
        else "no Prefect server answers. Try: make ex2"
    )
    api = settings().ui if answers.there else away
    clock = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    return Group(Text(f"{what} · {api} · {clock}"), *lines, servers, counts, newest)


def news(found: Records, answers: Answers, running: state_files.RunningExample | None) -> tuple[object, ...]:
    """What is new when it differs from the one before: no clock, and nobody's age."""
    servers = sorted((server.name, len(server.open), server.done) for server in task_servers(found))
    runs = [(run["id"], run["state"] and run["state"]["name"]) for run in answers.runs]
    silent = [line.partition(" ago")[0] for line in silent_ones(found, answers)]
    moved = running and ports.moved(running.at, "")
    return running and running.ex, moved, answers.there, answers.waits, servers, dict(answers.counts), runs, silent


def main() -> int:
    once = bool(workshop.whole_number("ONCE", 0, 0, 1)) or not sys.stdout.isatty()
    records, answers = ExampleRecords(), Answers()
    running = state_files.running_example()
    docker = bool(running and running.docker)
    answers.ask()
    found = records.read(docker)
    if once:
        console = Console(highlight=False, no_color=True, width=None if sys.stdout.isatty() else 110)
        console.print(board(found, answers, running, 1000))
        return 0
    asked = time.monotonic()
    console = Console(highlight=False, no_color=True)
    dumb, shown = console.is_dumb_terminal, None
    with Live(board(found, answers, running, 30), console=console, auto_refresh=False, screen=not dumb) as live:
        while sys.stdout.isatty():  # until its window is closed
            if dumb and (now := news(found, answers, running)) != shown:
                shown = now
                console.print(board(found, answers, running, console.height))
            time.sleep(ASK if dumb else LOOK)
            found = records.read(docker)
            if time.monotonic() - asked > ASK:
                running = state_files.running_example()
                docker = bool(running and running.docker)
                answers.ask()
                asked = time.monotonic()
            if not dumb:
                live.update(board(found, answers, running, console.height), refresh=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(0)

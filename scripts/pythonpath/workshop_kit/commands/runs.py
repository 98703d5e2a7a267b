#!/usr/bin/env python3
"""The newest task runs from Prefect's API: state, duration, and which task server ran them.

N=…   how many (default 20, at most 200)
"""

import sys

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import TaskRunSort
from rich.console import Console
from rich.table import Table

from durable.text import printable
from workshop_kit import prefect_api, state_files, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.why_it_waits import due_in, why_they_wait
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(server="make ex1 or make ex2; or make db, which needs none", same_port=True, joined=True)


def main() -> int:
    number = workshop.whole_number("N", 20, 1, 200)
    if not settings().remote and not prefect_api.healthy():
        workshop.fail("the Prefect server does not answer", "make status")
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(limit=number, sort=TaskRunSort.EXPECTED_START_TIME_DESC)
    found = example_records.read_once()
    running = state_files.running_example()
    all_on_record = not running or running.ours
    table = Table("task run", "task", "state", "started (UTC)", "seconds", "task server")
    for run in runs:
        started = run.start_time.strftime("%H:%M:%S") if run.start_time else ""
        seconds = f"{run.total_run_time.total_seconds():.2f}" if run.start_time else ""
        # A run that no task server started was called directly, as in example 1 - or still waits for one.
        directly = "called directly" if all_on_record and run.start_time and not was_deferred(run) else ""
        server = found.ran_on(str(run.id)) or directly
        state = run.state.name + due_in(run.state.model_dump(mode="json")) if run.state else "?"
        cells = (str(run.id), run.task_key.rpartition("-")[0], state, started, seconds, server)
        table.add_row(*map(printable, cells))
    console = Console(no_color=True, width=None if sys.stdout.isatty() else 140)
    console.print(table, markup=False)
    if note := why_they_wait(run.model_dump(mode="json") for run in runs):
        print(f"waiting: {note}")
    if not runs:
        print("no task runs yet: make ex1, or make ex2 and make submit")
    return 0


def was_deferred(run) -> bool:  # noqa: ANN001 - a TaskRun
    """Whether the run went through the queue to a task server."""
    return bool(run.state and run.state.state_details.deferred)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except httpx.HTTPError as error:
        workshop.fail(f"the Prefect API failed: {error or type(error).__name__}", "make status")

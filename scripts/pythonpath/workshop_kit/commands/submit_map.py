#!/usr/bin/env python3
"""Submits many runs of the running example's task with map, follows them, and says which task server did what.

NAMES="…"   whom to greet, separated by spaces (default: the tutorial's three)
N=…         how many; the names are repeated with a number
WAIT=0      return as soon as they are submitted
Exit 0 when all runs Completed (or were submitted, with WAIT=0), 1 when some failed, 2 for bad input.
"""

import time
from collections import Counter
from contextlib import nullcontext
from functools import partial
from itertools import cycle, islice
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId, TaskRunFilterState, TaskRunFilterStateType
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.client.schemas.sorting import TaskRunSort
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from durable.text import printable
from workshop_kit import workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.example_task import run_to_the_end, task_of_example
from workshop_kit.commands.queue_full import say_when_full
from workshop_kit.commands.retrying_api import LOOK, Api, api
from workshop_kit.commands.why_it_waits import why_it_waits
from workshop_kit.needs import Needs

NEEDS = Needs(example=True, same_port=True, joined=True, joins_docker=True)

CHUNK = 20  # names to one map(), so that the progress shows
PAGE = 200  # runs that Prefect's API returns at once
console = Console(highlight=False, no_color=True)


def names_to_greet() -> list[str]:
    """NAMES, repeated to N with a number each when there are more than that."""
    names = workshop.typed("NAMES", "Ford Prefect Slartibartfast").split()
    number = workshop.whole_number("N", len(names), 1, 100_000)
    if number <= len(names):
        return names[:number]
    return [f"{name} {count}" for count, name in enumerate(islice(cycle(names), number), 1)]


ENDED = TaskRunFilterState(type=TaskRunFilterStateType(any_=list(TERMINAL_STATES)))


def take_finished(prefect: Api, pending: dict[UUID, str], finished: dict[UUID, StateType]) -> None:
    """Move the runs that have ended from pending to finished. It asks for the oldest 200: they end roughly in order.

    The server is asked for nothing twice, and nothing but a state is kept of a run: N may be large.
    """
    if not pending:
        return
    oldest = TaskRunFilter(id=TaskRunFilterId(any_=list(islice(pending, PAGE))), state=ENDED)
    # Without a sort order the client of 3.9.1 sends one that its server refuses.
    look = partial(SyncPrefectClient.read_task_runs, task_run_filter=oldest, limit=PAGE, sort=TaskRunSort.ID_DESC)
    for run in prefect.ask(look):
        if run.state:
            finished[run.id] = run.state.type
            del pending[run.id]


def follow(task: Any, names: list[str], wait: bool) -> tuple[dict[UUID, str], dict[UUID, StateType]]:
    """Submit, and wait for the ends. Returns the names and the finished runs, by run id."""
    submitted: dict[UUID, str] = {}
    pending: dict[UUID, str] = {}
    finished: dict[UUID, StateType] = {}
    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=console) if len(names) > CHUNK else None
    with bars or nullcontext(), api(partial(console.print, markup=False)) as prefect:
        sent = bars.add_task("submitted", total=len(names)) if bars else None
        done = bars.add_task("done", total=len(names)) if bars and wait else None
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            with say_when_full(task):
                futures = task.map(chunk, deferred=True)
            for name, future in zip(chunk, futures, strict=True):
                submitted[future.task_run_id] = pending[future.task_run_id] = name
            if bars:
                bars.update(sent, completed=len(submitted))
            if done is not None:
                take_finished(prefect, pending, finished)
                bars.update(done, completed=len(finished))
        changed, noticed, pause, said = time.monotonic(), 0.0, 10.0, ""
        while wait and pending:
            before = len(finished)
            take_finished(prefect, pending, finished)
            if done is not None:
                bars.update(done, completed=len(finished))
            now = time.monotonic()
            if len(finished) > before:
                changed = now
            elif now - changed > 2 and now - noticed > pause:
                why = f"waiting for {why_it_waits(task.task_key)}; {len(pending)} run(s) left"
                console.print(why, markup=False, soft_wrap=True)
                pause = pause * 2 if why == said else 10
                noticed, said = now, why
            time.sleep(LOOK)
    return submitted, finished


def main() -> int:
    names = names_to_greet()
    wait = bool(workshop.whole_number("WAIT", 1, 0, 1))
    task = task_of_example()
    began = time.monotonic()
    submitted, finished = follow(task, names, wait)
    seconds = time.monotonic() - began
    if not wait:
        print(f"submitted {len(submitted)} runs in {seconds:.1f} s: make runs")
        return 0

    found = example_records.read_once()
    by = {run_id: printable(found.ran_on(str(run_id))) or "?" for run_id in submitted}
    if len(names) <= CHUNK:
        greetings = Table("task server", "greeted", "state", "task run (make runs)")
        for run_id, name in submitted.items():
            state = finished[run_id].value.capitalize()
            greetings.add_row(by[run_id], name, state, f"{run_id}"[:8])
        console.print(greetings, markup=False)
    share = Counter(by.values())
    spread = Table("task server", "runs")
    for server, runs in sorted(share.items()):
        spread.add_row(server, str(runs))
    console.print(spread, markup=False)
    failed = sum(state != StateType.COMPLETED for state in finished.values())
    done = f"{len(finished) - failed} of {len(names)} runs completed in {seconds:.1f} s by {len(share)} task server(s)"
    print(f"{done}: {len(finished) / seconds:.1f} runs/s")
    return 1 if failed else 0


if __name__ == "__main__":
    run_to_the_end(main)

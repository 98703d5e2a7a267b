#!/usr/bin/env python3
"""Submits one run of the running example's task, and follows it to its end.

NAME=…   whom to greet (default Marvin), exactly as typed
WAIT=0   return as soon as the run is submitted
Exit 0 when the run Completed (or was submitted, with WAIT=0), 1 when it failed, 2 for bad input.
"""

import time
from functools import partial

from prefect.utilities.urls import url_for

from durable.text import LINES, printable
from workshop_kit import prefect_api, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.example_task import run_to_the_end, task_of_example
from workshop_kit.commands.queue_full import say_when_full
from workshop_kit.commands.retrying_api import LOOK, api
from workshop_kit.commands.why_it_waits import held_by_parents, why_it_waits
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(example=True, same_port=True, joined=True, joins_docker=True)


def main() -> int:
    name = workshop.typed("NAME", "Marvin")
    wait = workshop.whole_number("WAIT", 1, 0, 1)
    task = task_of_example()
    began = time.monotonic()
    with say_when_full(task):
        future = task.delay(name)
    print(f"submitted  task run {future.task_run_id}")
    print(f"           {url_for(future)}", flush=True)

    if not wait:
        served = {key for server in example_records.subscribed() for key in server["task_keys"]}
        if task.task_key not in served and not settings().remote:
            print(f"waiting    for {why_it_waits(task.task_key)}")
        return 0

    next_notice = 2.0
    with api(partial(print, flush=True)) as prefect:
        while True:
            run = prefect.ask(lambda client: client.read_task_run(future.task_run_id))
            if run.state and run.state.is_final():
                break
            seconds = time.monotonic() - began
            if seconds > next_notice:
                state = printable(run.state.name) if run.state else "unknown"
                reason = f", for {why_it_waits(task.task_key)}" if state == "Scheduled" else ""
                if state == "Running" and (held := held_by_parents(prefect_api.waiting_runs())):
                    reason = f": {held}"
                print(f"waiting    {seconds:.0f} s, {state}{reason}", flush=True)
                next_notice = next_notice * 2 + 2
            time.sleep(LOOK)
    seconds = time.monotonic() - began
    by = printable(example_records.read_once().ran_on(str(run.id)))
    ended = printable(run.state.name).lower()
    where = f"on {by}, " if by else ""
    if run.state.is_completed():
        print(f"{ended:10} {printable(run.state.result(), keep=LINES)}")
        print(f"           {where}{seconds:.1f} s after it was submitted")
        return 0
    print(f"{ended:10} {printable(run.state.message, keep=LINES)}")
    print(f"           {where}{seconds:.1f} s after it was submitted")
    return 1


if __name__ == "__main__":
    run_to_the_end(main)

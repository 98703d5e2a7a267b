#!/usr/bin/env python3
"""Runs an example's program in the folder CODE as `python greeter.py NAME` would, then prints the page of its run.

run_greeter.py EX
"""

import logging
import os
import runpy
import sys
import time
from pathlib import Path
from uuid import UUID

import prefect.main  # noqa: F401 - sets up Prefect's logging, which would drop a handler added before
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.utilities.urls import url_for

from workshop_kit import examples, theirs, workshop

run_ids: list[str] = []


class NoteRun(logging.Handler):
    """Prefect's log records carry the id of the task run that they belong to."""

    def emit(self, record: logging.LogRecord) -> None:
        run = getattr(record, "task_run_id", None)
        if run and str(run) not in run_ids:
            run_ids.append(str(run))


def page_is_there(run: str) -> bool:
    """Wait until the server knows the run's end: a task called directly reports it in events, a moment later."""
    next_notice = time.monotonic() + 2
    patience = next_notice + 28
    with get_client(sync_client=True) as client:
        while time.monotonic() < patience:
            try:
                state = client.read_task_run(UUID(run)).state
                if state and state.is_final():
                    return True
            except ObjectNotFound:
                pass
            if time.monotonic() > next_notice:
                print("waiting for the server to record the run", flush=True)
                next_notice += 10
            time.sleep(0.05)
    return False


def main() -> int:
    example = examples.EXAMPLES[int(sys.argv[1])]
    greeter = Path(os.environ.get("CODE") or example.folder) / example.task_file
    logging.getLogger("prefect.task_runs").addHandler(NoteRun())
    name = workshop.typed("NAME", "Marvin")
    sys.argv = [str(greeter), *([name] if "NAME" in os.environ else [])]
    theirs.give_back(os.environ)
    failure = None
    try:
        runpy.run_path(str(greeter), run_name="__main__")
    except Exception as error:  # Prefect has logged it with its traceback; the run's page is worth more than another
        failure = error
    for run in run_ids:
        if not page_is_there(run):
            workshop.fail(f"the server did not record task run {run} in 30 s", "make status", 1)
        print(f"the run's page: {url_for('task-run', run)}", flush=True)
    if failure:
        workshop.fail(f"{greeter.name} failed: {failure!r}", f"fix {workshop.shown(greeter)}", 1)
    if not run_ids:
        where = workshop.shown(greeter)
        workshop.fail(
            f"{where} ran, and called no task, so there is no run",
            f'{example.tasks[0]}(*sys.argv[1:]) under if __name__ == "__main__":',
            1,
        )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

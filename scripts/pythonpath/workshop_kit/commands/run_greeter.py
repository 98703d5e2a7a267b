#!/usr/bin/env python3
"""Runs greeter.py in the folder CODE as `python greeter.py NAME` would, then prints the page of its run in the UI."""

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

from workshop_kit import examples, workshop

seen: list[str] = []


class NoteRun(logging.Handler):
    """Prefect's log records carry the id of the task run that they belong to."""

    def emit(self, record: logging.LogRecord) -> None:
        run = getattr(record, "task_run_id", None)
        if run and str(run) not in seen:
            seen.append(str(run))


def page_is_there(run: str) -> bool:
    """Wait until the server knows the run's end: a task called directly reports it in events, a moment later."""
    told = time.monotonic() + 2
    patience = told + 28
    with get_client(sync_client=True) as client:
        while time.monotonic() < patience:
            try:
                state = client.read_task_run(UUID(run)).state
                if state and state.is_final():
                    return True
            except ObjectNotFound:
                pass
            if time.monotonic() > told:
                print("waiting for the server to record the run", flush=True)
                told += 10
            time.sleep(0.05)
    return False


def main() -> int:
    greeter = Path(os.environ.get("CODE") or examples.folder(1)) / "greeter.py"
    logging.getLogger("prefect.task_runs").addHandler(NoteRun())
    name = workshop.typed("NAME", "Marvin")
    sys.argv = [str(greeter), *([name] if "NAME" in os.environ else [])]
    failure = None
    try:
        runpy.run_path(str(greeter), run_name="__main__")
    except Exception as error:  # Prefect has logged it with its traceback; the run's page is worth more than another
        failure = error
    for run in seen:
        if not page_is_there(run):
            workshop.fail(f"the server did not record task run {run} in 30 s", "make status", 1)
        print(f"the run's page: {url_for('task-run', run)}", flush=True)
    if failure:
        workshop.fail(f"greeter.py failed: {failure!r}", f"fixing {workshop.shown(greeter)}", 1)
    if not seen:
        where = workshop.shown(greeter)
        workshop.fail(
            f"{where} ran, and called no task, so there is no run",
            'greet(*sys.argv[1:]) under if __name__ == "__main__":',
            1,
        )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

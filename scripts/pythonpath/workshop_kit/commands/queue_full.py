"""Says what a submit waits for when Prefect's queue is full: `delay()` itself waits without a word."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Task

from workshop_kit import prefect_api
from workshop_kit.commands import example_records
from workshop_kit.settings import settings

SOON, AGAIN = 2.0, 10.0  # seconds until the first line, and between the next ones


def limit() -> int:
    """Runs of one task that Prefect's server keeps in its queue; scripts/env.sh raises it with TUNED=1."""
    return int(os.environ.get("PREFECT_SERVER_TASKS_SCHEDULING_MAX_SCHEDULED_QUEUE_SIZE", "1000"))


@contextmanager
def say_when_full(task: Task[..., Any]) -> Iterator[None]:
    """Around a submit: a line on the terminal while it waits because the queue is full and nobody takes runs."""
    over = threading.Event()

    def watch() -> None:
        patience = SOON
        while not over.wait(patience):
            patience = AGAIN
            try:
                served = any(task.task_key in server["task_keys"] for server in example_records.subscribed())
                full = not served and prefect_api.count("SCHEDULED") >= limit()  # it cannot count by task
            except OSError:
                continue
            if full:
                print(
                    f"waiting    Prefect's queue holds {limit()} runs of {task.name}, its limit, and no task server "
                    "takes them. It goes on when one is up: make server",
                    flush=True,
                )

    if not settings().remote:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()

#!/usr/bin/env python3
"""What background tasks and their submitters use of Prefect, on a machine that has joined example 7: for make canary.

Each command stands behind `python -m durable at HOST:PORT python`.
uses_prefect.py serve     serves the tasks below
uses_prefect.py submit    submits them, waits for their ends in each way that there is, and prints how they ended
"""

import asyncio
import os
import sys
import time
from datetime import timedelta

from prefect import get_run_logger, task
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.futures import as_completed, wait
from prefect.tasks import task_input_hash

from durable import cancel, json_only, keyed, later, serve

SECONDS = 30  # that a run may take
json_only(os.environ["PLAIN_STORAGE"])


@keyed("uses")
@task(tags=["tagged"], task_run_name="doubled {number}")
def doubled(number: int) -> int:
    get_run_logger().info("a line of its log")
    with concurrency("slots"):  # without a limit of that name it waits for nobody, and so below
        rate_limit("rate")
    return 2 * number


@keyed("uses")
@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(minutes=5))
def remembered(number: int) -> int:
    return number


@keyed("uses")
@task(timeout_seconds=0.5)
async def too_slow() -> None:
    await asyncio.sleep(5)


@keyed("uses")
@task(retries=1, retry_delay_seconds=0.1)
def hopeless() -> None:
    raise KeyError("never")


@task
def inner(number: int) -> int:
    return number


@keyed("uses")
@task
def outer(number: int) -> str:
    inner(number)
    return str(doubled.delay(number).task_run_id)


@keyed("uses")
@task
def long() -> None:
    for _ in range(SECONDS * 10):
        time.sleep(0.1)


def submit() -> None:
    print(doubled.delay(1).result(timeout=SECONDS))
    print(len(wait(doubled.map([1, 2, 3], deferred=True), timeout=SECONDS).done))
    print(len(list(as_completed([remembered.delay(4), remembered.delay(5)], timeout=SECONDS))))
    for future in (remembered.delay(4), too_slow.delay(), hopeless.delay(), outer.delay(1)):
        future.wait(timeout=SECONDS)
        print(future.state.name)
    cancelled = long.delay()
    while not cancelled.state.is_running():
        time.sleep(0.1)
    cancel(cancelled.task_run_id)
    cancelled.wait(timeout=SECONDS)
    print(cancelled.state.name)
    print(later(doubled, 6, seconds=1).result(timeout=SECONDS))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        tasks = doubled, remembered, too_slow, hopeless, outer, long
        serve(*tasks, limit=4, name="uses", records=os.environ["RECORDS"])
    else:
        submit()

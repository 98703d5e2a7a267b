#!/usr/bin/env python3
"""For tests/faults/waiting.bats: runs of example 2 that end before the websocket of this process is subscribed.

first_result.py HOW    prints how, how long after the run's end it came, and what it was. HOW: result, result_async,
                       gather, callback, as_completed or wait

So that it is no matter of luck, the subscription waits until the run has ended, and asks for no event from before.
"""

import asyncio
import sys
import threading
import time
from datetime import UTC, datetime

from prefect import futures, task_runs
from prefect.client.orchestration import get_client

from task_server import my_background_task

ended = 0.0
subscribe = task_runs.get_events_subscriber


def subscribe_late(**options):
    subscriber = subscribe(**options)
    enter = subscriber.__aenter__

    class Late(type(subscriber)):
        async def __aenter__(self):
            global ended
            async with get_client() as client:
                while not (await client.read_task_run(future.task_run_id)).state.is_final():
                    await asyncio.sleep(0.02)
            ended = time.time()
            self._backfill_since = datetime.now(UTC)
            return await enter()

    subscriber.__class__ = Late
    return subscriber


async def gathered():
    return (await asyncio.gather(future.result_async(timeout=8), asyncio.sleep(0)))[0]


def called_back():
    called = threading.Event()
    future.add_done_callback(lambda _: called.set())
    assert called.wait(8), "no call came"
    return future.result(timeout=1)


task_runs.get_events_subscriber = subscribe_late
WAYS = {
    "result": lambda: future.result(timeout=8),
    "result_async": lambda: asyncio.run(future.result_async(timeout=8)),
    "gather": lambda: asyncio.run(gathered()),
    "callback": called_back,
    "as_completed": lambda: next(futures.as_completed([future], timeout=8)).result(timeout=1),
    "wait": lambda: futures.wait([future], timeout=8).done.pop().result(timeout=1),
}
how = sys.argv[1]
future = my_background_task.delay("Ford")
answer = WAYS[how]()
print(f"{how}: {'late' if time.time() - ended > 1 else 'at once'}, {answer}")

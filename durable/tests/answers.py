"""How long after the end of its run a new process has its answer, which Prefect's own waiting may miss (#18775).

answers.py MODULE:TASK PROCESSES AT_ONCE FUTURES

Starts that many new processes, so many at once. Each submits FUTURES runs of that task, with "x", and waits for their
results. The last line is the longest time from a run's end to its answer, in seconds. Exit 1 if an answer never came.
"""

import asyncio
import importlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect import Task
from prefect.client.orchestration import get_client

TIMEOUT = 12  # seconds that a process waits for its answers


async def answered(future: Any) -> float:
    await future.result_async(timeout=TIMEOUT)
    return time.time()


async def all_answered(futures: list[Any]) -> list[float]:
    return await asyncio.gather(*map(answered, futures))


def lateness(task: Task[..., Any], number: int) -> float:
    """Seconds, in this process. Raises TimeoutError."""
    futures = [task.delay("x") for _ in range(number)]
    waiting_since = time.time()
    if number == 1:  # the way that most people wait
        futures[0].result(timeout=TIMEOUT)
        answers = [time.time()]
    else:
        answers = asyncio.run(all_answered(futures))
    ends = [end_of(each) for each in futures]
    return max(at - max(end, waiting_since) for at, end in zip(answers, ends, strict=True))


def end_of(future: Any) -> float:
    """When the run ended, as soon as that is in the database: the event of the end is quicker."""
    with get_client(sync_client=True) as client:
        while not (end := client.read_task_run(future.task_run_id).end_time):
            time.sleep(0.1)
    return end.timestamp()


def main() -> int:
    name, *numbers = sys.argv[1:]
    if len(numbers) == 1:
        module, task = name.split(":")
        print(f"late by {lateness(getattr(importlib.import_module(module), task), int(numbers[0])):.3f}")
        return 0
    processes, at_once, futures = map(int, numbers)

    def new_process(_: int) -> str:
        command = [sys.executable, __file__, name, str(futures)]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(at_once) as pool:
        late = [out.rpartition("late by ")[2].strip() for out in pool.map(new_process, range(processes))]
    missed = late.count("")
    if missed:
        print(f"{missed} of {processes} processes have no answer")
        return 1
    print(max(map(float, late)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Example 2: a task, and a task server that runs it in the background."""

import os
import time

from prefect import task
from prefect.task_worker import serve

LIMIT = int(os.getenv("LIMIT", "1"))  # runs at once in this task server
WORK_SECONDS = float(os.getenv("WORK_SECONDS", "0.3"))  # stands for real work


@task
def my_background_task(name: str):
    for _ in range(10):  # a run is cancelled between two steps
        time.sleep(WORK_SECONDS / 10)
    print(f"Hello, {name}!")
    return f"Hello, {name}!"


if __name__ == "__main__":
    serve(my_background_task, limit=LIMIT)

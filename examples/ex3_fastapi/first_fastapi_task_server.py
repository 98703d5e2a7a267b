"""Example 3: the task that the web app offloads, and the task server that runs it."""

import os
import time

from prefect import task
from prefect.task_worker import serve

LIMIT = int(os.getenv("LIMIT", "10"))  # runs at once in this task server
WORK_SECONDS = float(os.getenv("WORK_SECONDS", "0.3"))  # stands for real work


@task
def my_fastapi_task(name: str):
    time.sleep(WORK_SECONDS)
    print(f"Hello, {name}!")
    return f"Hello, {name}!"


if __name__ == "__main__":
    serve(my_fastapi_task, limit=LIMIT)

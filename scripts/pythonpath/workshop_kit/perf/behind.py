#!/usr/bin/env python3
"""For `make bench`: a task that takes as many seconds as its run is told, and a task server with one slot for it."""

import time

from prefect import task
from prefect.task_worker import serve


@task
def take(seconds: str) -> None:
    time.sleep(float(seconds))


if __name__ == "__main__":
    serve(take, limit=1)

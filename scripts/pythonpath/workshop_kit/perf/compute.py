#!/usr/bin/env python3
"""For `make bench`: a task that computes and never waits, and a task server for it. Only cores help it."""

from prefect import task
from prefect.task_worker import serve


@task
def compute(name: str) -> int:
    return sum(number * number for number in range(3_000_000))  # a sixth of a second or so of one core


if __name__ == "__main__":
    serve(compute, limit=1)

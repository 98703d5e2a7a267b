"""Example 6: three tasks that go wrong. The first gets a state and a message by itself, the others need help."""

import os
import signal
import time

from prefect import task

from durable import keyed


@keyed("ex6")
@task
def fail(name: str):
    raise ValueError(f"no parcel for {name}")


@keyed("ex6")
@task(timeout_seconds=3)
def hang(name: str):
    time.sleep(3600)  # nothing can interrupt a thread in here: the task server says so, and is replaced


@keyed("ex6")
@task
def poison(name: str):
    os.kill(os.getpid(), signal.SIGKILL)  # the whole task server dies, with whatever else it runs

"""Example 7: a task that several machines share, each with its own copy of this file, and their task server."""

import os
import socket
import time

from prefect import task

from durable import json_only, keyed, serve  # durable/: a package to take along

json_only(os.environ["PLAIN_STORAGE"])  # what travels is JSON and never code: a folder here, a port's address elsewhere


@keyed("ex7")  # the same key on every machine, whatever the path of this file, its text and the Python
@task
def greet(name: str) -> str:
    for _ in range(10):  # a run is cancelled between two steps
        time.sleep(float(os.getenv("WORK_SECONDS", "0.3")) / 10)  # stands for real work
    return f"Hello, {name}! This is {socket.gethostname()}."


if __name__ == "__main__":
    serve(
        greet,
        limit=int(os.getenv("LIMIT", "1")),
        grace=float(os.getenv("GRACE", "30")),
        name=os.getenv("TASK_SERVER_NAME"),
        records=os.getenv("RECORDS"),
    )

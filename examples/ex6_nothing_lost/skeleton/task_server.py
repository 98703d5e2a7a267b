"""Example 6: a task that may be started twice and still has its effect once, on task servers that may die."""

import os
import time
from pathlib import Path

from prefect.runtime import task_run

# 1. Import `task` from `prefect`; `keyed` and `serve` from `durable`; and fail, hang and poison from bad_tasks.

SHIPPED = Path(os.environ["WORKSHOP_HOME"]) / "shipped"  # one file for each parcel: the effect
DIARY = SHIPPED / "diary.txt"  # a line for each start and each end: what really happened


def note(what: str):
    with DIARY.open("a") as diary:
        diary.write(f"{what} {task_run.id} {os.getpid()} {time.time()}\n")


# 2. Make this a task, with @keyed("ex6") above @task.
def ship(name: str):
    note("begin")
    time.sleep(float(os.getenv("WORK_SECONDS", "0.3")))  # stands for real work; a crash here loses all of it
    # 3. Ship the parcel: make the file SHIPPED / str(task_run.id). The run's id is the same when it is started again,
    #    and open("x") fails with FileExistsError if the file is there, so of two only one ships. Then note("again").
    note("end")
    return f"shipped to {name}"


if __name__ == "__main__":
    SHIPPED.mkdir(exist_ok=True)
    # 4. Serve ship, fail, hang and poison. Take limit, grace, name and records from LIMIT, GRACE, TASK_SERVER_NAME and
    #    RECORDS in the environment.

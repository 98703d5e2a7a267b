"""Example 6: a task that may be started twice and still has its effect once, on task servers that may die."""

import os
import time
from pathlib import Path

from prefect import task
from prefect.runtime import task_run

from bad_tasks import fail, hang, poison
from durable import keyed, serve  # durable/: a package to take along

SHIPPED = Path(os.environ["WORKSHOP_HOME"]) / "shipped"  # one file for each parcel: the effect
DIARY = SHIPPED / "diary.txt"  # a line for each start and each end: what really happened


def note(what: str):
    with DIARY.open("a") as diary:
        diary.write(f"{what} {task_run.id} {os.getpid()} {time.time()}\n")


@keyed("ex6")
@task
def ship(name: str):
    note("begin")
    for _ in range(10):  # a run is cancelled between two steps
        time.sleep(float(os.getenv("WORK_SECONDS", "0.3")) / 10)  # stands for real work; a crash here loses all of it
    parcel = SHIPPED / str(task_run.id)  # the run's id is the same when it is started again
    try:
        parcel.open("x").close()  # "x" fails if the file is there: of two, one ships
    except FileExistsError:
        note("again")
    note("end")
    return f"shipped to {name}"


if __name__ == "__main__":
    SHIPPED.mkdir(exist_ok=True)
    serve(
        ship,
        *(fail, hang, poison),
        limit=int(os.getenv("LIMIT", "4")),
        grace=float(os.getenv("GRACE", "30")),
        name=os.getenv("TASK_SERVER_NAME"),
        records=os.getenv("RECORDS"),
    )

"""For tests/machines/ex7_chaos.bats: example 7's task, whose attempts write what they do to a witness, which is no part of the kit.

WITNESS is a folder that all machines see, with a file an attempt: lines of WHAT NOW DEADLINE AHEAD. WHAT is begin, mark
(every 50 ms) or end; NOW is CLOCK_BOOTTIME, and DEADLINE that of the process's lease on it, inf without one; AHEAD is how
many seconds the clock on the wall is ahead of it, right or wrong. "begin" has the run, the machine and the pid besides.
"""

import os
import socket
import threading
import time
import uuid
from pathlib import Path

from prefect import task
from prefect.runtime import task_run

from durable import json_only, keyed, serve

json_only(os.environ["PLAIN_STORAGE"])
MARK = 0.05


def deadline() -> float:
    try:
        return float(Path(os.environ["LEASE_FILE"]).read_text().split()[0])
    except (KeyError, OSError, ValueError, IndexError):
        return float("inf")


class Witness:
    def __init__(self, run: str) -> None:
        self.id = str(uuid.uuid4())
        self.file = os.open(Path(os.environ["WITNESS"], self.id), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.write("begin", run, socket.gethostname(), os.getpid())

    def write(self, what: str, *more: object) -> None:
        told, now = deadline(), time.clock_gettime(time.CLOCK_BOOTTIME)
        line = " ".join(map(str, (what, now, told, time.time() - now, *more)))
        os.write(self.file, f"{line}\n".encode())


def watch_lease() -> None:
    """The process itself is an attempt, too: of no run, and without an end."""
    witness = Witness("-")
    while True:
        time.sleep(MARK)
        witness.write("mark")


@keyed("ex7")
@task
def greet(name: str, seconds: float = 0.3) -> str:
    """Work for so long, a freeze not counted; returns the attempt's id."""
    witness = Witness(str(task_run.id))
    for _ in range(round(seconds / MARK)):
        time.sleep(MARK)
        witness.write("mark")
    witness.write("end")
    os.close(witness.file)
    return witness.id


if __name__ == "__main__":
    threading.Thread(target=watch_lease, daemon=True).start()
    serve(
        greet,
        limit=int(os.getenv("LIMIT", "1")),
        grace=float(os.getenv("GRACE", "30")),
        name=os.getenv("TASK_SERVER_NAME"),
        records=os.getenv("RECORDS"),
    )

"""A free slot never waits: what Prefect's server sends to a task server that is full does not wait there."""

import time
from pathlib import Path

from prefect_server import PrefectServer
from programs import program, until

TASKS = """
import sys, time
from prefect import task
from durable import keyed, serve

@keyed("slots")
@task
def work(seconds: float) -> float:
    with open("noted", "a") as file:
        file.write(f"{seconds} {time.time()}\\n")
    time.sleep(seconds)
    return seconds
"""
SERVES = "from tasks import *\nserve(work, limit=1, name=sys.argv[1], records=sys.argv[2] or None)"
SUBMITS = "from tasks import *\nfor _ in range(int(sys.argv[1])): work.delay(float(sys.argv[2]))"


def noted(folder: Path, seconds: float) -> list[float]:
    """When runs of so many seconds have begun."""
    lines = (folder / "noted").read_text().splitlines() if (folder / "noted").exists() else []
    return [float(line.split()[1]) for line in lines if line.split()[0] == str(seconds)]


def last_of_ten(folder: Path, server: PrefectServer, records: str, within: float) -> float:
    """Seconds from the submission of ten short runs, beside one that is long, to the beginning of the last."""
    (folder / "tasks.py").write_text(TASKS)
    serving = [program(folder, server, SERVES, name, records) for name in ("one", "two")]
    try:
        program(folder, server, SUBMITS, "1", "25.0").communicate(timeout=30)
        until(lambda: len(noted(folder, 25.0)) == 1)
        begun = time.time()
        program(folder, server, SUBMITS, "10", "0.1").communicate(timeout=30)
        until(lambda: len(noted(folder, 0.1)) == 10, within)
        return noted(folder, 0.1)[-1] - begun
    finally:
        for each in serving:
            each.kill()


def test_ten_short_runs_do_not_wait_for_one_that_is_long(server: PrefectServer, tmp_path: Path) -> None:
    assert last_of_ten(tmp_path, server, "records", 24) < 22  # on an idle machine it is 3


def test_nor_where_nobody_keeps_a_record(server: PrefectServer, tmp_path: Path) -> None:
    assert last_of_ten(tmp_path, server, "", 24) < 22

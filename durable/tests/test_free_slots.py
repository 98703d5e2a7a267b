"""A free slot never waits: what Prefect's server sends to a task server that is full does not wait there."""

from pathlib import Path

import pytest
from prefect_server import PrefectServer
from programs import PATIENCE, program, until

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
    with open("noted", "a") as file:
        file.write(f"end-of-{seconds} {time.time()}\\n")
    return seconds
"""
SERVES = "from tasks import *\nserve(work, limit=1, name=sys.argv[1], records=sys.argv[2] or None)"
SUBMITS = "from tasks import *\nfor _ in range(int(sys.argv[1])): work.delay(float(sys.argv[2]))"


# The same, and it notes when it leaves the queue to others.
NOTES = """from tasks import *
from durable.subscription import Deliveries
rest = Deliveries.rest
async def rest_noted(self):
    with open("noted", "a") as file:
        file.write(f"left {time.time()}\\n")
    await rest(self)
Deliveries.rest = rest_noted
serve(work, limit=1, name=sys.argv[1], records=sys.argv[2] or None)"""


def noted(folder: Path, seconds: float | str) -> list[float]:
    """When runs of so many seconds have begun."""
    lines = (folder / "noted").read_text().splitlines() if (folder / "noted").exists() else []
    return [float(line.split()[1]) for line in lines if line.split()[0] == str(seconds)]


def ten_begin_beside_one_that_is_long(folder: Path, server: PrefectServer, records: str) -> bool:
    """Whether the last of ten short runs begins before the long one ends, which lasts five minutes: idle, it is 3 s."""
    (folder / "tasks.py").write_text(TASKS)
    serving = [program(folder, server, SERVES, name, records) for name in ("one", "two")]
    try:
        program(folder, server, SUBMITS, "1", "300.0").communicate(timeout=PATIENCE)
        until(lambda: len(noted(folder, 300.0)) == 1)
        program(folder, server, SUBMITS, "10", "0.1").communicate(timeout=PATIENCE)
        until(lambda: len(noted(folder, 0.1)) == 10)
        return not noted(folder, "end-of-300.0")
    finally:
        for each in serving:
            each.kill()


def test_ten_short_runs_do_not_wait_for_one_that_is_long(server: PrefectServer, tmp_path: Path) -> None:
    assert ten_begin_beside_one_that_is_long(tmp_path, server, "records")


@pytest.mark.long
def test_nor_where_nobody_keeps_a_record(server: PrefectServer, tmp_path: Path) -> None:
    assert ten_begin_beside_one_that_is_long(tmp_path, server, "")


@pytest.mark.long
def test_while_all_are_full_nobody_leaves_the_queue(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    serving = [program(tmp_path, server, NOTES, name, "records") for name in ("one", "two")]
    try:
        until(lambda: len(list((tmp_path / "records").glob("*"))) >= 2)
        program(tmp_path, server, SUBMITS, "2", "8.0").communicate(timeout=PATIENCE)
        until(lambda: len(noted(tmp_path, 8.0)) == 2)
        program(tmp_path, server, SUBMITS, "4", "0.1").communicate(timeout=PATIENCE)
        until(lambda: len(noted(tmp_path, 0.1)) == 4)
        full = max(noted(tmp_path, 8.0)), min(noted(tmp_path, 0.1))  # both at work
        assert full[1] - full[0] > 4
        # A busy machine may act on its look at the records a moment later; who errs leaves again and again.
        assert not [at for at in noted(tmp_path, "left") if full[0] + 2 < at < full[1] - 1]
    finally:
        for each in serving:
            each.kill()


UNSERVED = """from tasks import *
import durable.worker
durable.worker.MINUTE = 1
serve(work, limit=1, name="one", records="records")"""


@pytest.mark.long
def test_a_task_server_names_keys_that_nobody_serves(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(f"{TASKS}\n@keyed('nobody')\n@task\ndef another(seconds: float): ...\n")
    program(tmp_path, server, "from tasks import *\nanother.delay(0)").communicate(timeout=PATIENCE)
    serving = program(tmp_path, server, UNSERVED)
    assert serving.stdout
    try:
        line = next((line for line in serving.stdout if "wait for nobody.another-1" in line), "")
        assert "1 run(s) wait for nobody.another-1, which no task server serves" in line
    finally:
        serving.kill()

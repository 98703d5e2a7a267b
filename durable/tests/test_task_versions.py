"""Old and new task servers side by side: each run is run by one that has its version of the task, and none fails."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prefect_server import PrefectServer
from programs import program, until

from durable.claiming import PastState
from durable.requeue import LATER
from durable.task_versions import LONGEST, OtherVersion, need_same_parameters, passed_on_since, retry_delay

NOW = 1000.0
RUNS = 100 if os.environ.get("HYPOTHESIS_LONG") else 10  # for each of the two
TASKS = """
import sys, time
from prefect import task
from durable import keyed, serve

@keyed("versions")
@task
def work(number: int{more}) -> str:
    with open("noted", "a") as file:
        file.write("{name} " + str(number) + "\\n")
    return "{name}"
"""
SERVES = "from {name} import *\nserve(work, limit=2, name='{name}', records='records')"
SUBMITS = "from {name} import *\nfor number in range({runs}): work.delay(number)"
RESCUES = "import sys\nfrom durable.__main__ import main\nsys.argv[1:] = ['rescue', '--records', 'records']\nmain()"


def count(server: PrefectServer, state: str) -> int:
    keys = {"task_runs": {"state": {"type": {"any_": [state]}}, "name": {"like_": "work"}}}
    return int(httpx.post(f"{server.api}/task_runs/count", json=keys).json())


@pytest.mark.parametrize(
    "rescued",
    [
        pytest.param(True, id="with a rescuer", marks=pytest.mark.long),
        pytest.param(False, id="without", marks=pytest.mark.more),
    ],
)
def test_each_run_finds_its_version(rescued: bool, server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(TASKS.format(name="old", more=""))
    (tmp_path / "new.py").write_text(TASKS.format(name="new", more=", kind: str = 'plain'"))
    failed = count(server, "FAILED")
    running = [program(tmp_path, server, RESCUES)] if rescued else []
    running += [program(tmp_path, server, SERVES.format(name=name)) for name in ("old", "new")]
    try:
        until((tmp_path / "records").exists)
        for name in ("new", "old"):
            program(tmp_path, server, SUBMITS.format(name=name, runs=RUNS)).communicate(timeout=120)
        until(
            lambda: (tmp_path / "noted").exists() and len((tmp_path / "noted").read_text().splitlines()) >= 2 * RUNS,
            240 if RUNS > 10 else 120,  # on an idle machine it is 15
        )
    finally:
        for each in running:
            each.kill()
            assert "Traceback" not in each.communicate()[0]
    assert count(server, "FAILED") == failed


# The answer to what gives a run back comes late: by then the queue has sent it here again.
ANSWERED_LATE = """
import asyncio
from durable import worker
set_state = worker.set_state
async def answered_late(*arguments):
    await set_state(*arguments)
    await asyncio.sleep(1)
worker.set_state = answered_late
"""


@pytest.mark.long
def test_a_run_that_comes_back_before_it_has_left_is_waited_for(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(TASKS.format(name="old", more=""))
    (tmp_path / "new.py").write_text(TASKS.format(name="new", more=", kind: str = 'plain'"))
    noted = tmp_path / "noted"
    program(tmp_path, server, SUBMITS.format(name="new", runs=1)).communicate(timeout=60)
    running = [program(tmp_path, server, ANSWERED_LATE + SERVES.format(name="old"))]
    records = tmp_path / "records"
    try:
        until(lambda: sum(path.read_text().count('"start"') for path in records.glob("*.jsonl")) >= 3)
        program(tmp_path, server, SUBMITS.format(name="old", runs=1)).communicate(timeout=60)
        until(lambda: noted.exists() and noted.read_text() == "old 0\n")  # it serves on
        running.append(program(tmp_path, server, SERVES.format(name="new")))
        until(lambda: noted.read_text() == "old 0\nnew 0\n")
    finally:
        for each in running:
            each.kill()
            assert "Traceback" not in each.communicate()[0]


def old(number: int) -> None: ...
def new(number: int, kind: str = "plain") -> None: ...
def needs(number: int, kind: str) -> None: ...
def several(number: int, *numbers: int, **more: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "given", "why"),
    [
        (old, {"number"}, None),
        (new, {"number", "kind"}, None),
        (new, {"number"}, None),
        (several, {"number"}, None),
        (several, {"number", "numbers", "more"}, None),
        (old, {"number", "kind"}, "old has no parameter 'kind' here"),
        (needs, {"number"}, "needs needs a parameter 'kind' here, and the run has none"),
    ],
)
def test_whose_version_it_is(function: Callable[..., None], given: set[str], why: str | None) -> None:
    if not why:
        return need_same_parameters(function, given)
    with pytest.raises(OtherVersion, match=why):
        need_same_parameters(function, given)


def test_since_when_it_is_offered() -> None:
    queued, later, running = (
        PastState("SCHEDULED", 1.0, queued=True),
        PastState("SCHEDULED", 5.0, name=LATER),
        PastState("RUNNING", 9.0),
    )
    assert passed_on_since([], NOW) == (NOW, 0)
    assert passed_on_since([queued, later, later._replace(at=7.0)], NOW) == (5.0, 2)
    assert passed_on_since([running, later, queued], NOW) == (NOW, 0)  # in whatever order: it ran since
    assert passed_on_since([running, later._replace(at=11.0)], NOW) == (11.0, 1)


def test_the_pauses_grow_to_their_longest() -> None:
    assert [retry_delay(times) for times in (0, 1, 2, 3, 4, 100)] == [1, 2, 4, LONGEST, LONGEST, LONGEST]

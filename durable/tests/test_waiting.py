"""Who gets the waiting that ends, in a program without the kit; and a callback that is called once."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prefect_server import PrefectServer
from programs import SOURCE, WORK, began, program, until

from durable.waiting import Once

ASKS = """from prefect.task_runs import TaskRunWaiter
print("asks" if hasattr(TaskRunWaiter, "durable_asks") else "as shipped")"""


def without_the_kit(program: str, home: Path) -> str:
    """What the program prints at its end, with durable on its path and no sitecustomize of the kit."""
    code = f"import sys\nsys.path.append({str(SOURCE)!r})\n{program}\n{ASKS}"
    environment = {"PREFECT_HOME": str(home), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("call", ["keyed('x')", "json_only('folder')", "install()"])
def test_the_calls_of_task_files_bring_it(call: str, tmp_path: Path) -> None:
    assert without_the_kit(f"import durable\ndurable.{call}", tmp_path) == "asks\n"


def test_an_import_does_not(tmp_path: Path) -> None:
    names = "import durable, durable.waiting\nfrom durable import Records, Rescuer, keyed, serve"
    assert without_the_kit(names, tmp_path) == "as shipped\n"


def test_of_the_event_and_the_answer_the_first_one_calls_back() -> None:
    calls = []
    callback = Once(lambda: calls.append(1))
    for _ in range(3):
        callback()
    assert calls == [1]


TIMEOUT = 90  # seconds, which who misses an end waits for
SOON = TIMEOUT / 10  # on an idle machine it is 0.1
TASKS = f"""{WORK}
from prefect import Task
submit = Task.apply_async
def noted(self, *args, **kwargs):
    future = submit(self, *args, **kwargs)
    with open("answered", "a") as file:
        file.write("answered\\n")
    return future
Task.apply_async = noted

@keyed(os.path.basename(os.getcwd()))
@task
def outer(seconds: float) -> float:
    return work.delay(seconds).result(timeout=90)

@keyed(os.path.basename(os.getcwd()))
@task
def quick(name: str) -> str:
    return name

@keyed(os.path.basename(os.getcwd()))
@task
def after(seconds: float) -> float:
    return seconds
"""
SERVES = "from tasks import *\nserve(work, outer, quick, after, limit=300, records='records')"
WAITS = """
import asyncio, httpx, json, sys, threading, time
from contextlib import suppress
from concurrent.futures import ThreadPoolExecutor
from prefect.client.orchestration import get_client
from prefect.futures import as_completed, wait
from tasks import *
seconds, timeout = map(float, sys.argv[1:])

def called_back():
    future, called = work.delay(seconds), threading.Event()
    future.add_done_callback(lambda _: called.set())
    assert called.wait(timeout)
    return [future]
def result_of(future):
    future.result(timeout=timeout)
    return [future]
def wait_of(future):
    future.wait(timeout=timeout)
    return [future]
async def awaited(future):
    await future.result_async(timeout=timeout)
    return [future]
async def waited(future):
    await future.wait_async(timeout=timeout)
    return [future]
async def gathered(futures):
    await asyncio.gather(*[each.result_async(timeout=timeout) for each in futures])
    return futures
WAYS = {
    "result": lambda: result_of(work.delay(seconds)),
    "wait": lambda: wait_of(work.delay(seconds)),
    "result_async": lambda: asyncio.run(awaited(work.delay(seconds))),
    "wait_async": lambda: asyncio.run(waited(work.delay(seconds))),
    "gather": lambda: asyncio.run(gathered([work.delay(seconds) for _ in range(5)])),
    "as_completed": lambda: list(as_completed([work.delay(seconds) for _ in range(5)], timeout=timeout)),
    "wait of several": lambda: list(wait([work.delay(seconds) for _ in range(5)], timeout=timeout).done),
    "a callback": called_back,
    "inside a task": lambda: result_of(outer.delay(seconds)),
    "as a parameter": lambda: result_of(after.delay(work.delay(seconds))),
    "wait_for": lambda: result_of(after.apply_async((1.0,), wait_for=[work.delay(seconds)])),
}

def late(way):
    futures = WAYS[way]()
    returned = time.time()
    with get_client(sync_client=True) as client:
        while True:  # the event is quicker than the database, and the server may be away
            with suppress(httpx.HTTPError):
                runs = [client.read_task_run(each.task_run_id) for each in futures]
                if all(run.state and run.state.is_completed() for run in runs):
                    break
            time.sleep(0.2)
    return way, returned, max(run.end_time.timestamp() for run in runs)

print("begun", flush=True)
with ThreadPoolExecutor(len(WAYS)) as pool:
    print(json.dumps([list(each) for each in pool.map(late, WAYS)]))
"""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PrefectServer]:
    """One that a test may kill, as the others of the session may not."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (folder := tmp_path / "server").mkdir()
    found = PrefectServer(folder)
    yield found
    found.kill()


def lateness(output: str, since: float = 0.0) -> dict[str, float]:
    """By the way of waiting, how many seconds after the run's end it returned, or after that time."""
    return {way: returned - max(ended, since) for way, returned, ended in json.loads(output.splitlines()[-1])}


def runs(server: PrefectServer) -> int:
    return int(httpx.post(f"{server.api}/task_runs/count", json={}).json())


def test_every_way_of_waiting_returns_soon_after_the_end(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    serving = program(tmp_path, server, SERVES)
    try:
        late = lateness(program(tmp_path, server, WAITS, "0", str(TIMEOUT)).communicate(timeout=300)[0])
        assert len(late) == 11 and max(late.values()) < SOON, late
    finally:
        serving.kill()


@pytest.mark.long
def test_and_soon_after_the_prefect_server_is_back_that_was_killed_meanwhile(
    server: PrefectServer, tmp_path: Path
) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    before = runs(server)
    serving, waiting = program(tmp_path, server, SERVES), program(tmp_path, server, WAITS, "5", str(TIMEOUT))
    try:
        until(lambda: began(tmp_path) == 23, 120)
        until(lambda: runs(server) == before + 26, 120)  # the last ones are submitted, too, which wait for others
        until(
            lambda: (tmp_path / "answered").read_text().count("answered") == 26
        )  # no submission is cut off, which nobody could take up again
        server.kill()
        time.sleep(4)  # in which the runs end
        server.start()
        back = time.time()
        late = lateness(waiting.communicate(timeout=300)[0], back)
        assert len(late) == 11 and max(late.values()) < 5 * SOON, late  # the task server has to reach it, too
    finally:
        waiting.kill()
        serving.kill()


# The server is killed when the runs have begun, and before anybody has asked about them.
FIRST_AWAY = """
import os, threading, time
from prefect.futures import as_completed
from tasks import work
futures = [work.delay(3) for _ in range(4)]
open("submitted", "w").close()
while not os.path.exists("gone"):
    time.sleep(0.1)
called = threading.Event()
futures[0].add_done_callback(lambda _: called.set())
futures[1].wait(timeout=1)
open("waiting", "w").close()
futures[1].wait(timeout=90)
futures[2].result(timeout=90)
list(as_completed(futures[3:], timeout=90))
print(futures[1].state.name, called.wait(30))
"""


@pytest.mark.long
def test_who_begins_to_wait_while_the_server_is_away_waits_until_it_is_back(
    own_server: PrefectServer, tmp_path: Path
) -> None:
    serving, first = program(tmp_path, own_server, SERVES), program(tmp_path, own_server, FIRST_AWAY)
    try:
        until(lambda: (tmp_path / "submitted").exists() and began(tmp_path) == 4)
        own_server.kill()
        (tmp_path / "gone").touch()
        until(lambda: (tmp_path / "waiting").exists() or first.poll() is not None)
        own_server.start()
        output = first.communicate(timeout=300)[0]
        assert "Completed True" in output.splitlines(), output
    finally:
        first.kill()
        serving.kill()


# Of those whose end an event has told, nobody is asked: the server is gone by then.
KNOWS = """
import os, time
from prefect.task_runs import TaskRunWaiter
from tasks import work
work.delay(0).wait(timeout=20)
while not TaskRunWaiter.instance().durable_sees.is_set():  # from now on it sees the events
    time.sleep(0.1)
first, second, third = [work.delay(1) for _ in range(3)]
first.wait(timeout=20)
while not {second.task_run_id, third.task_run_id} <= set(TaskRunWaiter.instance()._observed_completed_task_runs):
    time.sleep(0.1)
open("known", "w").close()
while not os.path.exists("gone"):
    time.sleep(0.1)
called = []
second.add_done_callback(called.append)
third.wait(timeout=5)
print(third.state.name, len(called))
"""


@pytest.mark.long
def test_of_runs_whose_end_is_known_nobody_is_asked(own_server: PrefectServer, tmp_path: Path) -> None:
    serving, knows = program(tmp_path, own_server, SERVES), program(tmp_path, own_server, KNOWS)
    try:
        until((tmp_path / "known").exists)
        own_server.kill()
        (tmp_path / "gone").touch()
        assert knows.communicate(timeout=60)[0].splitlines()[-1] == "Completed 1"
    finally:
        knows.kill()
        serving.kill()


ANSWERS = f"""import runpy, sys
sys.argv = [{str(Path(__file__).with_name("answers.py"))!r}, "tasks:quick", "20", "4", "1"]
runpy.run_path(sys.argv[0], run_name="__main__")"""


@pytest.mark.long
def test_no_new_process_misses_the_end_of_its_first_run(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    serving = program(tmp_path, server, SERVES)
    try:
        output = program(tmp_path, server, ANSWERS).communicate(timeout=300)[0]
        assert float(output.splitlines()[-1]) < 6, output  # it is 0.5; who misses the end has no answer after 12
    finally:
        serving.kill()


# A run has no state for a moment, between two statements of Prefect's task run recorder: here for half a second.
WITHOUT_A_STATE = """
import json, sqlite3, sys, threading, time
from tasks import work
database, timeout = sqlite3.connect(sys.argv[1], check_same_thread=False, isolation_level=None), 2
futures = [work.delay(0) for _ in range(3)]
known = dict(database.execute("select id, state_id from task_run"))
database.execute("update task_run set state_id = null")
def again():
    for run, state in known.items():
        database.execute("update task_run set state_id = ? where id = ?", (state, run))
threading.Timer(0.5, again).start()
called = []
futures[0].add_done_callback(called.append)
futures[1].wait(timeout=timeout)
try:
    futures[2].result(timeout=timeout)
except TimeoutError:
    print("waited", len(called), flush=True)
"""


@pytest.mark.long
def test_a_run_without_a_state_for_a_moment_is_waited_for(own_server: PrefectServer, tmp_path: Path) -> None:
    database = str(tmp_path / "server" / "prefect.db")
    output = program(tmp_path, own_server, WITHOUT_A_STATE, database).communicate(timeout=60)[0]
    assert output.splitlines()[-1] == "waited 0", output

"""Runs that wait until they are due: retries and later(), with a real Prefect server, task servers and a rescuer."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect import Task, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry
from prefect_server import PrefectServer
from programs import SUBMITS, program, state_of, submitted, until

import durable
from durable import retrying
from durable.api_calls import requeued_state, set_state
from durable.retrying import longest_delay

TASKS = """
import os, sys, time
import durable
from prefect import task
from durable import keyed, serve

def note(what):
    with open("noted", "a") as file:
        file.write(f"{what} {time.time()}\\n")

@keyed("later")
@task(retries=2, retry_delay_seconds=4)
def fails(number: int) -> int:
    note(f"fails {number}")
    raise ValueError("each time")

@keyed("later")
@task(retries=1, retry_delay_seconds=4)
def dies(number: int) -> int:
    note(f"dies {number}")
    if number == 1 and len([line for line in open("noted") if line.startswith("dies")]) == 2:
        os.kill(os.getpid(), 9)
    raise ValueError("each time")

@keyed("later")
@task
def works(number: int) -> int:
    note(f"works {number}")
    return number
"""
SERVES = "from tasks import *\nserve(fails, dies, works, limit=int(sys.argv[2]), name=sys.argv[1], records='records')"
LATER = (
    "import tasks, durable, sys\nprint('run:', durable.later(tasks.works, 7, seconds=float(sys.argv[1])).task_run_id)"
)
RESCUES = "import sys\nfrom durable.__main__ import main\nsys.argv[1:] = ['rescue', '--records', 'records']\nmain()"


@pytest.fixture
def folder(tmp_path: Path, server: PrefectServer) -> Iterator[Path]:
    (tmp_path / "tasks.py").write_text(TASKS)
    with temporary_settings({PREFECT_API_URL: server.api}):
        yield tmp_path


@pytest.fixture
def start(folder: Path, server: PrefectServer) -> Iterator[Callable[..., None]]:
    started = []

    def begin(code: str, *arguments: str) -> "subprocess.Popen[str]":
        started.append(program(folder, server, code, *arguments))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def noted(folder: Path, what: str) -> list[float]:
    lines = (folder / "noted").read_text().splitlines() if (folder / "noted").exists() else []
    return [float(line.split()[2]) for line in lines if line.startswith(what)]


def on_record(folder: Path, name: str) -> bool:
    return any(f'"server": "{name}"' in path.read_text() for path in (folder / "records").glob("*.jsonl"))


def test_a_retry_frees_its_slot_and_begins_when_it_is_due(
    folder: Path, server: PrefectServer, start: Callable[..., None]
) -> None:
    start(RESCUES)
    start(SERVES, "one", "1")
    until(lambda: on_record(folder, "rescuer"))
    run = submitted(folder, server, f"import tasks\n{SUBMITS}\ntasks.works.delay(2)", "fails", "1")
    until(lambda: state_of(run).name == "Later")
    state = state_of(run)
    assert "is tried again when it is due" in (state.message or "") and state.state_details.scheduled_time, state
    until(lambda: state_of(run).is_failed())
    first, second, third = noted(folder, "fails 1")
    assert noted(folder, "works 2")[0] < second  # which waited behind it: the slot is free meanwhile
    assert second - first > 3.9 and third - second > 3.9


def test_tries_count_where_prefect_heard_of_their_starts_too_late(
    folder: Path, server: PrefectServer, start: Callable[..., None]
) -> None:
    run = submitted(folder, server, LATER.replace("works, 7", "fails, 1"), "600")  # so it is in no queue yet
    parameters = state_of(run).state_details.task_parameters_id

    async def tried_before() -> None:
        async with get_client() as client:
            for each in (AwaitingRetry(), AwaitingRetry(), requeued_state("Requeued: it is due", parameters)):
                await set_state(client, run, each)

    asyncio.run(tried_before())
    start(SERVES, "one", "1")
    until(lambda: state_of(run).is_failed())
    assert len(noted(folder, "fails 1")) == 1


@pytest.mark.long
def test_tries_are_counted_across_a_kill(folder: Path, server: PrefectServer, start: Callable[..., None]) -> None:
    start(RESCUES)
    start(SERVES, "one", "1")
    until(lambda: on_record(folder, "rescuer"))
    run = submitted(folder, server, SUBMITS, "dies", "1")
    until(lambda: len(noted(folder, "dies 1")) == 2)
    start(SERVES, "two", "1")
    until(lambda: state_of(run).is_failed())
    assert len(noted(folder, "dies 1")) == 3  # the try that was cut short is made again, and no other


@pytest.mark.long
def test_without_a_rescuer_retries_are_prefects(
    folder: Path, server: PrefectServer, start: Callable[..., None]
) -> None:
    start(SERVES, "one", "1")
    run = submitted(folder, server, SUBMITS, "dies", "0")
    until(lambda: state_of(run).name == "AwaitingRetry")
    until(lambda: state_of(run).is_failed())
    assert len(noted(folder, "dies 0")) == 2


@pytest.mark.long
def test_later_begins_when_it_is_due_whatever_was_killed_meanwhile(
    folder: Path, server: PrefectServer, start: Callable[..., None]
) -> None:
    run = submitted(folder, server, LATER, "15")
    due = state_of(run).state_details.scheduled_time
    start(SERVES, "one", "1")
    server.kill()
    server.start()
    start(RESCUES)
    time.sleep(1)
    assert state_of(run).name == "Later"
    until(lambda: state_of(run).is_completed())
    assert due and noted(folder, "works 7")[0] >= due.timestamp()
    cancelled = submitted(folder, server, LATER, "12")  # a busy machine needs seconds to come to the next line
    assert durable.cancel(cancelled) == "Cancelled"
    after = submitted(folder, server, LATER, "12")  # due later than that one
    until(lambda: state_of(after).is_completed())
    assert state_of(cancelled).is_cancelled() and len(noted(folder, "works 7")) == 2


MANY = 50
ALL_LATER = """import time, tasks, durable
due = time.time() + float(sys.argv[2])
for _ in range(int(sys.argv[1])):
    durable.later(tasks.works, 3, seconds=due - time.time())
print(due)"""


def threads(process: "subprocess.Popen[str]") -> int:
    return len(list(Path(f"/proc/{process.pid}/task").iterdir())) if sys.platform == "linux" else 0


@pytest.mark.long
def test_many_that_are_due_at_once_wait_in_no_thread(
    folder: Path, server: PrefectServer, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    running = [start(RESCUES), start(SERVES, "one", "5")]
    until(lambda: on_record(folder, "rescuer") and on_record(folder, "one"))
    submitted(folder, server, SUBMITS, "works", "1")
    until(lambda: len(noted(folder, "works 1")) == 1)
    before = [threads(each) for each in running]
    said = program(folder, server, f"import sys\n{ALL_LATER}", str(MANY), "20").communicate(timeout=120)[0]
    due = float(said.splitlines()[-1])
    assert time.time() < due and not noted(folder, "works 3")
    assert [threads(each) for each in running] == before
    until(lambda: len(noted(folder, "works 3")) == MANY, 60)
    begun = noted(folder, "works 3")
    assert begun[0] >= due - 0.1  # two readings of the clock


class Away:
    async def read_task_run_states(self, run: UUID) -> None:
        raise httpx.ConnectError("nobody listens")


@task(retries=2)
def retried() -> None: ...


async def tries_of(run_count: int, records: Path) -> int:
    worker = durable.DrainingTaskWorker(retried, limit=1, name="tests", records=records)
    worker._client = Away()  # type: ignore[assignment]
    run = TaskRun(task_key=worker.tasks[0].task_key, dynamic_key="1", run_count=run_count)
    await worker._count_tries(run)
    return retrying._tries.pop(run.id).made


def test_a_run_begins_also_if_nobody_says_how_often_it_was_tried(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert [asyncio.run(tries_of(count, tmp_path)) for count in (0, 1, 5)] == [0, 1, 2]


@task
def plain(number: int) -> int:
    return number


@pytest.mark.parametrize(
    "when",
    [{}, {"seconds": -1}, {"seconds": 1, "at": datetime.now(UTC)}, {"at": datetime.now() + timedelta(1)}],  # noqa: DTZ005
)
def test_when_must_be_one_moment(when: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"seconds=|zone"):
        durable.later(plain, 1, **when)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "delay"),
    [
        ({}, 0.0),
        ({"retries": 0, "retry_delay_seconds": 5}, 0.0),
        ({"retries": 2}, 0.0),
        ({"retries": 2, "retry_delay_seconds": 5}, 5.0),
        ({"retries": 2, "retry_delay_seconds": [1, 60]}, 60.0),
    ],
)
def test_how_long_a_retry_may_wait(options: dict[str, object], delay: float) -> None:
    copy: Task[..., int] = plain.with_options(**options)  # type: ignore[call-overload]
    assert longest_delay(copy) == delay

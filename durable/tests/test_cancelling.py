"""A run that is cancelled while it runs ends Cancelled: with a real Prefect server and a task server."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect_server import PrefectServer
from programs import PATIENCE, SUBMITS, program, state_of, submitted, until

import durable
from durable.api_calls import should_still_run
from durable.cancel_running import ASK, YOUNG, RunningCancellations

SOON = 30  # seconds; it is 3 on an idle machine, and what is not cancelled lasts 300
TASKS = """
import asyncio, sys, time
from prefect import task
from durable import keyed, serve

def note(what):
    with open("noted", "a") as file:
        file.write(what + "\\n")

@keyed("cancelling")
@task(retries=2)
def steps(number: int) -> int:
    note(f"steps {number} begins")
    try:
        for _ in range(3000):
            time.sleep(0.1)
    finally:
        note(f"steps {number} cleans up")
    return number

@keyed("cancelling")
@task(retries=2)
async def awaits(number: int) -> int:
    note(f"awaits {number} begins")
    try:
        await asyncio.sleep(300)
    except asyncio.CancelledError:
        note(f"awaits {number} got it")
        raise
    return number

@keyed("cancelling")
@task
def sits(number: int) -> int:
    note(f"sits {number} begins")
    time.sleep(24)
    note(f"sits {number} goes on")
    return number

@keyed("cancelling")
@task(retries=3, retry_delay_seconds=6)
def fails(number: int) -> int:
    note(f"fails {number} begins")
    raise ValueError("each time")
"""
SERVES = "from tasks import *\nserve(steps, awaits, sits, fails, limit=int(sys.argv[1]), grace=2, records='records')"


@pytest.fixture
def folder(tmp_path: Path, server: PrefectServer) -> Iterator[Path]:
    (tmp_path / "tasks.py").write_text(TASKS)
    with temporary_settings({PREFECT_API_URL: server.api}):
        yield tmp_path


@pytest.fixture
def serving(folder: Path, server: PrefectServer) -> Iterator[Callable[[int], None]]:
    started = []
    yield lambda limit: started.append(program(folder, server, SERVES, str(limit)))
    for each in started:
        each.kill()
        said = each.communicate()[0]
        assert "Traceback" not in said and "rash" not in said, said


def noted(folder: Path) -> list[str]:
    return (folder / "noted").read_text().splitlines() if (folder / "noted").exists() else []


async def set_to(run: UUID, state: State) -> None:
    async with get_client() as client:
        await client.set_task_run_state(run, state, force=True)


@pytest.mark.parametrize(
    ("task", "last", "how"),
    [
        pytest.param("steps", "cleans up", "cancel", marks=pytest.mark.long),
        ("awaits", "got it", "Cancelling"),
        pytest.param("steps", "cleans up", "Cancelled", marks=pytest.mark.long),
    ],
)
def test_what_runs_ends_cancelled_without_a_retry_and_its_slot_is_free(
    task: str, last: str, how: str, folder: Path, server: PrefectServer, serving: Callable[[int], None]
) -> None:
    serving(1)
    run = submitted(folder, server, SUBMITS, task, "0")
    until(lambda: f"{task} 0 begins" in noted(folder))
    until(lambda: state_of(run).is_running())
    begun = time.monotonic()
    if how == "cancel":
        assert durable.cancel(run) == "Cancelling"
    else:
        kind = StateType.CANCELLING if how == "Cancelling" else StateType.CANCELLED
        asyncio.run(set_to(run, State(type=kind)))
    until(lambda: f"{task} 0 {last}" in noted(folder), SOON)
    until(lambda: (state_of(run).message or "").startswith("It was cancelled while it ran"), SOON)
    assert time.monotonic() - begun < SOON
    another = submitted(folder, server, SUBMITS, task, "1")
    until(lambda: f"{task} 1 begins" in noted(folder), SOON)
    assert state_of(run).is_cancelled() and noted(folder).count(f"{task} 0 begins") == 1
    durable.cancel(another)
    until(lambda: state_of(another).is_cancelled(), SOON)


async def found_to_be_called_off(run: UUID) -> list[bool]:
    """By a task server that has the run in flight: at once; after Cancelling and Running; and after Cancelling."""
    found = []
    async with get_client() as client:
        taken = await client.read_task_run(run)
        for states in ((), (StateType.CANCELLING, StateType.RUNNING), (StateType.CANCELLING,)):
            cancellations = RunningCancellations("tests", 30, {run: taken})
            cancellations.took(taken)
            await cancellations.look(client)
            await asyncio.sleep(YOUNG)
            for kind in states:
                await set_to(run, State(type=kind))
            cancellations._ask_at = 0.0
            await cancellations.look(client)
            found.append(run in cancellations)
            cancellations.ended(run)
    return found


@pytest.mark.long
def test_a_cancelling_is_found_also_if_running_was_told_after_it(folder: Path, server: PrefectServer) -> None:
    run = submitted(folder, server, SUBMITS, "steps", "0")
    assert asyncio.run(found_to_be_called_off(run)) == [False, True, True]
    durable.cancel(run)


@pytest.mark.long
def test_what_nothing_can_interrupt_is_named_and_keeps_its_slot_until_it_has_left(
    folder: Path, server: PrefectServer, serving: Callable[[int], None]
) -> None:
    serving(1)
    run = submitted(folder, server, SUBMITS, "sits", "0")
    until(lambda: "sits 0 begins" in noted(folder))
    begun = time.monotonic()
    durable.cancel(run)
    waits = submitted(folder, server, SUBMITS, "sits", "1")
    until(lambda: state_of(run).is_cancelled(), SOON)
    named = state_of(run).message or ""
    assert "it sits in sits (tasks.py, line " in named and "Its result does not count" in named, named
    assert "sits 1 begins" not in noted(folder)
    until(lambda: "sits 1 begins" in noted(folder))
    assert time.monotonic() - begun > 20 and "sits 0 goes on" not in noted(folder)
    assert state_of(run).is_cancelled() and "it sits in sits" in (state_of(run).message or "")
    durable.cancel(waits)


@pytest.mark.long
def test_what_waits_for_its_next_try_is_cancelled_and_never_tried_again(
    folder: Path, server: PrefectServer, serving: Callable[[int], None]
) -> None:
    serving(1)
    run = submitted(folder, server, SUBMITS, "fails", "0")
    until(lambda: state_of(run).name == "AwaitingRetry")
    assert durable.cancel(run) == "Cancelled"
    another = submitted(folder, server, SUBMITS, "steps", "1")
    until(lambda: "steps 1 begins" in noted(folder))  # the engine has woken, and the slot is free
    durable.cancel(another)
    assert state_of(run).is_cancelled() and noted(folder).count("fails 0 begins") == 1


@pytest.mark.long
def test_a_task_server_that_ends_meanwhile_does_not_queue_it_again(
    folder: Path, server: PrefectServer, serving: Callable[[int], None]
) -> None:
    process = program(folder, server, SERVES, "1")
    run = submitted(folder, server, SUBMITS, "sits", "0")
    until(lambda: "sits 0 begins" in noted(folder))
    durable.cancel(run)
    process.terminate()
    assert process.wait(timeout=20) == 0
    until(lambda: state_of(run).is_cancelled(), SOON)


async def wanted_after(run: UUID, *types: StateType) -> bool:
    for kind in types:
        await set_to(run, State(type=kind))
    async with get_client() as client:
        return await should_still_run(client, run)


def test_what_was_called_off_is_wanted_no_more_though_it_was_told_to_be_running_since(
    folder: Path, server: PrefectServer
) -> None:
    run = submitted(folder, server, SUBMITS, "steps", "0")
    assert asyncio.run(wanted_after(run, StateType.RUNNING))
    assert not asyncio.run(wanted_after(run, StateType.CANCELLING, StateType.RUNNING))
    assert state_of(run).is_cancelled()


def test_what_waits_what_has_ended_and_what_is_not_there(folder: Path, server: PrefectServer) -> None:
    run = submitted(folder, server, SUBMITS, "steps", "0")
    assert durable.cancel(str(run)) == "Cancelled" and state_of(run).is_cancelled()
    assert durable.cancel(run) == "Cancelled"  # again
    with pytest.raises(ObjectNotFound):
        durable.cancel(uuid4())
    with pytest.raises(ValueError, match="badly formed"):
        durable.cancel("steps")


def test_by_the_command(folder: Path, server: PrefectServer) -> None:
    run, other = submitted(folder, server, SUBMITS, "steps", "0"), uuid4()
    command = "import runpy, sys\nsys.argv[0] = 'durable'\nrunpy.run_module('durable', run_name='__main__')"
    ending = program(folder, server, command, "cancel", str(run), str(other))
    assert ending.communicate(timeout=PATIENCE)[0].splitlines() == [
        f"{run} Cancelled", f"{other} is not cancelled: there is no such run"
    ]  # fmt: skip
    assert ending.returncode == 1
    wrong = program(folder, server, command, "cancel", "steps")
    assert "invalid UUID value: 'steps'" in wrong.communicate(timeout=PATIENCE)[0] and wrong.returncode == 2


def test_where_no_prefect_server_is_named_nothing_is_started() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(ValueError, match="PREFECT_API_URL"):
        durable.cancel(uuid4())


@pytest.mark.long
def test_a_question_that_failed_is_asked_again(folder: Path, tmp_path: Path) -> None:
    """The only one that finds a Cancelling that came before Running: of each state it is asked once."""
    (home := tmp_path / "another").mkdir()
    server = PrefectServer(home)

    async def look() -> None:
        run = submitted(folder, server, SUBMITS, "steps", "1")
        async with get_client() as client:
            await client.set_task_run_state(run, State(type=StateType.CANCELLING), force=True)
            await client.set_task_run_state(run, State(type=StateType.RUNNING), force=True)
            read = await client.read_task_run(run)
            cancellations = RunningCancellations("one", 3, {run: read})
            cancellations.took(read)
            await asyncio.sleep(YOUNG + 0.1)
            server.kill()
            with pytest.raises(httpx.HTTPError):
                await cancellations.look(client)
            server.start()
            await asyncio.sleep(ASK)
            await cancellations.look(client)
            assert run in cancellations
            cancellations.ended(run)

    try:
        with temporary_settings({PREFECT_API_URL: server.api, PREFECT_CLIENT_MAX_RETRIES: 0}):
            asyncio.run(look())
    finally:
        server.kill()

"""A run that was cancelled or deleted while it waited never begins: with a real Prefect server and a task server."""

import asyncio
import signal
import time
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled
from prefect_server import PrefectServer
from programs import began, program, until

from durable.claiming import ASK_AFTER
from durable.rescuer import Rescuer

TASKS = """
import os, time
from prefect import task
from durable import keyed, serve

@keyed("cancelled")
@task
def work(number: int) -> int:
    with open("began", "a") as file:
        file.write("began\\n")
    while not os.path.exists("go on"):
        time.sleep(0.1)
    return number
"""
SERVES = "from tasks import *\nserve(work, limit=1, records='records')"
SUBMITS = "from tasks import *\nprint('runs:', *[work.delay(number).task_run_id for number in range(6)])"


def submitted(folder: Path, server: PrefectServer) -> list[str]:
    """The ids of six runs, in the order of the queue."""
    said = program(folder, server, SUBMITS).communicate(timeout=30)[0]
    return next(line for line in said.splitlines() if line.startswith("runs: ")).split()[1:]


async def state_of(run: str) -> str:
    async with get_client() as client:
        try:
            state = (await client.read_task_run(UUID(run))).state
        except ObjectNotFound:
            return "deleted"
    return state.name if state and state.name else ""


async def end_four(cancelled: str, deleted: str, cancelling: str, later: str) -> None:
    async with get_client() as client:
        await client.set_task_run_state(UUID(cancelled), Cancelled(), force=True)
        await client.delete_task_run(UUID(deleted))
        for run in (cancelling, later):
            await client.set_task_run_state(UUID(run), State(type=StateType.CANCELLING), force=True)


def test_what_was_cancelled_or_deleted_while_it_waited_never_begins(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    serving = program(tmp_path, server, SERVES)
    runs = submitted(tmp_path, server)
    until(lambda: began(tmp_path) == 1)
    asyncio.run(end_four(*runs[1:5]))
    time.sleep(ASK_AFTER)
    (tmp_path / "go on").touch()
    until(lambda: asyncio.run(state_of(runs[5])) == "Completed")
    states = [asyncio.run(state_of(run)) for run in runs]
    serving.send_signal(signal.SIGTERM)
    said = serving.communicate(timeout=30)[0]
    assert states == ["Completed", "Cancelled", "deleted", "Cancelled", "Cancelled", "Completed"]
    assert began(tmp_path) == 2
    assert "ERROR" not in said and said.count("is refused: it ") == 4, said


@pytest.mark.long
def test_what_is_to_be_cancelled_and_is_in_no_queue_is_cancelled_by_the_rescuer(
    server: PrefectServer, tmp_path: Path
) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    runs = submitted(tmp_path, server)
    asyncio.run(end_four(*runs[1:5]))

    async def look() -> list[str]:
        with Rescuer(tmp_path / "records") as rescuer:
            rescuer._reconciler.reached -= 60
            rescuer._reconciler._clock = lambda: time.time() + 20  # it has waited for long
            report = await rescuer.look()
        # Of what other tests have left on the same Prefect server this one says nothing.
        lost, cancelled = ({str(each.run.id) for each in found} for found in (report.lost, report.cancelled))
        assert not lost & set(runs)
        return sorted(cancelled & set(runs))

    (tmp_path / "records").mkdir()
    assert asyncio.run(look()) == sorted(runs[3:5])
    assert [asyncio.run(state_of(run)) for run in runs[1:5]] == ["Cancelled", "deleted", "Cancelled", "Cancelled"]

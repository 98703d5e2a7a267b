"""What a real Prefect server answers to the calls that durable makes, and what durable makes of it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRun
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.states import Completed, Failed, Running
from prefect_server import PrefectServer

from durable.api_calls import final_state_line, requeued_state, set_state
from durable.api_errors import is_permanent_status
from durable.losses import lacks_result, unrecorded_task_servers
from durable.records import Record, Records
from durable.requeue import requeue_request
from durable.rescuer import OneAtATime, Rescuer
from durable.worker import DrainingTaskWorker


@task
def job() -> int:
    return 1


async def queued(number: int) -> list[TaskRun]:
    """So many runs that wait in the queue."""
    found = []
    async with get_client() as client:
        for _ in range(number):
            run = await client.create_task_run(job, None, str(uuid4()), state=requeued_state("queued", None))
            found.append(await client.read_task_run(run.id))
    return found


async def state_of(run: TaskRun) -> str:
    async with get_client() as client:
        state = (await client.read_task_run(run.id)).state
        return state.name if state else ""


async def delete(run: TaskRun) -> None:
    async with get_client() as client:
        await client.delete_task_run(run.id)


def test_a_run_that_was_deleted_is_not_found_when_its_state_is_set(server: PrefectServer) -> None:
    async def main() -> None:
        async with get_client() as client:
            with pytest.raises(ObjectNotFound):
                await set_state(client, uuid4(), Failed())

    asyncio.run(main())


def in_flight(worker: DrainingTaskWorker, runs: list[TaskRun]) -> None:
    for run in runs:
        worker.record.write(run=str(run.id), event="start", state=str(run.state and run.state.id))
        worker._add_in_flight(run)


def test_runs_are_given_back_though_some_were_deleted(server: PrefectServer, tmp_path: Path) -> None:
    async def main() -> list[str]:
        runs = await queued(12)
        async with get_client() as client:
            for run in runs:
                await client.set_task_run_state(run.id, Running(), force=True)
        for deleted in (runs[0], runs[5]):
            await delete(deleted)
        worker = DrainingTaskWorker(job, limit=20, name="one", records=tmp_path)
        in_flight(worker, runs)
        await worker.give_back()
        assert not worker._in_flight
        return [await state_of(run) for run in runs if run.id not in (runs[0].id, runs[5].id)]

    assert set(asyncio.run(main())) == {"Scheduled"}


def test_an_overdue_run_that_was_deleted_gives_its_place_back(server: PrefectServer, tmp_path: Path) -> None:
    async def main() -> None:
        slow = job.with_options(timeout_seconds=0.1)
        (run,) = await queued(1)
        worker = DrainingTaskWorker(slow, limit=1, name="one", records=tmp_path)
        in_flight(worker, [run])
        run.task_key = worker.tasks[0].task_key
        run.state = Running()
        run.state.timestamp -= timedelta(seconds=60)
        await delete(run)
        await worker.end_overdue()
        assert worker.stuck.is_set() and not worker._in_flight

    asyncio.run(main())


def test_of_two_deliveries_that_come_while_it_runs_the_same_one_ends_nothing(
    server: PrefectServer, tmp_path: Path
) -> None:
    async def main() -> None:
        (run,) = await queued(1)
        again, another = run.model_copy(deep=True), run.model_copy(deep=True)
        assert another.state
        another.state.id = uuid4()
        worker = DrainingTaskWorker(job, limit=1, name="one", records=tmp_path)
        assert not worker._delivered_again(run)
        in_flight(worker, [run])
        run.state = Running()  # as the engine does
        records = Records(tmp_path)
        for delivery in (again, another):
            worker.record.write(run=str(run.id), event="start", state=str(delivery.state and delivery.state.id))
            assert worker._delivered_again(delivery)
        records.read()
        hows = [start.how for start in records.runs[str(run.id)].starts]
        assert hows == [None, None, "refused"] and records.runs[str(run.id)].running_on()

    asyncio.run(main())


def dead_record(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    """The record of a task server that is dead."""
    record = Record(folder, name, keys=[job.task_key], limit=1)
    for line in lines:
        record.write(**line)
    record.close()


def test_the_rescuer_goes_on_where_a_lost_run_was_deleted(server: PrefectServer, tmp_path: Path) -> None:
    """Deleted between its look and its act, which is what the first of these two stands for."""

    async def main() -> None:
        runs = await queued(2)
        async with get_client() as client:
            for run in runs:
                await client.set_task_run_state(run.id, Running(), force=True)
        lines = [{"run": str(run.id), "event": "start", "state": str(run.state and run.state.id)} for run in runs]
        dead_record(tmp_path, "dead", *lines)
        rescuer = Rescuer(tmp_path)
        found = rescuer._reconciler.find

        async def find_and_delete(api: Any) -> Any:
            report, seen = await found(api)
            seen.served.add(job.task_key)
            await delete(runs[0])
            return report, seen

        rescuer._reconciler.find = find_and_delete  # type: ignore[method-assign]
        report = await rescuer.look()
        assert [lost.run.id for lost in report.requeued] == [runs[1].id]
        assert await state_of(runs[1]) == "Scheduled"

    asyncio.run(main())


@pytest.mark.parametrize("stored", [True, False])
def test_an_end_that_prefect_never_heard_of_is_told_with_its_result_and_run_again_only_without_one(
    server: PrefectServer, tmp_path: Path, stored: bool
) -> None:
    async def main() -> None:
        (run,) = await queued(1)
        async with get_client() as client:
            await client.set_task_run_state(run.id, Running(), force=True)
        state = str(run.state and run.state.id)
        store = ResultStore(result_storage=LocalFileSystem(basepath=tmp_path), storage_key_fn=lambda: "its-result")
        record = store.create_result_record("what came back")
        ended = final_state_line(Completed(message="done", data=record if stored else None))
        dead_record(
            tmp_path, "gone",
            {"run": str(run.id), "event": "start", "state": state},
            {"run": str(run.id), "event": "end", "how": "returned", "ended": ended},
        )  # fmt: skip
        rescuer = Rescuer(tmp_path)
        rescuer._reconciler.reached = 0
        for path in tmp_path.glob("*.jsonl"):  # an end of a minute ago
            path.write_text(_a_minute_ago(path.read_text()))
        found = rescuer._reconciler.find

        async def find_and_serve(api: Any) -> Any:
            report, seen = await found(api)
            seen.served.add(job.task_key)
            return report, seen

        rescuer._reconciler.find = find_and_serve  # type: ignore[method-assign]
        report = await rescuer.look()
        done = [[lost.run.id for lost in runs] for runs in (report.ended, report.requeued)]
        assert done == ([[run.id], []] if stored else [[], [run.id]])
        assert await state_of(run) == ("Completed" if stored else "Scheduled")
        async with get_client() as client:
            known = (await client.read_task_run(run.id)).state
        assert known and getattr(known.data, "storage_key", "").endswith("its-result") == stored

    asyncio.run(main())


def _a_minute_ago(text: str) -> str:
    lines = [json.loads(line) for line in text.splitlines()]
    return "".join(json.dumps(line | {"at": line["at"] - 60}) + "\n" for line in lines)


def test_of_a_state_its_type_name_and_message_come_back_and_one_that_is_not_final_is_no_end() -> None:
    for state in (Completed(message="m"), Failed(name="TimedOut", message="x" * 5000)):
        line = final_state_line(state)
        assert line
        assert (line["type"], line["name"]) == (state.type.value, state.name)
        assert (state.message or "").startswith(line["message"]) and len(line["message"]) <= 1000
        assert lacks_result(line) == (line["type"] == "COMPLETED")
    assert final_state_line(Running()) is None


@pytest.mark.parametrize(
    ("status", "refused"),
    [(status, True) for status in (400, 401, 403, 404, 422)]
    + [(status, False) for status in (101, 408, 425, 429, 500, 503)],
)
def test_which_answers_are_for_good(status: int, refused: bool) -> None:
    assert is_permanent_status(status) is refused


def test_the_lock_of_the_rescuers_excludes_two_in_one_process_and_lets_the_event_loop_go_on(tmp_path: Path) -> None:
    inside, most, ticks = 0, 0, 0

    async def hold() -> None:
        nonlocal inside, most
        async with OneAtATime.of(tmp_path / "lock"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.1)
            inside -= 1

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    async def main() -> None:
        ticking = asyncio.create_task(tick())
        await asyncio.gather(hold(), hold(), hold())
        waiting = asyncio.create_task(hold())
        async with OneAtATime.of(tmp_path / "lock"):
            await asyncio.sleep(0.1)
            waiting.cancel()  # while it waits: the lock is the other's still
            await asyncio.sleep(0.1)
        await hold()
        ticking.cancel()

    asyncio.run(main())
    assert most == 1 and ticks > 20


def test_task_servers_without_a_record_here_are_strangers(tmp_path: Path) -> None:
    dead_record(tmp_path, "one")
    records = Records(tmp_path)
    records.read()
    (process,) = records.processes.values()
    own = f"{process.host}-{process.pid}"
    assert unrecorded_task_servers([own, "elsewhere-12", "a-b-77", "no pid"], records.processes.values()) == [
        "a-b-77",
        "elsewhere-12",
    ]


def test_the_state_that_puts_back_is_one_for_the_queue() -> None:
    assert requeue_request("m", None)["state_details"]["deferred"] is True
    assert isinstance(requeued_state("m", UUID(int=1)).state_details.task_parameters_id, UUID)

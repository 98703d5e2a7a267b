"""Calls to the Prefect API, and their arguments. durable/tests/test_api_calls.py asks a real server for its answers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import LogCreate, StateCreate
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.results import ResultRecord
from prefect.states import Cancelled

from durable.claiming import PastState, was_cancelled
from durable.requeue import delay_request, requeue_request

MESSAGE = 1000  # characters of a state's message that go into the record: what a person reads of it


def requeued_state(message: str, parameters: UUID | str | None) -> State[Any]:
    """The state that puts a run into the Prefect server's queue, for Prefect's client."""
    return State.model_validate(requeue_request(message, parameters))


def delayed_state(message: str, parameters: UUID | str | None, at: float) -> State[Any]:
    """The state of a run that is due then, in seconds since 1970, for Prefect's client."""
    return State.model_validate(delay_request(message, parameters, at))


def run_log_line(run: UUID, message: str) -> LogCreate:
    """A log line on the run's page, where the UI shows it for good: the message on its state is soon replaced."""
    line = {"name": "durable", "level": logging.WARNING, "message": message, "timestamp": datetime.now(UTC)}
    return LogCreate.model_validate(line | {"task_run_id": run})


async def set_state(client: PrefectClient, run: UUID, state: State) -> None:
    """Set the run to the state, whatever its rules say. Raises ObjectNotFound for a run that was deleted.

    Prefect's client raises HTTPStatusError for that (`set_task_run_state` in 3.8.0 to 3.9.1), as for all else.
    """
    with _deleted_is_not_found():
        await client.set_task_run_state(run, state, force=True)


async def past_states(client: PrefectClient, run: UUID) -> list[PastState]:
    """The states that it has had; none if it was deleted."""
    states = await client.read_task_run_states(run)
    return [
        PastState(
            state.type.value,
            state.timestamp.timestamp(),
            state.is_scheduled() and bool(state.state_details.deferred),
            state.name or "",
        )
        for state in states
    ]


async def should_still_run(client: PrefectClient, run: UUID) -> bool:
    """Whether it is still to be run: it was not deleted, has not ended, and is not to be cancelled.

    One that was called off, and whose task server told another state since, is set to Cancelled here.
    """
    try:
        state = (await client.read_task_run(run)).state
        # It may be without a state for a moment, between two statements of Prefect's task run recorder.
        if state and (state.is_final() or state.is_cancelling()):
            return False
        if was_cancelled(await past_states(client, run)):
            await set_state(client, run, Cancelled(message="It was cancelled, and its task server ended before it"))
            return False
    except ObjectNotFound:
        return False
    return True


async def set_final_state(client: PrefectClient, run: UUID, line: dict[str, Any]) -> None:
    """The same with the final state of a line, and with where its result is. Raises ValueError for another line.

    Prefect's client leaves out where the result is, unless it has the result itself (`to_state_create`).
    """
    state = StateCreate.model_validate({name: line.get(name) for name in ("type", "name", "message", "data")})
    state.state_details.task_run_id = run
    body = {"state": state.model_dump(mode="json"), "force": True}
    with _deleted_is_not_found():
        await client._client.post(f"/task_runs/{run}/set_state", json=body)


@contextmanager
def _deleted_is_not_found() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            raise ObjectNotFound(error) from None
        raise


def final_state_line(state: State) -> dict[str, Any] | None:
    """A final state for a line of the record, with where its result is and without the result; None for another one."""
    if not state.is_final():
        return None
    # Every result of a background task is stored: TaskWorker sees to it (`persist_result=True` in its __init__).
    where = state.data.metadata.model_dump(mode="json") if isinstance(state.data, ResultRecord) else None
    return {
        "type": state.type.value,
        "name": state.name or "",
        "message": (state.message or "")[:MESSAGE],
        "data": where,
    }

"""Calls to the Prefect API with what they really answer: tests/unit/test_calls.py asks a real server."""

from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import to_state_create

MESSAGE = 1000  # characters of a state's message that go into the record


async def set_state(client: PrefectClient, run: UUID, state: State) -> None:
    """Set the run to the state, whatever its rules say. Raises ObjectNotFound for a run that was deleted.

    Prefect's client raises HTTPStatusError for that (`set_task_run_state` in 3.8.0 to 3.9.1), as for all else.
    """
    try:
        await client.set_task_run_state(run, state, force=True)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            raise ObjectNotFound(error) from None
        raise


def end_as_line(state: State) -> dict[str, Any] | None:
    """A final state for a line of the record, with where its result is and without the result; None for another one."""
    if not state.is_final():
        return None
    data = to_state_create(state).data
    message = (state.message or "")[:MESSAGE]
    where = data.model_dump(mode="json") if hasattr(data, "model_dump") else None
    return {"type": state.type.value, "name": state.name or "", "message": message, "data": where}


def end_of_line(line: dict[str, Any]) -> State[Any]:
    """The state that end_as_line() wrote. Raises ValueError (pydantic's) for anything else."""
    return State.model_validate({name: line.get(name) for name in ("type", "name", "message", "data")})

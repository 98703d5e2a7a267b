"""cancel() and acancel(): a run that waits never begins, one that runs ends Cancelled."""

import asyncio
import time
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.settings import get_current_settings
from prefect.states import Cancelled

from durable.api_calls import set_state
from durable.claiming import ASK_AFTER
from durable.losses import WAITED_FOR_FAILED
from durable.waiting import STATELESS

REPORTED = 0.3  # seconds until Prefect knows what a task server has begun: a request, on a busy machine


def need_address() -> None:
    """Raises ValueError without PREFECT_API_URL: Prefect would start a server of its own, for this process."""
    if not get_current_settings().api.url:
        raise ValueError("cancelling needs PREFECT_API_URL, the address of the Prefect server")


async def acancel(run: UUID | str, message: str = "") -> str:
    """Cancel a run; returns the name of the state that it is in then. Takes over a second if it was just submitted.

    "Cancelled": it waited, and never begins. "Cancelling": it has begun, and its task server ends it within 3 s, or the
    rescuer does if that has died. Any other name: it had ended. An `async def` task gets asyncio's CancelledError, one
    in a thread durable.TaskRunCancelled at its next line. Only task servers of this package do that.

    Raises ValueError for what is no id and without PREFECT_API_URL, prefect.exceptions.ObjectNotFound for a run that
    Prefect does not have, and httpx.HTTPError where the API is unreachable.
    """
    need_address()
    identifier = run if isinstance(run, UUID) else UUID(run)
    async with get_client() as client:
        state = await _state_of(client, identifier)
        age = time.time() - state.timestamp.timestamp()
        if state.is_scheduled() and state.state_details.deferred and 0 <= age < ASK_AFTER:
            # A task server asks nobody about so young a run: it may have begun it, and Prefect does not know yet.
            await asyncio.sleep(ASK_AFTER - age + REPORTED)
            state = await _state_of(client, identifier)
        if state.is_final():
            return state.name or state.type.value
        waits = state.is_scheduled() or state.name == WAITED_FOR_FAILED  # Prefect never goes on with the latter
        wanted: State = Cancelled(message=message or "It was cancelled before it began")
        if not waits:
            wanted = State(type=StateType.CANCELLING, message=message or None)
        await set_state(client, identifier, wanted)
        return wanted.name or wanted.type.value


async def _state_of(client: PrefectClient, run: UUID) -> State:
    end = time.monotonic() + STATELESS
    while not (state := (await client.read_task_run(run)).state):
        if time.monotonic() > end:
            raise LookupError(f"task run {run} has no state")
        await asyncio.sleep(0.1)
    return state


def cancel(run: UUID | str, message: str = "") -> str:
    """acancel() from ordinary code. Raises RuntimeError in an event loop."""
    if asyncio._get_running_loop():
        raise RuntimeError("cancel() was called in an event loop. Try: use await acancel(…)")
    return asyncio.run(acancel(run, message))

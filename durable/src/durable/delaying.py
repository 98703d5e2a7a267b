"""later(): a run that begins at a time, and not before. It waits in Prefect's database, in no queue and no thread."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRun
from prefect.futures import PrefectDistributedFuture
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect.utilities.callables import get_call_parameters

from durable.requeue import LATER

R = TypeVar("R")


class _Later:
    """Prefect's client for create_run(), which submits a run: the run that it creates is due then."""

    def __init__(self, at: datetime) -> None:
        self._client, self._at = get_client(), at

    async def __aenter__(self) -> "_Later":
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._client.__aexit__(*error)

    async def create_task_run(self, **about: Any) -> TaskRun:
        state = about["state"]
        state.name, state.message = LATER, f"It is due at {self._at:%Y-%m-%d %H:%M:%S %Z}"
        state.state_details.deferred = None  # else Prefect's server puts it into its queue
        state.state_details.scheduled_time = self._at
        return await self._client.create_task_run(**about)


def later(
    task: Task[..., R], *args: Any, at: datetime | None = None, seconds: float | None = None, **kwargs: Any
) -> PrefectDistributedFuture[R]:
    """As task.delay(…), for a run that is due then, or in so many seconds. The rescuer puts it into the queue.

    Raises ValueError for both or neither of them, for a moment without a zone and for less than 0 seconds.
    """
    if (at is None) == (seconds is None):
        raise ValueError("later() takes one of the two: at=…, or seconds=…")
    if at is None:
        if not cast(float, seconds) >= 0:
            raise ValueError(f"seconds={seconds!r} is less than 0")
        at = datetime.now(UTC) + timedelta(seconds=cast(float, seconds))
    if at.tzinfo is None:
        raise ValueError("at= has no time zone. Try: write datetime.now().astimezone() + timedelta(…)")
    parameters = get_call_parameters(task.fn, args, kwargs)
    creating = task.create_run(client=cast(Any, _Later(at)), parameters=parameters, deferred=True)
    run = cast(TaskRun, run_coro_as_sync(creating))
    return PrefectDistributedFuture(task_run_id=run.id)

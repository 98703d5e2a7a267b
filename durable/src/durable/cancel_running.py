"""Which runs that a task server has in flight are to be cancelled, and how they come to an end.

Somebody sets a run to Cancelling (or to Cancelled) through Prefect's API, and nobody tells the task server. So it asks:
one request for all runs that it has had for a second, and one for the past states of a run that is in a new state. The
second is needed because the engine emits its own states whatever the API says: a Cancelling that came just before
Running is not the run's state any more.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import TaskRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from durable import interrupting
from durable.api_calls import past_states, set_state
from durable.claiming import CANCELLED_TYPES, was_cancelled

logger = logging.getLogger("prefect.task_worker")

LOOK = 0.2  # seconds between two tries to interrupt a function, which may catch one: a person does not notice
ASK = 1.5  # seconds between two questions to Prefect, one for all runs in flight: a cancel is heard within 2
YOUNG = 1.0  # seconds: of a run that was taken later nobody is asked, so that short runs cost no question


class RunningCancellations:
    """For one task server. in_flight: what it has, by the runs' ids; the engine keeps their states up to date."""

    def __init__(self, name: str, grace: float, in_flight: Mapping[UUID, TaskRun]) -> None:
        self._name, self._grace, self._in_flight = name, grace, in_flight
        self._taken: dict[UUID, float] = {}  # when, by time.monotonic()
        self._asked_in: dict[UUID, UUID] = {}  # in which state a run was when it was asked for its states
        self._since: dict[UUID, float] = {}  # when it was found to be called off, by time.monotonic()
        self._told: set[UUID] = set()  # those that are Cancelled for Prefect, and do not end here yet
        self._ask_at = 0.0

    def took(self, run: TaskRun) -> None:
        """It is in flight from now on."""
        interrupting.watch(run.id)
        self._taken[run.id] = time.monotonic()

    def ended(self, run: UUID) -> None:
        """Its function is under way no more, and its slot is free."""
        interrupting.forget(run)
        for known in (self._taken, self._asked_in, self._since):
            known.pop(run, None)
        self._told.discard(run)

    def __contains__(self, run: UUID) -> bool:
        return run in self._since

    async def look(self, client: PrefectClient) -> None:
        """To be called every LOOK seconds, in the event loop that runs the tasks. Raises httpx.HTTPError."""
        for run in list(self._since):
            await self._end(client, run)
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + ASK
            old = {run for run, at in self._taken.items() if now - at > YOUNG}
            for run in await self._called_off(client, old - self._since.keys() & self._in_flight.keys()):
                logger.info(f"Task run {run} is to be cancelled")
                self._since.setdefault(run, time.monotonic())
                await self._end(client, run)

    async def _called_off(self, client: PrefectClient, runs: Iterable[UUID]) -> list[UUID]:
        found, known = [], []
        for run in runs:
            state = self._in_flight[run].state if run in self._in_flight else None
            if not state or self._asked_in.get(run) == state.id:
                known.append(run)
                continue
            if was_cancelled(await past_states(client, run)):
                found.append(run)
            self._asked_in[run] = state.id  # once there was an answer
        if known:
            wanted = {"id": {"any_": [str(run) for run in known]}, "state": {"type": {"any_": list(CANCELLED_TYPES)}}}
            answer = await client._client.post("/task_runs/filter", json={"task_runs": wanted})
            found += [UUID(run["id"]) for run in answer.json()]
        return found

    async def _end(self, client: PrefectClient, run: UUID) -> None:
        if run not in self._since or run in self._told:
            return
        is_under_way = interrupting.interrupt_run(run)
        state = self._in_flight[run].state if run in self._in_flight else None
        if not is_under_way and state and not state.is_running() and not state.is_final():
            # It waits for its next try, or for its tag's slot: the engine ends it when that is over.
            await self._tell(client, run, f"It was cancelled while it was {state.name} on {self._name}")
        elif is_under_way and time.monotonic() - self._since[run] > self._grace:
            what = f"it sits in {interrupting.where(run)} on {self._name}, where nothing can interrupt it"
            message = f"It was cancelled, and does not end: {what}. Its result does not count"
            logger.warning(f"Task run {run}: {message}")
            interrupting.interrupt_run(run, message)
            await self._tell(client, run, message)

    async def _tell(self, client: PrefectClient, run: UUID, message: str) -> None:
        with suppress(ObjectNotFound):
            await set_state(client, run, Cancelled(message=message))
        self._told.add(run)

    async def report_unfinished(self, client: PrefectClient, run: UUID) -> None:
        """This task server ends, and with it the run that it has in flight and that is called off."""
        await self._tell(client, run, f"It was cancelled, and {self._name} was stopped before it had ended")

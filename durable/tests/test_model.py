"""The simulation's model of Prefect says what a real Prefect server does: the same scenario, played on both."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson
import pytest
import websockets
from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Running
from prefect.utilities.engine import emit_task_run_state_change_event
from prefect_server import PrefectServer
from simulation.prefect_model import PrefectModel, Subscription

from durable import keyed
from durable.api_calls import requeued_state, set_state

STATES = {"RUNNING": Running, "COMPLETED": Completed, "CANCELLED": Cancelled}
SOON = 0.5  # seconds in which a run that waits is sent: Prefect looks at its queues every 10 ms


class Side(Protocol):
    """What a scenario does, and what it sees. Runs have numbers; `at` is in seconds since they were made."""

    async def create(self, run: int) -> None: ...
    async def requeue(self, run: int) -> None: ...
    async def set(self, run: int, kind: str) -> None: ...
    async def event(self, run: int, kind: str, at: float) -> None: ...
    async def delete(self, run: int) -> None: ...
    async def state(self, run: int) -> str | None: ...
    async def subscribe(self, who: str) -> None: ...
    async def receive(self, who: str) -> int | None: ...
    async def acknowledge(self, who: str) -> None: ...
    async def close(self, who: str) -> None: ...
    async def kill(self) -> None: ...


class Model:
    """The model's side."""

    def __init__(self) -> None:
        self.prefect = PrefectModel()
        self.made: dict[int, float] = {}
        self.sockets: dict[str, Subscription] = {}
        self.sent: dict[str, list[int]] = {}
        self.now = 100.0

    async def create(self, run: int) -> None:
        self.made[run] = self.now
        self.prefect.create(UUID(int=run), self.now)

    async def requeue(self, run: int) -> None:
        self.prefect.set_state(UUID(int=run), "SCHEDULED", self.now, queued=True)

    async def set(self, run: int, kind: str) -> None:
        self.prefect.set_state(UUID(int=run), kind, self.now)

    async def event(self, run: int, kind: str, at: float) -> None:
        self.prefect.event(UUID(int=run), kind, self.made[run] + at)

    async def delete(self, run: int) -> None:
        self.prefect.delete(UUID(int=run))

    async def state(self, run: int) -> str | None:
        row = self.prefect.rows[UUID(int=run)]
        return None if row.deleted else row.type

    async def subscribe(self, who: str) -> None:
        sent = self.sent[who] = []
        self.sockets[who] = Subscription(lambda entry: sent.append(entry.run.int), who)
        self.prefect.subscribe(self.sockets[who])

    async def receive(self, who: str) -> int | None:
        return self.sent[who].pop(0) if self.sent[who] else None

    async def acknowledge(self, who: str) -> None:
        self.prefect.acknowledge(self.sockets[who])

    async def close(self, who: str) -> None:
        self.prefect.close(self.sockets[who])

    async def kill(self) -> None:
        self.prefect.kill()
        self.prefect.up = True


class Real:
    """The same by a real Prefect server's API, in a queue of its own."""

    def __init__(self, server: PrefectServer) -> None:
        @keyed(f"model-{uuid4().hex[:8]}")
        @task
        def job() -> None: ...

        self.server, self.job = server, job
        self.runs: dict[int, TaskRun] = {}
        self.sockets: dict[str, Any] = {}

    async def create(self, run: int) -> None:
        async with get_client() as client:
            made = await client.create_task_run(self.job, None, str(uuid4()), state=requeued_state("queued", None))
            self.runs[run] = await client.read_task_run(made.id)

    async def requeue(self, run: int) -> None:
        await self._set(run, requeued_state("again", None))

    async def set(self, run: int, kind: str) -> None:
        await self._set(run, STATES[kind]())

    async def _set(self, run: int, state: State[Any]) -> None:
        async with get_client() as client:
            await set_state(client, self.runs[run].id, state)

    def _emit(self, run: TaskRun, kind: str, at: datetime) -> None:
        state: State[Any] = STATES[kind]()
        state.timestamp = at  # type: ignore[assignment]
        state.state_details.task_run_id = run.id
        emit_task_run_state_change_event(run.model_copy(update={"state": state}), run.state, state)

    async def event(self, run: int, kind: str, at: float) -> None:
        """Until Prefect has taken it in, or dropped it: another one, of a run of its own, is taken after it."""
        made = self.runs[run].state
        assert made
        await self.create(-1)
        last = self.runs[-1].state
        assert last
        self._emit(self.runs[run], kind, made.timestamp + timedelta(seconds=at))
        self._emit(self.runs[-1], "COMPLETED", last.timestamp + timedelta(seconds=1))
        for _ in range(100):
            if await self.state(-1) == "COMPLETED":
                return await asyncio.sleep(SOON)
            await asyncio.sleep(0.1)
        raise AssertionError("Prefect did not take the event in")

    async def delete(self, run: int) -> None:
        async with get_client() as client:
            await client.delete_task_run(self.runs[run].id)

    async def state(self, run: int) -> str | None:
        async with get_client() as client:
            try:
                state = (await client.read_task_run(self.runs[run].id)).state
            except ObjectNotFound:
                return None
        return state.type.value if state else ""

    async def subscribe(self, who: str) -> None:
        url = self.server.api.replace("http", "ws") + "/task_runs/subscriptions/scheduled"
        socket = self.sockets[who] = await websockets.connect(url, subprotocols=[websockets.Subprotocol("prefect")])
        await socket.send(orjson.dumps({"type": "auth", "token": None}).decode())
        await socket.recv()
        subscribed = {"type": "subscribe", "keys": [self.job.task_key], "client_id": who}
        await socket.send(orjson.dumps(subscribed).decode())

    async def receive(self, who: str) -> int | None:
        try:
            sent = orjson.loads(await asyncio.wait_for(self.sockets[who].recv(), SOON))
        except TimeoutError:
            return None
        return next(number for number, run in self.runs.items() if str(run.id) == sent["id"])

    async def acknowledge(self, who: str) -> None:
        await self.sockets[who].send(orjson.dumps({"type": "ack"}).decode())

    async def close(self, who: str) -> None:
        await self.sockets[who].close()

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)


SCENARIOS = {
    "in their order, one after the other": (
        "create 1, create 2, subscribe a, receive a = 1, receive a = None, acknowledge a, receive a = 2, "
        "acknowledge a, receive a = None"
    ),
    "what was not acknowledged comes first again": (
        "create 1, create 2, subscribe a, receive a = 1, close a, subscribe b, receive b = 1, "
        "acknowledge b, receive b = 2"
    ),
    "what was acknowledged does not come again": (
        "create 1, subscribe a, receive a = 1, acknowledge a, close a, subscribe b, receive b = None"
    ),
    "who has not acknowledged is sent nothing, and others are": (
        "subscribe a, create 1, receive a = 1, create 2, receive a = None, subscribe b, receive b = 2, acknowledge a, "
        "create 3, receive a = 3, receive b = None"
    ),
    "put back it is in the queue twice": (
        "create 1, requeue 1, subscribe a, receive a = 1, acknowledge a, receive a = 1, acknowledge a, receive a = None"
    ),
    "put back after its end it is queued all the same": (
        "create 1, set 1 COMPLETED, requeue 1, state 1 = SCHEDULED, subscribe a, receive a = 1, "
        "acknowledge a, receive a = 1"
    ),
    "a new start forgets the queue, and knows the states": (
        "create 1, kill, subscribe a, receive a = None, state 1 = SCHEDULED, requeue 1, receive a = 1"
    ),
    "an event counts if it is later": (
        "create 1, event 1 RUNNING 2, state 1 = RUNNING, event 1 COMPLETED 1, state 1 = RUNNING, event 1 COMPLETED 3, "
        "state 1 = COMPLETED"
    ),
    "what was cancelled or deleted stays in the queue": (
        "create 1, create 2, set 1 CANCELLED, delete 2, subscribe a, receive a = 1, acknowledge a, receive a = 2"
    ),
    "what was deleted is there again after an event": (
        "create 1, delete 1, state 1 = None, event 1 RUNNING 2, state 1 = RUNNING"
    ),
    "a state that is set counts, and a later event after it": (
        "create 1, event 1 RUNNING 1, set 1 CANCELLED, state 1 = CANCELLED, event 1 COMPLETED 60, state 1 = COMPLETED"
    ),
}


async def play(scenario: str, side: Any) -> list[str]:
    """The scenario as it went there: with what was seen in the place of what is expected."""
    shown = []
    for step in scenario.split(", "):
        what, *given = step.split(" = ")[0].split()
        arguments = [int(each) if each.isdigit() else each for each in given]
        seen = await getattr(side, what)(*arguments)
        shown.append(f"{step.split(' = ')[0]} = {seen}" if " = " in step else step)
    return shown


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_model_does_what_the_scenario_says(name: str) -> None:
    assert asyncio.run(play(SCENARIOS[name], Model())) == SCENARIOS[name].split(", ")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_real_prefect_server_does_the_same(name: str, server: PrefectServer) -> None:
    async def main() -> list[str]:
        side = Real(server)
        try:
            return await play(SCENARIOS[name], side)
        finally:
            for who in side.sockets:
                await side.close(who)

    assert asyncio.run(main()) == SCENARIOS[name].split(", ")

"""What the Prefect server sends from its queue to a task server."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import orjson
from prefect.client import subscriptions
from prefect.client.schemas.objects import TaskRun
from prefect.client.subscriptions import Subscription
from prefect.settings import get_current_settings
from websockets import Subprotocol
from websockets.exceptions import WebSocketException

from durable.claiming import claim
from durable.outcome import Refused
from durable.records import TaskServerRecord


async def acknowledge_nothing() -> None:
    """For a run that did not come from the queue."""


async def claim_run(
    record: TaskServerRecord, run: TaskRun, acknowledge: Callable[[], Awaitable[None]] = acknowledge_nothing
) -> str | None:
    """claiming.claim(), of a run as Prefect's server sends it."""
    parameters = run.state.state_details.task_parameters_id if run.state else None
    state = str(run.state.id) if run.state else ""
    return await claim(record, str(run.id), state, str(parameters) if parameters else None, acknowledge)


class Deliveries(Subscription[TaskRun]):
    """The runs that the queue sends, each on record before it is acknowledged.

    refused: takes in, by their ids, those that must not be run, and why. subscribed: is called each time that it is.
    """

    def __init__(
        self,
        keys: set[str],
        client_id: str,
        record: TaskServerRecord,
        refused: dict[UUID, str],
        subscribed: Callable[[], None],
    ) -> None:
        super().__init__(
            model=TaskRun,
            path="/task_runs/subscriptions/scheduled",
            keys=keys,
            client_id=client_id,
            base_url=get_current_settings().api.url,
        )
        # Of any size: what is too large to be taken would come first again each time, and nothing behind it ever.
        self._connect = subscriptions.websocket_connect(
            self.subscription_url, subprotocols=[Subprotocol("prefect")], max_size=None
        )
        self._record, self._refused, self._subscribed = record, refused, subscribed

    async def __anext__(self) -> TaskRun:
        """Raises Refused, or OSError and WebSocketException where the API is unreachable."""
        if not self._websocket:
            await self._ensure_connected()
            self._record.write(event="up")
            self._subscribed()
        try:
            await self._record.sent()
            run = self.model.model_validate_json(await self.websocket.recv())
            if why := await claim_run(self._record, run, self._acknowledge):
                self._refused[run.id] = why
        except PermissionError as error:
            raise Refused(str(error), "start it again") from None
        except OSError:
            await self.close()  # not acknowledged, so it goes back to the queue
            raise
        return run

    async def _acknowledge(self) -> None:
        try:
            await self.websocket.send(orjson.dumps({"type": "ack"}).decode())
        except (WebSocketException, OSError):
            self._websocket = None  # it is ours all the same: who is sent it again finds that on record

    async def _ensure_connected(self) -> None:
        try:
            await super()._ensure_connected()  # type: ignore[no-untyped-call]
        except Exception as error:
            if type(error) is not Exception:
                raise
            # Prefect has no class for it, but a sentence that ends with the server's (client/subscriptions.py).
            raise Refused(str(error).rpartition("Reason: ")[2]) from None

    @property
    def is_subscribed(self) -> bool:
        return bool(self._websocket)

    async def close(self) -> None:
        """What was sent and is not acknowledged goes back to the server's queue (server/api/task_runs.py)."""
        if self._websocket:
            self._record.write(event="away")
            await self.rest()

    async def rest(self) -> None:
        """The same for who is full, and is subscribed again with the next run: on record it stays connected."""
        if self._websocket:
            websocket, self._websocket = self._websocket, None
            try:
                await asyncio.wait_for(websocket.close(), 1)
            except TimeoutError:  # a server that does not answer; the websocket itself would wait for ten seconds
                websocket.transport.abort()

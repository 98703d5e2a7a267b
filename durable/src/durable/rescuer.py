"""Puts back into the queue what was lost: runs whose task server died, and runs that the Prefect server forgot.

Prefect's queue is in the memory of its server (server/task_queue.py, issue #21218) and its states are in the database.
Nothing in Prefect compares the two, and nothing notices that a task server is dead. This does, through the public API.
"""

import asyncio
import fcntl
import os
import re
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateName,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Crashed

from durable.api_calls import requeued_state, run_log_line, set_final_state, set_state, should_still_run
from durable.api_errors import is_server_down
from durable.losses import WAITED_FOR_FAILED, LostRun, Run, served_by, unserved
from durable.reconcile import PrefectStates, Reconciler, Report
from durable.records import Record, Records
from durable.requeue import LATER

PAGE = 200  # runs that Prefect's API returns at once
AT_ONCE = 4  # requests: more do not make one server process quicker
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def runs_in(client: PrefectClient, *types: StateType, everything: bool = True, step: int = PAGE) -> list[TaskRun]:
    """The runs in states of these types, newest first; of `everything` False one page.

    step: how far a page is from the next. A run that leaves these states meanwhile moves the others up: with less than
    PAGE the pages overlap, so that none is missed.
    """
    wanted = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=list(types))))
    found: dict[object, TaskRun] = {}
    offset = 0
    while True:
        page = await client.read_task_runs(task_run_filter=wanted, sort=TaskRunSort.ID_DESC, limit=PAGE, offset=offset)
        found |= {run.id: run for run in page}
        offset += step
        if len(page) < PAGE or not everything:
            return list(found.values())


def as_run(run: TaskRun) -> Run:
    """What a look needs of it. In Prefect's database it may be without its state for a moment."""
    if not run.state:
        return Run(run.id, run.task_key, state="", state_name="", since=0.0, queued=False)
    # AwaitingRetry, of a run that a task server has in flight, is Scheduled too, but no deferred one.
    queued = bool(run.state.is_scheduled() and run.state.state_details.deferred)
    parameters = run.state.state_details.task_parameters_id
    since = run.state.timestamp.timestamp()
    name, waits_for = run.state.name or "", ""
    due = run.state.state_details.scheduled_time if run.state.is_scheduled() and not queued else None
    if name == WAITED_FOR_FAILED and (found := ID.search(run.state.message or "")):
        waits_for = found[0]  # "Upstream task run '…' did not reach a 'COMPLETED' state." (task_engine.py)
    return Run(
        run.id,
        run.task_key,
        str(run.state.id),
        name,
        since,
        queued,
        str(parameters) if parameters else None,
        cancelling=run.state.is_cancelling(),
        not_before=due.timestamp() if due else 0.0,
        waits_for=waits_for,
    )


class PrefectApi:
    """looking.Api, by Prefect's client."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def under_way(self) -> list[Run]:
        types = (StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING)
        runs = await runs_in(self._client, *types)
        return [as_run(run) for run in runs]

    async def waiting(self, everything: bool) -> list[Run]:
        runs = await runs_in(self._client, StateType.SCHEDULED, everything=everything)
        return [as_run(run) for run in runs]

    async def later(self) -> list[Run]:
        names = TaskRunFilterState(name=TaskRunFilterStateName(any_=[LATER]))
        first = TaskRunSort.NEXT_SCHEDULED_START_TIME_ASC
        runs = await self._client.read_task_runs(task_run_filter=TaskRunFilter(state=names), sort=first, limit=PAGE)
        return [as_run(run) for run in runs]

    async def task_servers(self) -> dict[str, set[str]]:
        answer = await self._client._client.post("/task_workers/filter", json={})
        return {worker["identifier"]: set(worker["task_keys"]) for worker in answer.json()}

    async def is_over(self, run: UUID) -> bool:
        try:
            state = (await self._client.read_task_run(run)).state
        except ObjectNotFound:
            return True
        return bool(state and state.is_final())

    async def requeue(self, run: UUID, message: str, parameters: str | None) -> bool:
        if not await should_still_run(self._client, run):
            return False
        return await self._set(run, requeued_state(message, parameters))

    async def crash(self, run: UUID, message: str) -> bool:
        return await self._set(run, Crashed(message=message))

    async def cancel(self, run: UUID, message: str) -> bool:
        return await self._set(run, Cancelled(message=message))

    async def _set(self, run: UUID, state: State[Any]) -> bool:
        try:
            await set_state(self._client, run, state)
        except ObjectNotFound:
            return False
        return True

    async def end(self, run: UUID, end: dict[str, Any]) -> bool:
        try:
            await set_final_state(self._client, run, end)
        except ObjectNotFound:
            return False
        return True

    async def tell(self, lost: list[LostRun]) -> None:
        for start in range(0, len(lost), PAGE):
            some = lost[start : start + PAGE]
            await self._client.create_logs(run_log_line(lost_run.run.id, lost_run.why) for lost_run in some)

    async def together(self, acts: list[Coroutine[Any, Any, None]]) -> BaseException | None:
        some_at_once = asyncio.Semaphore(AT_ONCE)

        async def one(act: Coroutine[Any, Any, None]) -> None:
            async with some_at_once:
                await act

        ended = await asyncio.gather(*map(one, acts), return_exceptions=True)
        return next((error for error in ended if isinstance(error, BaseException)), None)


async def unserved_now(client: PrefectClient, records: Records | None) -> dict[str, int]:
    """How many of the newest runs wait for each key that no task server serves. Raises one of API_ERRORS."""
    api = PrefectApi(client)
    waiting = await api.waiting(everything=False)
    served = served_by(await api.task_servers(), records.processes.values() if records else ())
    return unserved(waiting, served, time.time())


class OneAtATime:
    """A lock of all processes with this file. It never blocks the event loop, and excludes the others in this process.

    fcntl's lock belongs to the process, and is gone when any handle of the file is closed: so there is one handle.
    """

    _known: ClassVar[dict[Path, "OneAtATime"]] = {}
    LOOK = 0.05  # seconds between two tries: a holder needs some milliseconds

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._here = threading.Lock()

    @classmethod
    def of(cls, path: Path) -> "OneAtATime":
        """Raises OSError if the file cannot be opened."""
        if path not in cls._known:
            cls._known[path] = cls(path)
        return cls._known[path]

    async def __aenter__(self) -> None:
        while not self._here.acquire(blocking=False):
            await asyncio.sleep(self.LOOK)
        try:
            while True:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except (BlockingIOError, PermissionError):
                    await asyncio.sleep(self.LOOK)
        except BaseException:
            self._here.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._here.release()


class Rescuer:
    """Compares the records in a folder with Prefect's states; see look() and find(). Close it, or use it in `with`.

    folder: of the records. max_rescues: how often a run may take a task server with it before it is Crashed; and how
    often in a row it may be taken, ended and not told to Prefect.
    name: of this process in the records; None for one that only ever calls find(), and so writes nothing.
    Raises ValueError without PREFECT_API_URL, and OSError where the folder cannot be used.
    """

    def __init__(self, folder: str | os.PathLike[str], max_rescues: int = 3, name: str | None = "rescuer") -> None:
        if not get_current_settings().api.url:  # Prefect would start a server of its own, for this process
            raise ValueError("a rescuer needs PREFECT_API_URL, the address of the Prefect server")
        self.folder = Path(folder).resolve()
        self.record = Record(self.folder if name else None, name or "")
        self.records = Records(self.folder, self.record.path)
        self._reconciler = Reconciler(self.records, self.record, max_rescues, time.time)
        self._lock = OneAtATime.of(self.folder / "rescuer.lock") if name else None

    def __enter__(self) -> "Rescuer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The end of its record. A rescuer that just ends leaves one of a dead process, which is deleted in time."""
        self.record.close()

    async def find(self) -> Report:
        """Only find what is lost, in `lost`; puts nothing back. Raises httpx.HTTPError or OSError as look() does."""
        async with get_client(httpx_settings={"timeout": 20}) as client:
            return (await self._find(client))[0]

    async def look(self) -> Report:
        """One look. Puts back the lost runs, and gives up those that a task server died with too often.

        Raises httpx.HTTPError or OSError when the API is unreachable, and ValueError for a rescuer without a name.
        """
        if not self._lock:
            raise ValueError("a Rescuer without a name only finds")
        async with self._lock:  # no matter who started the others
            try:
                async with get_client(httpx_settings={"timeout": 20}) as client:
                    return await self._reconciler.look(PrefectApi(client))
            except (httpx.HTTPError, OSError):
                await self._note_if_down()
                raise

    async def _find(self, client: PrefectClient) -> tuple[Report, PrefectStates]:
        return await self._reconciler.find(PrefectApi(client))

    async def _note_if_down(self) -> None:
        tried, down = time.time(), False
        address = urlsplit(get_current_settings().api.url or "")
        try:
            port = address.port or (443 if address.scheme == "https" else 80)
            await asyncio.to_thread(lambda: socket.create_connection((address.hostname, port), 1).close())
        except OSError as error:
            down = is_server_down(error)
        self._reconciler.note_unreachable(tried, down)

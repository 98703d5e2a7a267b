"""Task servers that finish what they run when they are stopped, and that never run what another one runs."""

import asyncio
import contextlib
import errno
import inspect
import logging
import os
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NoReturn, ParamSpec, TypedDict, TypeVar, Unpack, cast
from uuid import UUID

import anyio
import httpx
import orjson
from prefect import Task, task_worker
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import State, TaskRun
from prefect.client.subscriptions import Subscription
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import WritableFileSystem
from prefect.logging.loggers import get_logger
from prefect.results import ResultStore
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, get_current_settings
from prefect.states import Failed
from prefect.task_worker import TaskWorker
from websockets.exceptions import InvalidHandshake, WebSocketException

from durable import waiting
from durable.away import is_refusal
from durable.calls import end_as_line, set_state
from durable.joining import CLOCKS
from durable.over_port import RecordOverPort
from durable.proved import warn_if_not_proved
from durable.putting_back import state_that_puts_back
from durable.records import Record, Records
from durable.shape import NotPlain
from durable.signals import received
from durable.text import printable

logger = get_logger("task_worker")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

REMEMBER = 300  # seconds: how long a task server remembers runs that have ended
LONG_AGO = 240  # seconds: of a run that was queued longer ago, Prefect is asked whether it still waits
STARTING = 10  # seconds that the server may take to come up before a task server says that it is away
LEAVING = 3  # seconds for goodbyes, once nothing is in flight or `grace` is over
LATE = 5  # seconds after its timeout that a run may take to end
STILL = 3  # seconds that the event loop may stand still until it is worth a line
AT_ONCE = 10  # requests
TRIES = 3  # task servers that read other runs well and cannot read this one, before it is given up


def keyed(namespace: str, version: str = "1") -> Callable[[Task[P, R]], Task[P, R]]:
    """A decorator above `@task`: the key becomes `namespace.function-version`, wherever the code stands.

    So a namespace has one function of each name: serve() raises ValueError for two.
    Change the version when queued runs of the code before must not reach the code after. A copy made by
    `with_options` has a key of Prefect's own again. Needs a task server of this module: Prefect's computes the keys of
    what it serves again, and drops the runs whose key it then does not find (seen in 3.8.8 and 3.9.1, task_worker.py).
    """

    waiting.install()

    def set_key(task: Task[P, R]) -> Task[P, R]:
        task.task_key = f"{namespace}.{task.fn.__name__}-{version}"
        return task

    return set_key


def queued_again(message: str, parameters: UUID | str | None) -> State[Any]:
    """The state that puts a run into the Prefect server's queue, for Prefect's client."""
    return State.model_validate(state_that_puts_back(message, parameters))


def line_on_page(run: TaskRun, message: str) -> LogCreate:
    """A log line on the run's page, where the UI shows it for good: the message on its state is soon replaced."""
    line = {"name": "durable", "level": logging.WARNING, "message": message, "timestamp": datetime.now(UTC)}
    return LogCreate.model_validate(line | {"task_run_id": run.id})


async def note_start(record: Record | RecordOverPort, run: TaskRun) -> str | None:
    """Write down that this process takes the run; returns why it must not. Raises OSError if that is not possible."""
    details = run.state.state_details if run.state else None
    return await record.take(
        run=str(run.id),
        event="start",
        state=str(run.state.id) if run.state else "",
        parameters=str(details.task_parameters_id) if details and details.task_parameters_id else None,
    )


class Refused(Exception):
    """The Prefect server expects another password or key, or something else answers: waiting does not help."""

    ADDRESS = "its address in PREFECT_API_URL, its password in PREFECT_API_AUTH_STRING (or a key in PREFECT_API_KEY)"

    def __init__(self, why: object, remedy: str = ADDRESS) -> None:
        url = re.sub("//.*@", "//…@", str(get_current_settings().api.url))
        super().__init__(f"{url} refuses this task server ({why}). Try: {remedy}")


class SessionOver(Refused):
    """The machine that was joined has ended the session: what ran here runs again elsewhere."""

    def __init__(self, name: str, why: str) -> None:
        Exception.__init__(self, f"{name} ends, for what it runs does not count any more: {why}")


class Outcome(Enum):
    """How a task server came to its end."""

    DRAINED = "what was in flight has ended"
    GAVE_BACK = "what was in flight went back to the queue; it runs on in this process all the same"
    STUCK = "the same, and a run has outlived its timeout in a thread that nothing can interrupt"


def nobody_listens(error: BaseException) -> bool:
    """Whether a connection was refused, or its host is gone: no server, so no queue either. Slowness proves nothing."""
    # EHOSTUNREACH: a container that is not running has no address.
    return getattr(error, "errno", 0) in (errno.ECONNREFUSED, errno.EHOSTUNREACH)


class Deliveries(Subscription[TaskRun]):
    """What the Prefect server sends from its queue. A run is written down before it is acknowledged.

    Prefect's own acknowledges first: a process that dies then has a run of which nothing and nobody knows.
    """

    def __init__(self, worker: "DrainingTaskWorker") -> None:
        super().__init__(
            model=TaskRun,
            path="/task_runs/subscriptions/scheduled",
            keys=worker.task_keys,
            client_id=worker.client_id,
            base_url=get_current_settings().api.url,
        )
        self._record = worker.record
        self._refused = worker.refused

    async def __anext__(self) -> TaskRun:
        if not self._websocket:
            await self._ensure_connected()
            self._record.write(event="up")
        try:
            await self._said(self._record.sent())
            run = self.model.model_validate_json(await self.websocket.recv())
            if why := await self._said(note_start(self._record, run)):
                self._refused[run.id] = why
        except OSError:
            await self.close()  # not acknowledged, so it goes back to the queue
            raise
        try:
            await self.websocket.send(orjson.dumps({"type": "ack"}).decode())
        except WebSocketException:
            self._websocket = None  # it is ours all the same: who is sent it again finds that on record
        return run

    @staticmethod
    async def _said(to_record: Awaitable[T]) -> T:
        try:
            return await to_record
        except PermissionError as error:
            raise Refused(str(error), "starting it again") from None

    async def _ensure_connected(self) -> None:
        try:
            await super()._ensure_connected()  # type: ignore[no-untyped-call]
        except Exception as error:
            if type(error) is not Exception:
                raise
            # Prefect has no class for it, but a sentence that ends with the server's (client/subscriptions.py).
            raise Refused(str(error).rpartition("Reason: ")[2]) from None

    async def close(self) -> None:
        """What was sent and is not acknowledged goes back to the server's queue (server/api/task_runs.py)."""
        if self._websocket:
            websocket, self._websocket = self._websocket, None
            self._record.write(event="away")
            try:
                await asyncio.wait_for(websocket.close(), 1)
            except TimeoutError:  # a server that does not answer; the websocket itself would wait for ten seconds
                websocket.transport.abort()


class DrainingTaskWorker(TaskWorker):
    """Prefect's TaskWorker, which also stops without losing a run, records what it runs and runs nothing twice."""

    def __init__(self, *tasks: Task[..., Any], limit: int | None, name: str, records: Any) -> None:
        super().__init__(*tasks, limit=limit)
        served = [task for task in tasks if isinstance(task, Task)]  # Prefect leaves out whatever else it is given
        for copy, given in zip(self.tasks, served, strict=True):  # see keyed()
            copy.task_key = given.task_key
        self.name = name
        about = {"keys": sorted(self.task_keys), "limit": limit}
        far = str(records).startswith("https://")
        self.record = RecordOverPort(str(records), name, **about) if far else Record(records, name, **about)
        self.refused: dict[UUID, str] = {}  # runs that the port knows to be another's
        self._others = None
        if self.record.path:
            self._others = Records(self.record.path.parent, self.record.path, newer_than=time.time() - REMEMBER)
        self._ended: dict[str, float] = {}  # by the state that queued it: when this process ended that run
        self._forget_at = 0.0
        self._in_flight: dict[UUID, TaskRun] = {}
        self._parameters: dict[UUID, UUID | None] = {}  # of the runs in flight, to be able to give them back
        self._idle = asyncio.Event()
        self._idle.set()
        self._reads_well = False  # whether it could ever read the parameters of a run
        self._unreadable = 0  # how often in a row it could not
        self._tries: Counter[UUID] = Counter()  # how often it could not read this run, though it reads others
        self._pause_until = 0.0
        self._deliveries: Deliveries | None = None
        self.stuck = asyncio.Event()  # a run has outlived its task's timeout
        self.cancelled = asyncio.Event()  # who awaited aserve() has cancelled it

    async def take_runs(self) -> None:
        """Receive runs and start them, until cancelled.

        Prefect's own loop acknowledges a run and then waits for a free place: a run that is acknowledged has left the
        server's queue, so stopping in between loses it. Here the place comes first. What the server has sent and we
        have not acknowledged goes back to its queue when the connection closes (server/api/task_runs.py).
        """
        runs = self._deliveries = Deliveries(self)
        try:
            while True:
                place = object()
                if self._limiter:
                    await self._limiter.acquire_on_behalf_of(place)
                try:
                    run = await self._next(runs)
                finally:
                    if self._limiter:
                        self._limiter.release_on_behalf_of(place)
                # Nothing is awaited between here and the start, so a cancellation cannot fall in between.
                if run.id in self._in_flight:
                    # Another entry of the queue. Not to be recorded as ended: the run is not.
                    logger.info(f"Task run {run.id} was delivered again while it runs here; refused")
                    continue
                if self._limiter:
                    self._limiter.acquire_on_behalf_of_nowait(run.id)
                assert self._runs_task_group
                self._take(run)
                self._runs_task_group.start_soon(self._safe_submit_scheduled_task_run, run)
        finally:
            await runs.close()

    def _take(self, run: TaskRun) -> None:
        self._idle.clear()
        self._in_flight[run.id] = run
        self._parameters[run.id] = run.state.state_details.task_parameters_id if run.state else None

    async def _next(self, runs: Deliveries) -> TaskRun:
        """The next run. While the API is away or starting, keep trying; Prefect's own retry gives up on some errors."""
        told, noted, began = False, 0.0, time.monotonic()
        while True:
            if (pause := self._pause_until - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            tried = time.time()
            try:
                return await anext(runs)
            except (OSError, InvalidHandshake, WebSocketException) as error:
                if is_refusal(status := getattr(getattr(error, "response", None), "status_code", 500)):
                    raise Refused(f"HTTP {status}") from None
                if time.monotonic() < self._pause_until:
                    continue  # we have closed it
                if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
                    self._pause_until = time.monotonic() + 2
                    await runs.close()
                    logger.error(f"The disk of the records is full ({error}); taking no run. Try: freeing some room")
                    continue
                # At a start the server may come up a moment after its task servers: that is no news.
                if not told and (runs._websocket or time.monotonic() - began > STARTING):
                    logger.warning(f"The Prefect API is away ({error}); trying again until it is back")
                    told = True
                if runs._websocket:
                    runs._websocket = None
                    self.record.write(event="away")
                if nobody_listens(error) and tried - noted > 1:
                    noted = tried
                    self.record.write(event="down", at=tried)
                await asyncio.sleep(0.1)

    async def _safe_submit_scheduled_task_run(self, task_run: TaskRun) -> None:
        state_id = str(task_run.state.id) if task_run.state else ""
        how = "returned"
        try:
            if task_run.id not in self._in_flight:  # from execute_task_run(), and not from the queue
                if why := await note_start(self.record, task_run):
                    self.refused[task_run.id] = why
                self._take(task_run)
            if why := await self._why_not(task_run):
                how = "refused"
                logger.info(f"Task run {task_run.id} is refused: {why}")
                return
            logger.info(f"Received task run: {task_run.id} - {printable(task_run.name)}")
            try:
                problem = await self._what_is_unreadable(task_run)
            except NotPlain as error:
                how = "unreadable"
                await self._fail(task_run, f"its parameters may not travel: {error}")
                return
            if problem:
                how = "unreadable"
                await self._pass_on(task_run, problem)
                return
            await self._until_later_than(task_run)
            await super()._safe_submit_scheduled_task_run(task_run)
        except Exception as error:
            logger.error(f"Could not run task run {task_run.id}: {error!r}")
        finally:
            # Once given_back() has ended the process's part in it, this line must not come.
            if self._in_flight.pop(task_run.id, None):
                about: dict[str, Any] = {}
                if how == "returned" and task_run.state and (ended := end_as_line(task_run.state)):
                    about["ended"] = ended
                self.record.write(run=str(task_run.id), event="end", how=how, **about)
            self._release_token(task_run.id)  # where Prefect's own part, which does this, was not reached
            self._parameters.pop(task_run.id, None)
            self._ended[state_id] = time.time()
            if not self._parameters:
                self._idle.set()

    @staticmethod
    async def _until_later_than(run: TaskRun) -> None:
        """Until this machine's clock is past the state that queued the run, which may have the time of another one's.

        Prefect keeps a state only if it is later than the one before (task_run_recorder.py:554 in 3.9.1). Clocks that
        differ by more than CLOCKS are refused when they join.
        """
        if run.state and (behind := run.state.timestamp.timestamp() - time.time()) > 0:
            await asyncio.sleep(min(behind + 0.01, CLOCKS))

    # --- never what another one runs ---------------------------------------------------------------

    async def _why_not(self, run: TaskRun) -> str | None:
        """Why this delivery must not be run; None if all is well.

        We have written that we take it, before this looks: of two that receive the same at the same moment, at least
        one sees the other. Should both refuse, the rescuer puts the run back.
        """
        if why := self.refused.pop(run.id, None):
            return why
        if not run.state:
            return None
        state_id, now = str(run.state.id), time.time()
        if state_id in self._ended:
            return "it has run here already"
        if not self._others:
            return None
        try:
            self._others.read()
        except OSError as error:
            logger.warning(f"The records cannot be read ({error}); task run {run.id} is run all the same")
            return None
        if now > self._forget_at:
            self._forget_at = now + 30
            self._others.forget(now - REMEMBER)
            self._ended = {state: at for state, at in self._ended.items() if at > now - REMEMBER}
        if (story := self._others.runs.get(str(run.id))) and (why := story.why_refused(state_id)):
            return why
        if now - run.state.timestamp.timestamp() > LONG_AGO:
            # The record may have forgotten. Prefect knows: it still waits, in this very state, or it does not.
            try:
                known = (await self._client.read_task_run(run.id)).state
            except ObjectNotFound:
                return "it was deleted"
            except httpx.HTTPError:
                return None
            # A run can be without its state for a moment, between two statements of Prefect's task run recorder.
            if known and known.id != run.state.id:
                return f"it is {known.name} by now"
        return None

    # --- parameters that this process cannot read ----------------------------------------------------

    async def _what_is_unreadable(self, run: TaskRun) -> str | None:
        """One line, if the parameters of the run cannot be read here. Prefect would delete the run, or forget it.

        Raises shape.NotPlain where nobody may read them.
        """
        task = next((task for task in self.tasks if task.task_key == run.task_key), None)
        if not task or not inspect.signature(task.fn).parameters:
            return None
        identifier = self._parameters.get(run.id)
        if not identifier:
            return "it was queued without parameters"
        try:
            # By the module: plain.use() exchanges both.
            storage = await task_worker.get_or_create_default_task_scheduling_storage()
            store = await ResultStore(result_storage=cast(WritableFileSystem, storage)).aupdate_for_task(task)
            await task_worker.read_parameters(store, identifier)
        except NotPlain:
            raise
        except FileNotFoundError as error:
            if store.serializer.type == "plain":  # written before the run was created, and there is one storage
                raise NotPlain("they are not there (any more)") from None
            return f"{type(error).__name__}: {error}".splitlines()[0][:200]
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0][:200]
        self._reads_well, self._unreadable = True, 0
        return None

    async def _pass_on(self, run: TaskRun, problem: str) -> None:
        """Give the run to others. If it is this process that cannot read anything, it stands back for a while."""
        folder = PREFECT_LOCAL_STORAGE_PATH.value()
        how, tries = "given back", 0
        if self._reads_well:
            self._tries[run.id] += 1
            others = self._others.runs.get(str(run.id)) if self._others else None
            how = "unreadable"
            tries = self._tries[run.id] + (sum(start.how == how for start in others.starts) if others else 0)
        else:
            self._unreadable += 1
            self._pause_until = time.monotonic() + min(60, 5 * 2 ** (self._unreadable - 1))
            if self._deliveries:
                await self._deliveries.close()
        logger.error(
            f"Task run {run.id} cannot be read here ({problem}); nothing is deleted, it goes back to the queue. "
            f"Try: the result storage of who submits (here PREFECT_LOCAL_STORAGE_PATH={folder}), and the same packages"
        )
        if tries >= TRIES:
            await self._fail(run, f"No task server can read its parameters: {problem}")
            return
        async with get_client() as client:
            self._note_given_back(run, how)
            await self.record.sent()
            await self._queue_again(client, run, f"{self.name} cannot read its parameters")

    async def _fail(self, run: TaskRun, message: str) -> None:
        logger.error(f"Task run {run.id} has failed: {message}")
        async with get_client() as client:
            await set_state(client, run.id, Failed(message=message))

    def _note_given_back(self, run: TaskRun, how: str = "given back") -> None:
        """Ended before it is in the queue again: who receives it next must find that nobody has it."""
        self._in_flight.pop(run.id, None)
        self.record.write(run=str(run.id), event="end", how=how)

    async def _queue_again(self, client: PrefectClient, run: TaskRun, why: str) -> None:
        message = f"{why}; back in the queue"
        await set_state(client, run.id, queued_again(message, self._parameters.get(run.id)))
        await client.create_logs([line_on_page(run, message)])

    # --- the end -------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Let the end of this worker wait for nothing: not for its runs, nor for their threads."""
        self._exit_stack.pop_all()

    async def give_back(self) -> None:
        """Put the runs in flight back into the queue, for another task server; but not those that are overdue.

        First all of them are on record: where the API cannot be told, the rescuer puts them back.
        """
        overdue = self._overdue()
        runs = [run for run in self._in_flight.values() if run.id not in overdue]
        for run in runs:
            self._note_given_back(run)
        await self.record.sent()
        await self.end_overdue()
        some_at_once = asyncio.Semaphore(AT_ONCE)

        async def put_back(run: TaskRun) -> None:
            async with some_at_once:
                try:
                    await self._queue_again(client, run, f"{self.name} was stopped before it finished")
                except ObjectNotFound:
                    logger.info(f"Task run {run.id} was deleted")
                except Exception as error:  # of this run; the others may fare better
                    logger.error(f"Task run {run.id} could not be put back ({error!r}); a rescuer finds it")
                else:
                    logger.info(f"Task run {run.id} went back to the queue")

        async with get_client() as client:
            await asyncio.gather(*map(put_back, runs))

    async def watch_timeouts(self) -> None:
        """Look twice a second for runs that have outlived their task's timeout, until cancelled."""
        while True:
            slept = time.monotonic()
            await asyncio.sleep(0.5)
            if (still := time.monotonic() - slept) > STILL:
                logger.warning(
                    f"{self.name} stood still for {still:.0f} s, with all its runs: something in an `async def` task "
                    "does not await, such as time.sleep(…). Try: await asyncio.sleep(…), or a task that is a plain def"
                )
            await self.end_overdue()

    def _overdue(self) -> dict[UUID, float]:
        """The runs that have outlived their task's timeout by LATE seconds, and that timeout in seconds."""
        timeouts = {task.task_key: task.timeout_seconds for task in self.tasks if task.timeout_seconds}
        overdue = {}
        for run in self._in_flight.values():
            # The engine keeps this very object up to date. While a run waits for a thread, for its tag's slot or for
            # its next try it is not Running, and each try is Running from a time of its own.
            timeout = timeouts.get(run.task_key)
            since = run.state.timestamp.timestamp() if run.state and run.state.is_running() else None
            if timeout and since and time.time() - since >= timeout + LATE:
                overdue[run.id] = timeout
        return overdue

    async def end_overdue(self) -> None:
        """Tell that runs are timed out which sit in a thread in a call that nothing can interrupt; set `stuck` then.

        Prefect's timeout raises an exception in the thread, which arrives when that call is over, if ever
        (WatcherThreadCancelScope in 3.9.1). So the run is told to be timed out, and this process must end.
        """
        for run, timeout in self._overdue().items():
            message = f"Task run exceeded timeout of {timeout:g} second(s), and could not be interrupted"
            try:
                async with get_client() as client:
                    await set_state(client, run, Failed(name="TimedOut", message=message))
            except ObjectNotFound:
                pass  # somebody has deleted it; its thread is here all the same
            except httpx.HTTPError:
                continue  # the API is away: next time
            logger.error(f"{message}: {run}. {self.name} finishes the others, and ends; start it again")
            self._in_flight.pop(run, None)
            self.record.write(run=str(run), event="end", how="timed out")
            self._parameters.pop(run, None)
            if not self._parameters:
                self._idle.set()
            self.stuck.set()


async def aserve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
    grace: float = 30,
    name: str | None = None,
    records: str | os.PathLike[str] | None = None,
) -> Outcome:
    """Serve the tasks until SIGTERM, SIGINT, a cancellation or `timeout` seconds. What it adds: see the package.

    Beside handlers of the program's own (uvicorn's) it leaves them theirs. Cancel it and await it at the end of a
    lifespan: uvicorn kills its process right after that, and what is in flight then is left to the rescuer.

    Returns how it ended. Runs that are still in flight after `grace` go back to the queue, and run on in this process
    as well: only its end ends them. serve() ends it.

    limit: runs at once. timeout, grace: seconds. name: who ran it, in the records (default: host-pid).
    status_server_port: refused with ValueError; it crashes Prefect 3.9.1's task server. ValueError, too, for two
    functions with one key: only one of them would ever run. TypeError for a number that is text, and for what is no
    task. Refused when the server expects another password, or is not one of Prefect's.
    """
    return (
        await _aserve(
            *tasks,
            limit=limit,
            status_server_port=status_server_port,
            timeout=timeout,
            grace=grace,
            name=name,
            records=records,
        )
    )[0]


async def _aserve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
    grace: float = 30,
    name: str | None = None,
    records: str | os.PathLike[str] | None = None,
) -> tuple[Outcome, float]:
    """aserve(), and until when the process may stay: see _serve()."""
    for option, value, kind in (("limit", limit, "int"), ("grace", grace, "float"), ("timeout", timeout, "float")):
        if isinstance(value, str):
            raise TypeError(f"{option}={value!r} is text. Try: {option}={kind}(…)")
    functions: dict[str, Any] = {}
    for task in tasks:
        if not isinstance(task, Task):
            raise TypeError(f"{getattr(task, '__name__', task)!r} is not a task. Try: @task above it")
        if functions.setdefault(task.task_key, task.fn) is not task.fn:
            raise ValueError(f"two functions have the key {task.task_key}. Try: another name, or keyed() with another")
    if status_server_port is not None:
        raise ValueError("status_server_port crashes the task server of Prefect 3.9.1")
    if not get_current_settings().api.url:
        raise ValueError("a task server needs PREFECT_API_URL: start a Prefect server and set it")
    warn_if_not_proved()
    waiting.install()
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    worker = DrainingTaskWorker(*tasks, limit=limit, name=name, records=records)
    serving = asyncio.create_task(_serve(worker, timeout, grace))
    cancelled = None
    while not serving.done():
        try:
            # anyio's cancel scopes would cancel again and again; once is enough to drain, for up to `grace` seconds.
            with anyio.CancelScope(shield=cancelled is not None):
                await asyncio.wait({serving})
        except asyncio.CancelledError as error:
            cancelled = error
            worker.cancelled.set()
    try:
        ended = serving.result()
    except ExceptionGroup as group:  # the task group of Prefect's TaskWorker makes one of what ends it
        refused = next((error for error in group.exceptions if isinstance(error, Refused)), None)
        raise refused or group from None
    if cancelled:
        raise cancelled
    return ended


async def _serve(worker: DrainingTaskWorker, timeout: float | None, grace: float) -> tuple[Outcome, float]:
    """Take runs until a signal, a cancellation, `timeout` seconds, an error or a run that is stuck; then drain.

    Returns how it ended, and until when (time.monotonic()) the process may stay: `grace` seconds and LEAVING from the
    moment on when it was told to stop, whatever else is away.
    """
    helpers: set[asyncio.Task[Any]] = set()
    outcome = Outcome.DRAINED

    def start(awaitable: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        helpers.add(helper := asyncio.create_task(awaitable))
        return helper

    with received() as signals:
        async with worker:
            try:
                logger.info(f"{worker.name} serves {' | '.join(sorted(task.name for task in worker.tasks))}")
                taking, told, overdue = start(worker.take_runs()), start(signals.get()), start(worker.watch_timeouts())
                ends = {taking, told, overdue, start(worker.stuck.wait()), start(worker.cancelled.wait())}
                over = worker.record.over or asyncio.Event()
                ends.add(session_is_over := start(over.wait()))
                await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                left = time.monotonic() + grace + LEAVING
                if taking.done() and not over.is_set():
                    await taking  # raises what ended it
                taking.cancel()
                await asyncio.wait({taking})
                if worker._parameters and not over.is_set():
                    count = len(worker._parameters)
                    logger.info(f"Stopping: taking nothing new, finishing {count} run(s), for up to {grace:g} s")
                    again = start(signals.get()) if told.done() else told
                    done = {start(worker._idle.wait()), again, session_is_over}
                    await asyncio.wait(done, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
                if overdue.done() and (error := overdue.exception()):
                    logger.error(f"Timeouts were no longer watched: {error!r}")
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
            left = min(left, time.monotonic() + LEAVING)
            if over.is_set():
                worker.abandon()
                raise SessionOver(worker.name, worker.record.why_over)
            if worker._parameters or worker.stuck.is_set():
                outcome = Outcome.STUCK if worker.stuck.is_set() else Outcome.GAVE_BACK
                if await _in_time(worker.give_back(), left) is None:
                    logger.error("Not every run could be put back in time; a rescuer finds the others")
                worker.abandon()
        # Still with our handlers: make passes on a SIGTERM that its whole group has received already.
        await _in_time(worker.record.end(), left)
    if outcome is Outcome.DRAINED:
        logger.info("Stopped; nothing is in flight")
    return outcome, left


async def _in_time(what: Coroutine[Any, Any, None], until: float) -> bool | None:
    """True if it ended by then, by time.monotonic(); else None. What it raises is logged."""
    try:
        await asyncio.wait_for(what, max(0.1, until - time.monotonic()))
    except TimeoutError:
        return None
    except Exception as error:
        logger.error(f"{error!r}")
    return True


def _sent_all_events(until: float) -> bool:
    """Whether Prefect has heard by then all that happened to our runs. Its own end would wait for its server."""
    seconds = max(0.1, until - time.monotonic())
    _, waiting = cast(tuple[set[Any], set[Any]], EventsWorker.drain_all(timeout=seconds))
    return not waiting


async def _aserve_and_end(*tasks: Task[..., Any], **options: Any) -> float:
    """aserve() in a process of its own, which ends here where runs are still in threads: these cannot be stopped.

    Returns until when the process may stay, by time.monotonic().
    """
    try:
        outcome, until = await _aserve(*tasks, **options)
    except SessionOver as error:
        print(f"error: {error}", file=sys.stderr)
        _end_process(2)
    if outcome is not Outcome.DRAINED:
        await asyncio.to_thread(_sent_all_events, until)  # in a thread, where it waits
        _end_process(int(outcome is Outcome.STUCK))
    return until


def _end_process(code: int) -> NoReturn:
    """Without what Python and Prefect do at the end, which would wait for threads or for the Prefect server."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


class Options(TypedDict, total=False):
    """What serve() takes besides tasks, as aserve() does."""

    limit: int | None
    status_server_port: int | None
    timeout: float | None
    grace: float
    name: str | None
    records: str | os.PathLike[str] | None


def serve(*tasks: Task[..., Any], **options: Unpack[Options]) -> Coroutine[Any, Any, Outcome] | None:
    """The same from ordinary code; returns when the task server has stopped. Refused: one line, and exit code 2.

    In an asynchronous program it is `await serve(…)`, as with Prefect's own.
    """
    if asyncio._get_running_loop():
        return aserve(*tasks, **options)
    try:
        until = asyncio.run(_aserve_and_end(*tasks, **options))
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    if not _sent_all_events(until):
        logger.warning("The Prefect API is away, so it does not know how the last runs ended; a rescuer tells it")
        _end_process(0)
    return None


serve.aio = aserve  # type: ignore[attr-defined]  # by which Prefect's own has it, too

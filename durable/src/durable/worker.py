"""The task server itself: Prefect's TaskWorker, which runs nothing that another one runs, and loses nothing.

Longer than 300 lines, for what is here calls each other back: runs are taken, run, refused, passed on and given back
from one table of those in flight.
"""

import asyncio
import contextlib
import errno
import inspect
import time
from collections import Counter
from typing import Any, cast
from uuid import UUID

import anyio
import httpx
from prefect import Task, task_worker
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import TaskRun
from prefect.exceptions import EventTooLarge, ObjectNotFound
from prefect.filesystems import WritableFileSystem
from prefect.logging.loggers import get_logger
from prefect.results import ResultStore
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH
from prefect.states import Cancelled, Failed
from prefect.task_worker import TaskWorker
from websockets.exceptions import InvalidHandshake, WebSocketException

from durable import cancel_running, json_format, load_sharing, retrying
from durable.api_calls import (
    delayed_state,
    final_state_line,
    past_states,
    requeued_state,
    run_log_line,
    set_state,
    should_still_run,
)
from durable.api_errors import is_permanent_status, is_server_down
from durable.async_generators import collect
from durable.claiming import ASK_AFTER, CurrentState, retries_made, why_outdated, why_refuse
from durable.joining import CLOCKS
from durable.json_limits import NotPlain
from durable.load_sharing import Peers, peers
from durable.losses import nobody_serves
from durable.outcome import Refused
from durable.parameters import reader
from durable.records import Record, Records, TaskServerRecord
from durable.remote_records import RemoteRecord
from durable.rescuer import unserved_now
from durable.run_history import How, Process
from durable.still_waiting import StillWaiting
from durable.subscription import Deliveries, claim_run
from durable.task_versions import HOUR, OtherVersion, need_same_parameters, passed_on_since, retry_delay
from durable.text import printable
from durable.watchdog import LOOK, blocked_loop_warning, overdue

logger = get_logger("task_worker")

LONG_AGO = 240  # seconds: a run that was queued longer ago may have another entry, of which the records forgot
REMEMBER = 300  # seconds that a task server remembers runs that have ended: longer than LONG_AGO
STARTING = 10  # seconds until a task server says that the server is unreachable: an idle machine starts one in 5
AT_ONCE = 10  # requests as it gives its runs back, within the goodbyes' seconds
MINUTE = 60  # seconds between two looks for keys that nobody serves: it is for people
TRIES = 3  # task servers that read other runs well and cannot read this one, before it is given up


class DrainingTaskWorker(TaskWorker):
    """Prefect's TaskWorker, which also stops without losing a run, records what it runs and runs nothing twice."""

    def __init__(self, *tasks: Task[..., Any], limit: int | None, name: str, records: Any, grace: float = 30) -> None:
        super().__init__(*tasks, limit=limit)
        served = [task for task in tasks if isinstance(task, Task)]  # Prefect leaves out whatever else it is given
        for copy, given in zip(self.tasks, served, strict=True):  # of tasks whose key was set by hand
            copy.task_key = given.task_key
            collect(copy)
        self.name = name
        about: dict[str, Any] = {"keys": sorted(self.task_keys), "limit": limit}
        far = str(records).startswith("https://")
        self.record: TaskServerRecord = (
            RemoteRecord(str(records), name, **about) if far else Record(records, name, **about)
        )
        self.refused: dict[UUID, str] = {}  # runs that the port knows to be another's
        self._others = None
        if self.record.path:
            self._others = Records(self.record.path.parent, self.record.path, newer_than=time.time() - REMEMBER)
        self._ended: dict[str, float] = {}  # by the state that queued it: when this process ended that run
        self._forget_at = 0.0
        self._in_flight: dict[UUID, TaskRun] = {}
        self._parameters: dict[UUID, UUID | None] = {}  # of the runs in flight, to be able to give them back
        self._queued_by: dict[UUID, str] = {}  # and the state by which each was queued: the engine gives it others
        self._cancellations = cancel_running.RunningCancellations(name, grace, self._in_flight)
        self._idle = asyncio.Event()
        self._idle.set()
        self._reads_well = False  # whether it could ever read the parameters of a run
        self._unreadable = 0  # how often in a row it could not
        self._tries: Counter[UUID] = Counter()  # how often it could not read this run, though it reads others
        self._pause_until = 0.0
        self._deliveries: Deliveries | None = None
        self._announced = False  # that it serves
        self._offered = float("-inf")  # when it left the queue to others, by time.monotonic()
        self._still_waiting = StillWaiting()
        self.stuck = asyncio.Event()  # a run has outlived its task's timeout
        self.cancelled = asyncio.Event()  # the caller cancelled aserve()

    def namesake(self) -> Process | None:
        """Another process that lives and has this name in the same records."""
        if not self._others:
            return None
        with contextlib.suppress(OSError):
            self._others.read()
        those = self._others.processes.values()
        return next((each for each in those if each.alive and each.keys and each.name == self.name), None)

    async def take_runs(self) -> None:
        """Receive runs and start them, until cancelled.

        Prefect's own loop acknowledges a run and then waits for a free slot: a run that is acknowledged has left the
        server's queue, so stopping in between loses it. Here the slot comes first. What the server has sent and we
        have not acknowledged goes back to its queue when the connection closes (server/api/task_runs.py).
        """
        runs = self._deliveries = Deliveries(self.task_keys, self.client_id, self.record, self.refused, self._announce)
        try:
            while True:
                slot = object()
                if self._limiter:
                    await self._acquire_slot(slot, runs)
                try:
                    run = await self._next(runs)
                finally:
                    if self._limiter:
                        self._limiter.release_on_behalf_of(slot)
                await self._wait_until_given_back(run)
                # Nothing is awaited between here and the start, so a cancellation cannot fall in between.
                if self._delivered_again(run):
                    continue
                if self._limiter:
                    self._limiter.acquire_on_behalf_of_nowait(run.id)
                assert self._runs_task_group
                self._add_in_flight(run)
                self._runs_task_group.start_soon(self._safe_submit_scheduled_task_run, run)
        finally:
            await runs.close()

    async def _acquire_slot(self, slot: object, runs: Deliveries) -> None:
        """Wait for a slot here. While others have a free one, the queue is left to them (load_sharing.py)."""
        assert self._limiter
        with contextlib.suppress(anyio.WouldBlock):
            return self._limiter.acquire_on_behalf_of_nowait(slot)
        acquiring = asyncio.ensure_future(self._limiter.acquire_on_behalf_of(slot))
        full = time.monotonic()
        try:
            while not acquiring.done():
                await asyncio.wait({acquiring}, timeout=load_sharing.LOOK)
                now = time.monotonic()
                if runs.is_subscribed and not acquiring.done() and now - full >= load_sharing.FULL:
                    free = (await self._peers()).free
                    if load_sharing.should_leave_queue(free, now - full, now - self._offered) and not acquiring.done():
                        self._offered = now
                        await runs.rest()
            acquiring.result()
        except asyncio.CancelledError:
            acquiring.cancel()
            if acquiring.done() and not acquiring.cancelled():
                self._limiter.release_on_behalf_of(slot)
            raise

    def _announce(self) -> None:
        """Once: a task server that waits for its Prefect server serves nobody."""
        if not self._announced:
            self._announced = True
            logger.info(f"{self.name} serves {' | '.join(sorted(task.name for task in self.tasks))}")

    async def _wait_until_given_back(self, run: TaskRun) -> None:
        """Of a run that was given back here a moment ago, and is here again before the answer to that."""
        try:
            while run.id in self._queued_by and run.id not in self._in_flight:
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self._add_in_flight(run)  # for give_back()
            raise

    def _delivered_again(self, run: TaskRun) -> bool:
        """Whether it runs here. Another entry of the queue is over then; the very same one, whose acknowledgement was
        lost, has the same state, and must not be recorded as ended: the run is not.
        """
        if run.id not in self._in_flight:
            return False
        state = str(run.state.id) if run.state else ""
        if state != self._queued_by[run.id]:
            self.record.write(run=str(run.id), event="end", how=How.REFUSED, state=state)
        logger.info(f"Task run {run.id} was delivered again while it runs here; refused")
        return True

    def _add_in_flight(self, run: TaskRun) -> None:
        self._idle.clear()
        self._queued_by[run.id] = str(run.state.id) if run.state else ""
        self._in_flight[run.id] = run
        self._cancellations.took(run)
        self._parameters[run.id] = run.state.state_details.task_parameters_id if run.state else None

    async def _next(self, runs: Deliveries) -> TaskRun:
        """The next run. Waits while the API is unreachable or starting; Prefect's own retry gives up on some errors."""
        announced, noted, began = False, 0.0, time.monotonic()
        while True:
            if (pause := self._pause_until - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            tried = time.time()
            try:
                return await anext(runs)
            except (OSError, InvalidHandshake, WebSocketException) as error:
                if is_permanent_status(status := getattr(getattr(error, "response", None), "status_code", 500)):
                    raise Refused(f"HTTP {status}") from None
                if time.monotonic() < self._pause_until:
                    continue  # we have closed it
                if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
                    self._pause_until = time.monotonic() + 2
                    await runs.close()
                    logger.error(f"The disk of the records is full ({error}); taking no run. Try: free some space")
                    continue
                # At a start the server may come up a moment after its task servers: that is no news.
                if not announced and (runs._websocket or time.monotonic() - began > STARTING):
                    logger.warning(f"The Prefect API is unreachable ({error}); trying again until it is back")
                    announced = True
                if runs._websocket:
                    runs._websocket = None
                    self.record.write(event="away")
                if is_server_down(error) and tried - noted > 1:
                    noted = tried
                    self.record.write(event="down", at=tried)
                await asyncio.sleep(0.1)

    async def _safe_submit_scheduled_task_run(self, task_run: TaskRun) -> None:
        state_id = str(task_run.state.id) if task_run.state else ""
        how = How.RETURNED
        try:
            if task_run.id not in self._in_flight:  # from execute_task_run(), and not from the queue
                if why := await claim_run(self.record, task_run):
                    self.refused[task_run.id] = why
                self._add_in_flight(task_run)
            if why := await self._why_refuse(task_run):
                how = How.REFUSED
                logger.info(f"Task run {task_run.id} is refused: {why}")
                return
            logger.info(f"Received task run: {task_run.id} - {printable(task_run.name)[:100]}")
            try:
                problem = await self._why_unreadable(task_run)
            except NotPlain as error:
                how = How.UNREADABLE
                await self._fail(task_run, f"its parameters may not travel: {error}")
                return
            except OtherVersion as error:
                how = How.GIVEN_BACK
                await self._offer_to_others(task_run, str(error))
                return
            if problem:
                how = How.UNREADABLE
                await self._give_to_others(task_run, problem)
                return
            await self._wait_for_clock(task_run)
            await self._count_tries(task_run)
            await super()._safe_submit_scheduled_task_run(task_run)
            if retrying.leaves(task_run) and task_run.id in self._in_flight:
                await self._requeue_later(task_run)
        except Exception as error:
            logger.error(f"Could not run task run {task_run.id}: {error!r}")
        finally:
            here = self._in_flight.get(task_run.id)
            # Once give_back() has ended the process's part in it, this line must not come.
            if here is task_run:
                del self._in_flight[task_run.id]
                about: dict[str, Any] = {}
                if how is How.RETURNED and task_run.state and (ended := final_state_line(task_run.state)):
                    about["ended"] = ended
                self.record.write(run=str(task_run.id), event="end", how=how, state=state_id or None, **about)
            self._release_token(task_run.id)  # where Prefect's own part, which does this, was not reached
            if here is None or here is task_run:  # and not its next delivery, for which a stop did not wait
                self._queued_by.pop(task_run.id, None)
                self._cancellations.ended(task_run.id)
                retrying.end(task_run.id)
                reader().forget(self._parameters.pop(task_run.id, None))
            self._ended[state_id] = time.time()
            if not self._parameters:
                self._idle.set()

    async def _submit_scheduled_task_run(self, task_run: TaskRun) -> None:
        json_format.in_hand.set(task_run.id)  # of this run's own task of asyncio, and of its thread
        try:
            await super()._submit_scheduled_task_run(task_run)
        except EventTooLarge as error:  # of its first state, so it has not begun; its name or its tags are too long
            await self._fail(task_run, f"Prefect cannot be told what becomes of it: {error}")

    @staticmethod
    async def _wait_for_clock(run: TaskRun) -> None:
        """Until this machine's clock is past the state that queued the run, which may have the time of another one's.

        Prefect keeps a state only if it is later than the one before (task_run_recorder.py:554 in 3.9.1). Clocks that
        differ by more than CLOCKS are refused when they join.
        """
        if run.state and (behind := run.state.timestamp.timestamp() - time.time()) > 0:
            await asyncio.sleep(min(behind + 0.01, CLOCKS))

    async def _count_tries(self, run: TaskRun) -> None:
        """Of a task with retries: how many were made before, here or elsewhere, and whether the next one may wait."""
        task = next((task for task in self.tasks if task.task_key == run.task_key), None)
        if not task or not task.retries:
            return
        made = 0
        # Prefect counts no start that it hears of after the state that requeued the run (task_run_recorder.py:554 in
        # 3.9.1). A state that requeues has a message, and the one of a submit has none.
        if run.run_count or (run.state and run.state.message):
            try:
                made = retries_made(await past_states(self._client, run.id))
            except (
                httpx.HTTPError
            ):  # the API has become unreachable: a try that was cut short counts, too, rather than none
                made = min(run.run_count, task.retries)
        may_leave = retrying.longest_delay(task) >= retrying.LEAST and bool((await self._peers()).rescuer)
        retrying.begin(run.id, made, may_leave)

    async def _peers(self) -> Peers:
        """Who is there besides this process, by the records."""
        if not self._others:
            return await self.record.peers()
        with contextlib.suppress(OSError):
            self._others.read()
        return peers(self._others.processes.values(), self.task_keys, self.record.path, time.time())

    async def _requeue_later(self, run: TaskRun) -> None:
        """The engine has left it for its next try. On record before it is done, as in give_back()."""
        assert run.state and run.state.state_details.scheduled_time
        at, parameters = run.state.state_details.scheduled_time.timestamp(), self._parameters.get(run.id)
        self._record_given_back(run)
        await self.record.sent()
        message = f"It failed on {self.name}, and is tried again when it is due"
        if run.id in self._cancellations:
            return await self._cancellations.report_unfinished(self._client, run.id)
        if await should_still_run(self._client, run.id):
            await set_state(self._client, run.id, delayed_state(message, parameters, at))

    # --- never what another one runs ---------------------------------------------------------------

    async def _why_refuse(self, run: TaskRun) -> str | None:
        """Why this delivery must not be run; None if all is well. The decision is claiming.why_refuse()."""
        if why := self.refused.pop(run.id, None):
            return why
        if not run.state:
            return None
        state_id, now = str(run.state.id), time.time()
        if now > self._forget_at:
            self._forget_at = now + 30
            self._ended = {state: at for state, at in self._ended.items() if at > now - REMEMBER}
            if self._others:
                self._others.forget(REMEMBER)
        history = None
        if self._others:
            try:
                self._others.read()
            except OSError as error:
                logger.warning(f"The records cannot be read ({error}); task run {run.id} is run all the same")
            history = self._others.runs.get(str(run.id))
        if why := why_refuse(state_id, self._ended, history):
            return why
        waited = abs(now - run.state.timestamp.timestamp())
        try:
            if waited > ASK_AFTER and (waited > LONG_AGO or not await self._still_waiting.ask(self._client, run.id)):
                return await self._why_outdated(run, state_id)
        except httpx.HTTPError as error:  # the API has become unreachable
            logger.debug(f"Task run {run.id} is run without a question whether it still waits: {error!r}")
        return None

    async def _why_outdated(self, run: TaskRun, state_id: str) -> str | None:
        """Raises httpx.HTTPError."""
        try:
            known = (await self._client.read_task_run(run.id)).state
        except ObjectNotFound:
            return why_outdated(state_id, None)
        if not known:
            return None
        why = why_outdated(state_id, CurrentState(str(known.id), known.name or "", known.is_cancelling()))
        if known.is_cancelling():
            with contextlib.suppress(ObjectNotFound, httpx.HTTPError):  # then the rescuer sets it
                await set_state(self._client, run.id, Cancelled(message="It was cancelled before it began"))
        return why

    # --- parameters that this process cannot read ----------------------------------------------------

    async def _why_unreadable(self, run: TaskRun) -> str | None:
        """One line, if the parameters of the run cannot be read here. Prefect would delete the run, or forget it.

        Raises shape.NotPlain where nobody may read them, and OtherVersion where they are for others.
        """
        task = next((task for task in self.tasks if task.task_key == run.task_key), None)
        if not task or not inspect.signature(task.fn).parameters:
            return None
        identifier = self._parameters.get(run.id)
        if not identifier:
            return "it was queued without parameters"
        try:
            # By the module: json_format.use_storage() exchanges it.
            storage = await task_worker.get_or_create_default_task_scheduling_storage()
            store = await ResultStore(result_storage=cast(WritableFileSystem, storage)).aupdate_for_task(task)
            need_same_parameters(task.fn, await reader().look(store, identifier))
        except (NotPlain, OtherVersion):
            raise
        except FileNotFoundError as error:
            if store.serializer.type == "plain":  # written before the run was created, and there is one storage
                raise NotPlain("they are not there (any more)") from None
            return f"{type(error).__name__}: {error}".splitlines()[0][:200]
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0][:200]
        self._reads_well, self._unreadable = True, 0
        return None

    async def _give_to_others(self, run: TaskRun, problem: str) -> None:
        """Give the run to others. If it is this process that cannot read anything, it stands back for a while."""
        folder = PREFECT_LOCAL_STORAGE_PATH.value()
        how, tries = How.GIVEN_BACK, 0
        if self._reads_well:
            self._tries[run.id] += 1
            others = self._others.runs.get(str(run.id)) if self._others else None
            how = How.UNREADABLE
            tries = self._tries[run.id] + (sum(start.how is how for start in others.starts) if others else 0)
        else:
            self._unreadable += 1
            self._pause_until = time.monotonic() + min(60, 5 * 2 ** (self._unreadable - 1))
            if self._deliveries:
                await self._deliveries.close()
        logger.error(
            f"Task run {run.id} cannot be read here ({problem}); nothing is deleted, and it is requeued. "
            f"Try: use the submitter's result storage (here PREFECT_LOCAL_STORAGE_PATH={folder}) and packages"
        )
        if tries >= TRIES:
            await self._fail(run, f"No task server can read its parameters: {problem}")
            return
        async with get_client() as client:
            self._record_given_back(run, how)
            await self.record.sent()
            await self._requeue(client, run, f"{self.name} cannot read its parameters")

    async def _offer_to_others(self, run: TaskRun, problem: str) -> None:
        """It is of another version of the task: for a task server with that one."""
        since, times = passed_on_since(await past_states(self._client, run.id), time.time())
        if time.time() - since > HOUR:
            what = "and no task server has taken it for an hour: who submitted it has another version of the task"
            return await self._fail(run, f"{problem}, {what}")
        logger.info(f"Task run {run.id} is for a task server with another version of the task: {problem}")
        rescuer, pause = bool((await self._peers()).rescuer), retry_delay(times)
        if not rescuer:  # who would put it back when it is due
            await asyncio.sleep(min(pause, 2))
        self._record_given_back(run)
        await self.record.sent()
        if await should_still_run(self._client, run.id):
            parameters = self._parameters.get(run.id)
            message = f"It is of another version of the task than {self.name} has: {problem}"
            at = time.time() + pause
            again = delayed_state(message, parameters, at) if rescuer else requeued_state(message, parameters)
            await set_state(self._client, run.id, again)

    async def _fail(self, run: TaskRun, message: str) -> None:
        logger.error(f"Task run {run.id} has failed: {message}")
        async with get_client() as client:
            await set_state(client, run.id, Failed(message=message))

    def _record_given_back(self, run: TaskRun, how: How = How.GIVEN_BACK) -> None:
        """Ended before it is in the queue again: who receives it next must find that nobody has it."""
        self._in_flight.pop(run.id, None)
        self.record.write(run=str(run.id), event="end", how=how)

    async def _requeue(self, client: PrefectClient, run: TaskRun, why: str) -> None:
        message = f"{why}; requeued"
        if run.id in self._cancellations:
            return await self._cancellations.report_unfinished(client, run.id)
        if not await should_still_run(client, run.id):  # the rescuer sets to Cancelled what is to be cancelled
            return
        await set_state(client, run.id, requeued_state(message, self._parameters.get(run.id)))
        await client.create_logs([run_log_line(run.id, message)])

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
            self._record_given_back(run)
        await self.record.sent()
        await self.end_overdue()
        some_at_once = asyncio.Semaphore(AT_ONCE)

        async def requeue(run: TaskRun) -> None:
            async with some_at_once:
                try:
                    await self._requeue(client, run, f"{self.name} was stopped before it finished")
                except ObjectNotFound:
                    logger.info(f"Task run {run.id} was deleted")
                except Exception as error:  # of this run; the others may fare better
                    logger.error(f"Task run {run.id} could not be requeued ({error!r}); a rescuer finds it")
                else:
                    logger.info(f"Task run {run.id} was requeued")

        async with get_client() as client:
            await asyncio.gather(*map(requeue, runs))

    async def watch_timeouts(self) -> None:
        """Look twice a second for runs that have outlived their task's timeout, until cancelled."""
        while True:
            slept = time.monotonic()
            await asyncio.sleep(LOOK)
            if line := blocked_loop_warning(self.name, time.monotonic() - slept):
                logger.warning(line)
            await self.end_overdue()
            with contextlib.suppress(OSError):  # what a full disk kept back; nothing else may come to be written
                await self.record.sent()

    async def watch_cancelled(self) -> None:
        """End what is called off while it is in flight, until cancelled."""
        while True:
            await asyncio.sleep(cancel_running.LOOK)
            with contextlib.suppress(httpx.HTTPError):  # the API is unreachable: next time
                await self._cancellations.look(self._client)

    async def watch_unserved(self) -> None:
        """Once a minute: a line for each key that nobody serves while runs wait for it, until cancelled."""
        while True:
            await asyncio.sleep(MINUTE)
            with contextlib.suppress(httpx.HTTPError, OSError):
                for key, count in (await unserved_now(self._client, self._others)).items():
                    logger.warning(printable(nobody_serves(key, count)))

    def _overdue(self) -> dict[UUID, float]:
        timeouts = {task.task_key: task.timeout_seconds for task in self.tasks if task.timeout_seconds}
        # The engine keeps this very object up to date.
        running = [
            (run.id, run.task_key, run.state.timestamp.timestamp())
            for run in self._in_flight.values()
            if run.state and run.state.is_running()
        ]
        return overdue(running, timeouts, time.time())

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
                continue  # the API is unreachable: next time
            logger.error(f"{message}: {run}. {self.name} finishes the others, and ends; start it again")
            self._in_flight.pop(run, None)
            self.record.write(run=str(run), event="end", how=How.TIMED_OUT)
            self._parameters.pop(run, None)
            if not self._parameters:
                self._idle.set()
            self.stuck.set()

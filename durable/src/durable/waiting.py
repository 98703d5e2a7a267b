"""Waiting for a run always ends, also where Prefect's own waiting misses the end of the run.

Prefect waits for the event of the end (TaskRunWaiter in prefect/task_runs.py, the same in 3.8.0 to 3.9.1). It reads the
run without waiting until its websocket is subscribed: an end in between reaches nobody, and the first `result()` of a
process waits for its whole timeout, or without end (Prefect's issue #18775). The same gap opens each time the websocket
breaks. So here Prefect's API is asked, too, while somebody waits: every half second until the websocket is subscribed,
and then less and less often, to once in LONGEST seconds. One request asks for all that wait.

On SQLite, Prefect's server writes which state a run has before it writes the state (`_record_bulk_task_run_events` in
task_run_recorder.py, without a transaction): who reads in between gets a run without a state, and Prefect's futures
raise RuntimeError or AttributeError. Here they read again.

Prefect's futures read a run once before they wait, and raise if its API is unreachable just then. Here they go on to
wait: the questions above tell the end when the API is there again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter
from prefect.client.schemas.objects import TERMINAL_STATES, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.futures import PrefectDistributedFuture
from prefect.settings import get_current_settings
from prefect.task_runs import TaskRunWaiter

from durable.api_errors import is_permanent

logger = logging.getLogger("durable.waiting")
LOOK = 0.1  # seconds between looks at who waits; they ask nobody
FIRST = 0.2  # seconds until the first question about a run; then twice as long each time
BLIND = 0.5  # seconds between two questions, at the most, while no event can come
LONGEST = 5.0  # seconds, the same once the events come: then a question is for the one that was missed
PAGE = 200  # runs that Prefect's API returns at once
STATELESS = 5.0  # seconds in which a run may be without a state; it is some milliseconds

_installing = threading.Lock()


class Once:
    """A callback that is called once, by the event or by the answer to a question."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def __call__(self) -> None:
        callback, self._callback = self._callback, None
        if callback:
            callback()


def install() -> None:
    """Let this process ask how the runs ended that it waits for, besides waiting for their events.

    A second call does nothing. keyed(), json_only() and serve() call it.
    """
    with _installing:
        if hasattr(TaskRunWaiter, "durable_asks"):
            return
        start, stop, add_done_callback = TaskRunWaiter.start, TaskRunWaiter.stop, TaskRunWaiter.add_done_callback
        consume = TaskRunWaiter._consume_events

        def start_and_ask(self: TaskRunWaiter) -> None:
            start(self)
            _begin(self)

        async def consume_and_show(self: TaskRunWaiter, consumer_started: asyncio.Event) -> None:
            self.durable_sees = consumer_started  # type: ignore[attr-defined]
            await consume(self, consumer_started)

        def stop_both(self: TaskRunWaiter) -> None:
            asking, self.durable_asks = self.durable_asks, None  # type: ignore[attr-defined]
            if asking:
                asking.cancel()
            stop(self)

        def add_once(_: type[TaskRunWaiter], task_run_id: UUID, callback: Callable[[], None]) -> None:
            add_done_callback(task_run_id, Once(callback))

        TaskRunWaiter.durable_asks = TaskRunWaiter.durable_sees = None  # type: ignore[attr-defined]
        TaskRunWaiter._consume_events = consume_and_show  # type: ignore[method-assign]
        TaskRunWaiter.start = start_and_ask  # type: ignore[method-assign]
        TaskRunWaiter.stop = stop_both  # type: ignore[method-assign]
        TaskRunWaiter.add_done_callback = classmethod(add_once)  # type: ignore[method-assign, assignment]
        _read_when_it_helps()
        if (waiter := cast(Any, TaskRunWaiter)._instance) and waiter._loop:  # somebody has waited before
            waiter._loop.call_soon_threadsafe(_begin, waiter)


def _read_when_it_helps() -> None:
    """Let futures read a run again that has no state for a moment, and do without where its end is known.

    They do without, too, while the API is unreachable.
    """
    wait_async, add_done_callback = PrefectDistributedFuture.wait_async, PrefectDistributedFuture.add_done_callback

    async def wait_for_a_state(self: Any, timeout: float | None = None) -> None:
        begun = time.monotonic()
        self._final_state = self._final_state or _known_end(self.task_run_id)  # without a request
        while True:
            try:
                left = timeout and max(0.0, timeout - (time.monotonic() - begun))
                return await wait_async(self, left)
            except RuntimeError as error:
                if "has no state" not in str(error) or time.monotonic() - begun > STATELESS:
                    raise
                await asyncio.sleep(LOOK)
            except httpx.HTTPError as error:
                if is_permanent(error):
                    raise
                left = timeout and max(0.0, timeout - (time.monotonic() - begun))
                self._final_state = await TaskRunWaiter.wait_for_task_run(self.task_run_id, left)
                if not self._final_state:
                    return None

    def add_when_it_has_a_state(self: Any, callback: Callable[[Any], None]) -> None:
        begun = time.monotonic()
        self._final_state = self._final_state or _known_end(self.task_run_id)
        while True:
            try:
                return add_done_callback(self, callback)
            except AttributeError as error:
                # With a final state, it is an error of the callback.
                without = error.name == "is_final" and error.obj is None and not self._final_state
                if not without or time.monotonic() - begun > STATELESS:
                    raise
            except httpx.HTTPError as error:
                if is_permanent(error):
                    raise
                return TaskRunWaiter.add_done_callback(self.task_run_id, partial(callback, self))
            time.sleep(LOOK)

    PrefectDistributedFuture.wait_async = wait_for_a_state  # type: ignore[method-assign]
    PrefectDistributedFuture.add_done_callback = add_when_it_has_a_state  # type: ignore[method-assign, assignment]


def _known_end(run: UUID) -> Any:
    """The state in which a run has ended, if an event or an answer has told it; a program may wait for hundreds."""
    if not (waiter := cast(Any, TaskRunWaiter)._instance):
        return None
    with waiter._observed_completed_task_runs_lock:
        return waiter._observed_completed_task_runs.get(run)


def _begin(waiter: Any) -> None:
    if not waiter.durable_asks and get_current_settings().api.url:
        waiter.durable_asks = waiter._loop.create_task(_ask_while_somebody_waits(waiter))


async def _ask_while_somebody_waits(waiter: Any) -> None:
    """Until cancelled. In the loop in which Prefect's own part takes the events."""
    loop = asyncio.get_running_loop()
    asked: dict[UUID, tuple[float, float]] = {}  # when to ask next, and how long after the last time that is
    begun, saw = loop.time(), False
    while True:
        await asyncio.sleep(LOOK)
        now = loop.time()
        if waiter._consumer_task and waiter._consumer_task.done() and now - begun > LONGEST:
            # Prefect gives up on its websocket after ten tries; then no event comes any more.
            begun = now
            if not waiter._consumer_task.cancelled():
                waiter._consumer_task.exception()  # retrieved, or asyncio complains
            waiter._consumer_task = loop.create_task(waiter._consume_events(asyncio.Event()))
        sees = bool(waiter.durable_sees and waiter.durable_sees.is_set() and not waiter._consumer_task.done())
        if sees and not saw:
            asked = {}  # the last end that nobody saw was before now: each run is asked for once more, soon
        saw = sees
        waiting = _still_waiting(waiter)
        asked = {run: asked.get(run, (now + FIRST, FIRST)) for run in waiting}
        if not any(at <= now for at, _ in asked.values()):
            continue
        due = [run for run, (at, pause) in asked.items() if at <= now + pause / 4]  # those who are due soon come along
        try:
            ended = await _ended_of(due)
        except Exception as error:  # the API is unreachable, or another one than ours answers: the next time, then
            logger.debug("asked in vain how %s run(s) ended: %r", len(due), error)
            ended = []
        for run in ended:
            _tell(waiter, run)
        for each in due:
            pause = min(LONGEST if sees else BLIND, 2 * asked[each][1])
            asked[each] = loop.time() + pause, pause


def _still_waiting(waiter: Any) -> set[UUID]:
    """The runs that somebody waits for. Callbacks of runs whose end is known are called, if they were not."""
    with waiter._completion_events_lock:
        events, callbacks = set(waiter._completion_events), set(waiter._completion_callbacks)
    with waiter._observed_completed_task_runs_lock:
        known = {run for run in events | callbacks if run in waiter._observed_completed_task_runs}
    for run in known:
        _call_back(waiter, run)
    return (events | callbacks) - known


async def _ended_of(runs: list[UUID]) -> list[TaskRun]:
    """Those of the runs that have ended. Raises whatever Prefect's client does, within some seconds."""
    found: list[TaskRun] = []
    left = iter(runs)
    # With settings of its own it is a new client, and not one of a flow that may be over before the answer comes.
    async with asyncio.timeout(LONGEST), get_client(httpx_settings={"timeout": LONGEST}) as client:
        while page := [str(run) for run in islice(left, PAGE)]:
            wanted = {"id": {"any_": page}, "state": {"type": {"any_": sorted(TERMINAL_STATES)}}}
            chosen = TaskRunFilter.model_validate(wanted)
            found += await client.read_task_runs(task_run_filter=chosen, limit=PAGE, sort=TaskRunSort.ID_DESC)
    return [run for run in found if run.state]


def _tell(waiter: Any, run: TaskRun) -> None:
    """As Prefect does when the event of a run's end comes."""
    with waiter._observed_completed_task_runs_lock:
        waiter._observed_completed_task_runs.setdefault(run.id, run.state)
    with waiter._completion_events_lock:
        if run.id in waiter._completion_events:
            waiter._completion_events[run.id].set()
    _call_back(waiter, run.id)


def _call_back(waiter: Any, run: UUID) -> None:
    with waiter._completion_events_lock:
        callback = waiter._completion_callbacks.pop(run, None)
    if callback:
        try:
            callback()
        except Exception as error:
            logger.error("a callback of task run %s failed: %r", run, error)

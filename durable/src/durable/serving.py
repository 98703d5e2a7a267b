"""aserve() and serve(): a task server from its start to its end, whatever ends it."""

import asyncio
import contextlib
import os
import socket
import sys
import time
import warnings
from collections.abc import Coroutine, Generator
from typing import Any, NoReturn, TypedDict, Unpack, cast

import anyio
from prefect import Task
from prefect.events.worker import EventsWorker
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings

from durable import interrupting, retrying, unstorable, waiting
from durable.arguments import need_right_arguments, need_right_tasks
from durable.compat import unsupported_warning
from durable.outcome import Outcome, Refused, SessionOver, Unusable
from durable.signals import received
from durable.text import printable
from durable.worker import DrainingTaskWorker

logger = get_logger("task_worker")

LEAVING = 3  # seconds for goodbyes, once nothing is in flight or `grace` is over: some requests to a slow server


class Options(TypedDict, total=False):
    """What aserve() and serve() take besides tasks."""

    limit: int | None  # runs at once (10); None: as many as come
    grace: float  # seconds that what is in flight may go on when it is told to stop (30)
    timeout: float | None  # seconds after which it stops by itself
    name: str | None  # who ran it, in the records (host-pid)
    records: str | os.PathLike[str] | None  # the folder that all task servers share, or the address of a port
    status_server_port: int | None  # Prefect's; refused, for it crashes Prefect 3.9.1's task server


async def aserve(*tasks: Task[..., Any], **options: Unpack[Options]) -> Outcome:
    """Serve the tasks until SIGTERM, SIGINT, a cancellation or `timeout` seconds. What it adds: see the package.

    Beside handlers of the program's own (uvicorn's) it leaves them theirs. Cancel it and await it at the end of a
    lifespan: uvicorn kills its process right after that, and what is in flight then is left to the rescuer.

    Returns how it ended. Runs that are still in flight after `grace` go back to the queue, and run on in this process
    as well: only its end ends them. serve() ends it.

    Raises TypeError or ValueError for a wrong argument, such as two functions with one key: only one of them would
    ever run. Refused when the server expects another password or is not one of Prefect's; of that, Unusable without
    PREFECT_API_URL, and where the records cannot be written.
    """
    worker, timeout, grace = _begin(tasks, options)
    return (await _until_ended(worker, timeout, grace))[0]


def _begin(tasks: tuple[Any, ...], options: Options) -> tuple[DrainingTaskWorker, float | None, float]:
    """The task server, before it connects, with its `timeout` and `grace`. Raises what aserve() does."""
    need_right_tasks(tasks)
    need_right_arguments(options)
    if not get_current_settings().api.url:
        raise Unusable(
            "a task server needs the address of a Prefect server", "export PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    if warning := unsupported_warning():
        logger.warning(warning)
    waiting.install()
    unstorable.install()
    interrupting.install()
    retrying.install()
    # It says so of each run, and no run here has a flow: PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW=ignore does the same.
    warnings.filterwarnings("ignore", "Logger .* attempted to send logs to the API without a flow run id", UserWarning)
    name, records = options.get("name") or f"{socket.gethostname()}-{os.getpid()}", options.get("records")
    grace = options.get("grace", 30)
    try:
        worker = DrainingTaskWorker(*tasks, limit=options.get("limit", 10), name=name, records=records, grace=grace)
    except OSError as error:
        what = f"the records cannot be written in {str(records)!r} ({error.strerror or error})"
        raise Unusable(what, "set records= to a folder that this user may write to") from None
    if other := worker.namesake():
        logger.warning(
            f"Another live task server is named {name}, too (pid {other.pid} on {printable(other.host)}), "
            "so nobody can tell who ran what. Try: set another name="
        )
    return worker, options.get("timeout"), grace


async def _until_ended(worker: DrainingTaskWorker, timeout: float | None, grace: float) -> tuple[Outcome, float]:
    """_serve(), of which a cancellation makes an end as polite as any other."""
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
    moment on when it was told to stop, whatever else is unreachable.
    """
    helpers: set[asyncio.Task[Any]] = set()
    outcome = Outcome.DRAINED

    def start(awaitable: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        helpers.add(helper := asyncio.create_task(awaitable))
        return helper

    with received() as signals:
        async with worker:
            try:
                taking, signal = start(worker.take_runs()), start(signals.get())
                overdue = start(worker.watch_timeouts())
                cancelled = start(worker.watch_cancelled())
                start(worker.watch_unserved())
                ends = {taking, signal, overdue, cancelled, start(worker.stuck.wait()), start(worker.cancelled.wait())}
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
                    again = start(signals.get()) if signal.done() else signal
                    done = {start(worker._idle.wait()), again, session_is_over}
                    await asyncio.wait(done, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
                for what, watching in (("Timeouts", overdue), ("Cancelled runs", cancelled)):
                    if watching.done() and (error := watching.exception()):
                        logger.error(f"{what} were no longer watched: {error!r}")
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
            left = min(left, time.monotonic() + LEAVING)
            if over.is_set():
                worker.abandon()
                raise SessionOver(worker.name, worker.record.end_reason)
            if worker._parameters or worker.stuck.is_set():
                outcome = Outcome.STUCK if worker.stuck.is_set() else Outcome.GAVE_BACK
                if await _in_time(worker.give_back(), left) is None:
                    logger.error("Not every run could be requeued in time; a rescuer finds the others")
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


async def _serve_and_end(*tasks: Task[..., Any], **options: Unpack[Options]) -> float:
    """aserve() in a process of its own, which ends here where runs are still in threads: these cannot be stopped.

    Returns until when the process may stay, by time.monotonic().
    """
    try:
        worker, timeout, grace = _begin(tasks, options)
        outcome, until = await _until_ended(worker, timeout, grace)
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


class _ToAwait(Coroutine[Any, Any, Outcome]):
    """aserve() as serve() returns it in an event loop. Who forgets to await it is told, for nothing serves then."""

    def __init__(self, serving: Coroutine[Any, Any, Outcome]) -> None:
        self._serving, self._begun = serving, False

    def __await__(self) -> Generator[Any, Any, Outcome]:
        self._begun = True
        return self._serving.__await__()

    def send(self, value: Any) -> Any:
        self._begun = True
        return self._serving.send(value)

    def throw(self, *error: Any) -> Any:
        self._begun = True
        return self._serving.throw(*error)

    def close(self) -> None:
        self._begun = True
        self._serving.close()

    def __del__(self) -> None:
        if not self._begun:
            self._serving.close()
            print(
                "error: serve() was called in an event loop, and nothing serves. Try: write await serve(…)",
                file=sys.stderr,
            )


def serve(*tasks: Task[..., Any], **options: Unpack[Options]) -> Coroutine[Any, Any, Outcome] | None:
    """The same from ordinary code; returns when the task server has stopped. Refused: one line, and exit code 2.

    In an asynchronous program it is `await serve(…)`, as with Prefect's own.
    """
    if asyncio._get_running_loop():
        return _ToAwait(aserve(*tasks, **options))
    try:
        until = asyncio.run(_serve_and_end(*tasks, **options))
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    if not _sent_all_events(until):
        logger.warning(
            "The Prefect API is unreachable, so it does not know how the last runs ended; a rescuer tells it"
        )
        _end_process(0)
    return None


serve.aio = aserve  # type: ignore[attr-defined]  # by which Prefect's own has it, too

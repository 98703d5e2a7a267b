"""The end of one task's function in the middle, where its run is cancelled: in the function, and nowhere else.

An `async def` gets asyncio's CancelledError at its next `await`. A function in a thread gets TaskRunCancelled (one,
too) at its next line: Python raises it there, as it does for Prefect's timeouts (`_send_exception_to_thread` in
_internal/concurrency/cancellation.py). It comes to no frame of Prefect or of this package: while the function waits in
one, such as in `future.result()`, it waits, too. It comes to no later run of that thread. What sits in a call of C,
such as time.sleep(60), gets it when the call is over. Processes that the function has started are its own business.
"""

import asyncio
import ctypes
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast
from uuid import UUID

import prefect
from prefect.context import TaskRunContext
from prefect.states import Cancelled
from prefect.utilities.callables import call_with_parameters

NOT_INTERRUPTED = tuple(f"{Path(path).parent}/" for path in (prefect.__file__, __file__))
WHILE_IT_RAN = "It was cancelled while it ran"

_off: dict[UUID, str] = {}  # runs of this process that are to be cancelled, and the message of their end
_calls: dict[UUID, "InThread | InLoop"] = {}  # functions that are under way, by their runs
_watched: set[UUID] = set()


class TaskRunCancelled(asyncio.CancelledError):
    """A function in a thread gets it when its run is cancelled. It may clean up, and should let it pass."""


class RunIsOver(Exception):
    """For Prefect's engine, in place of whatever the function did after its run was cancelled."""


class InThread:
    """A function that is under way in this thread."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.sent = function, False
        self._thread = threading.get_ident()
        self._over = False
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        """Once, if the thread is where it may be interrupted; else this is to be tried again."""
        if not self._lock.acquire(timeout=0.1):
            return
        try:
            frame = self.frame()
            if self._over or self.sent or not frame or not may_be_interrupted(frame):
                return
            if frame is not self.frame():  # it has gone on meanwhile
                return
            self.sent = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(TaskRunCancelled))
        finally:
            self._lock.release()

    def leave(self) -> None:
        """Nothing is sent from now on, and what was sent and has not arrived does not arrive any more."""
        with self._lock:
            self._over = True
            if self.sent:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def frame(self) -> FrameType | None:
        return sys._current_frames().get(self._thread)

    def frames(self) -> Iterator[FrameType]:
        """Where it is, from the inside out."""
        frame = self.frame()
        while frame:
            yield frame
            frame = frame.f_back


class InLoop:
    """An `async def` that is under way in this asyncio task."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.sent = function, False
        task = asyncio.current_task()
        assert task
        self._task = task

    def interrupt(self) -> None:
        """Once. In its own event loop, so it is at an `await`."""
        if not self.sent:
            self.sent = True
            self._task.cancel()

    def leave(self) -> None:
        if self.sent:
            self._task.uncancel()

    def frames(self) -> Iterator[FrameType]:
        """Where it is, from the outside in."""
        awaited: Any = self._task.get_coro()
        while frame := getattr(awaited, "cr_frame", None):
            yield frame
            awaited = awaited.cr_await


def listed(generator: Iterator[Any]) -> list[Any]:
    return list(generator)


CALL = (call_with_parameters.__code__, listed.__code__)  # what calls a task's function


def may_be_interrupted(frame: FrameType | None) -> bool:
    """Whether a thread that is there is in a task's function, or in what that calls, and not in a frame of others."""
    innermost = frame
    while frame and not frame.f_code.co_filename.startswith(NOT_INTERRUPTED):
        frame = frame.f_back
    return bool(frame and frame is not innermost and frame.f_code in CALL)


def install() -> None:
    """Let functions of this process be interrupted. A second call does nothing. serve() calls it."""
    from prefect import task_engine as engine  # noqa: PLC0415 - sitecustomize of the kit may be in the middle of it

    if hasattr(engine, "durable_interrupts"):
        return
    engine.durable_interrupts = True  # type: ignore[attr-defined]
    engine.call_with_parameters = _call_with_parameters  # type: ignore[assignment]
    handle, handle_async = engine.SyncTaskRunEngine.handle_exception, engine.AsyncTaskRunEngine.handle_exception

    def handle_exception(self: Any, error: Exception) -> None:
        if isinstance(error, RunIsOver):  # no retry, and no Failed
            self.set_state(Cancelled(message=str(error)), force=True)
            self._raised = error
        else:
            handle(self, error)

    async def handle_exception_async(self: Any, error: Exception) -> None:
        if isinstance(error, RunIsOver):
            await self.set_state(Cancelled(message=str(error)), force=True)
            self._raised = error
        else:
            await handle_async(self, error)

    engine.SyncTaskRunEngine.handle_exception = handle_exception  # type: ignore[method-assign, assignment]
    engine.AsyncTaskRunEngine.handle_exception = handle_exception_async  # type: ignore[method-assign, assignment]


def watch(run: UUID) -> None:
    """This process may have to cancel that run, until forget()."""
    _watched.add(run)


def forget(run: UUID) -> None:
    _watched.discard(run)
    _off.pop(run, None)


def interrupt_run(run: UUID, message: str = WHILE_IT_RAN) -> bool:
    """Interrupt its function if that is possible now; it does not begin any more. Returns whether it is under way.

    To be called in the event loop of `async def` tasks, and again until the run has ended.
    message: of the state in which it ends.
    """
    _off[run] = message
    call = _calls.get(run)
    if call:
        call.interrupt()
    return call is not None


def where(run: UUID) -> str:
    """Where its function is, as "sleeps (tasks.py, line 12)"; empty if it is under way no more."""
    if not (call := _calls.get(run)):
        return ""
    code = getattr(inspect.unwrap(call.function), "__code__", None)
    line = next((frame.f_lineno for frame in call.frames() if frame.f_code is code), 0)
    place = f" ({Path(code.co_filename).name}, line {line})" if code and line else ""
    return f"{getattr(call.function, '__name__', 'it')}{place}"


def _call_with_parameters(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """Prefect's, of which the end may come early."""
    context = TaskRunContext.get()
    run = context.task_run.id if context else None
    if run not in _watched:
        return call_with_parameters(function, parameters)
    assert run
    if inspect.iscoroutinefunction(function):
        return _call_in_loop(run, function, parameters)
    return _call_in_thread(run, function, parameters)


def _call_in_thread(run: UUID, function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    _need_wanted(run)
    call = _calls[run] = InThread(function)
    try:
        try:
            result = call_with_parameters(function, parameters)
            if inspect.isgenerator(result):
                result = listed(result)  # as Prefect does later, where it could not be interrupted
        finally:
            call.leave()
    except BaseException:
        # Where it came in leave() itself; it comes once, so it does not come here.
        call.leave()
        if not call.sent:
            raise
    finally:
        del _calls[run]
    if call.sent:
        _need_wanted(run)
    return result


async def _call_in_loop(run: UUID, function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    _need_wanted(run)
    call = _calls[run] = InLoop(function)
    try:
        result = await cast(Any, call_with_parameters(function, parameters))
    except BaseException:
        if not call.sent:
            raise
    finally:
        call.leave()
        del _calls[run]
    if call.sent:
        _need_wanted(run)
    return result


def _need_wanted(run: UUID) -> None:
    if run in _off:
        raise RunIsOver(_off[run])

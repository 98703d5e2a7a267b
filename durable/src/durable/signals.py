"""Ctrl-C and SIGTERM in a task server: beside the handlers of the program around it, and not in its children."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NUMBERS = (signal.SIGTERM, signal.SIGINT)
ONE_WISH = 1  # seconds in which a second signal of another kind, or a second SIGTERM, says the same as the first

_listening: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[int]]] = []  # one for each aserve() of this process
_before: dict[int, Any] = {}  # the handlers that were there before ours
_last = (0, 0.0)  # the signal that was passed on last, and when
_forking = threading.local()  # the signals that were blocked in this thread before it forks


@contextmanager
def received() -> Iterator[asyncio.Queue[int]]:
    """While it lasts, each SIGTERM and SIGINT goes into the queue, and to the program's own handler if it has one.

    make and uvicorn's reloader pass on as SIGTERM the Ctrl-C that their whole group has received already: what comes
    so soon after another is dropped (uvicorn would break off if it saw them in the wrong order). Two Ctrl-C are two.

    A handler of signal.signal, not of the event loop: a loop's would take the place of the program's, in secret. Where
    the program has one in its loop, Python calls that as before, because the loop still reads every signal's number.
    """
    listener = (asyncio.get_running_loop(), asyncio.Queue[int]())
    # Only in the main thread can Python handle signals, and set their handlers.
    handles = threading.current_thread() is threading.main_thread()
    if handles:
        _listening.append(listener)
        if not _before:
            for number in NUMBERS:
                _before[number] = signal.getsignal(number)
                signal.signal(number, _tell)
    try:
        yield listener[1]
    finally:
        if handles:
            _listening.remove(listener)
            if not _listening:
                _restore()


def _tell(number: int, frame: Any) -> None:
    global _last
    now = time.monotonic()
    # Nothing is called between these two lines, so Python cannot handle another signal in between.
    before, _last = _last, (number, now)
    if now - before[1] < ONE_WISH and (number, before[0]) != (signal.SIGINT, signal.SIGINT):
        _last = before  # one that repeats itself twice a second says it again after ONE_WISH
        return
    for loop, queue in _listening:
        loop.call_soon_threadsafe(queue.put_nowait, number)
    handler = _before.get(number)
    # Python's own for Ctrl-C, and asyncio.run's, would break off what is to be finished.
    of_asyncio = isinstance(getattr(getattr(handler, "func", None), "__self__", None), asyncio.Runner)
    if callable(handler) and handler is not signal.default_int_handler and not of_asyncio:
        handler(number, frame)


def _restore() -> None:
    for number, handler in _before.items():
        # Another's by now, when the program has set one since; None when it was set by something else than Python.
        if signal.getsignal(number) is _tell and handler is not None:
            signal.signal(number, handler)
    _before.clear()


# --- a task that forks ------------------------------------------------------------------------------
# A forked child has the handlers of its parent, so terminate() would not end it; and it shares the pipe by which an
# event loop learns of signals, so on Python 3.11 what is sent to the child would stop the task server.


def _before_fork() -> None:
    # A signal that comes between the fork and _in_child waits until there is a handler for it.
    _forking.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS) if _before else None


def _in_parent() -> None:
    if _forking.blocked is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _forking.blocked)


def _in_child() -> None:
    """Python's default handlers. The thread that forked is the main thread of the child, and so may set them."""
    if _forking.blocked is not None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _listening.clear()
        _before.clear()
        signal.pthread_sigmask(signal.SIG_SETMASK, _forking.blocked)


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)

"""Until when a task server on another machine may run what it has taken. Standard library only.

The Prefect server's machine gives what it had to others when it was not heard of for its lease (sessions.py). So it may
not run a moment longer itself, even where nothing in it can act any more, or where it was stopped and wakes up. That
moment is kept in a file, too, whose path is in LEASE_FILE, for what keeps the process: it ends the whole group.
"""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from durable.files import write_whole

# It goes on while a laptop sleeps with its lid closed. Linux's CLOCK_MONOTONIC, and so time.monotonic(), stands still
# then; that of macOS goes on, where time.monotonic() is another clock (mach_absolute_time), which stands still.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since some moment, by a clock that nobody sets and that sleep does not stop."""
    return time.clock_gettime(CLOCK)


class Deadline:
    """When the lease of this process ends, in seconds of now(); no end before the first one is set."""

    def __init__(self, file: str | None) -> None:
        """file: where to keep it for others, or None."""
        self._file = Path(file) if file else None
        self._lock = threading.Lock()  # two threads renew it
        self.at = 0.0

    def set(self, at: float) -> None:
        """Never moves backwards; out-of-order replies are ignored."""
        with self._lock:
            self.at = max(at, self.at)
            if self._file:
                with contextlib.suppress(OSError):  # a full disk: the process itself knows
                    write_whole(self._file, f"{self.at:.3f} {os.getpid()}\n")

    def passed(self) -> bool:
        return 0 < self.at < now()


def overdue(file: Path) -> int | None:
    """The process whose deadline, in this file, is over; otherwise None."""
    try:
        text = file.read_text()
        at, pid = text.split()
        return int(pid) if text.endswith("\n") and now() > float(at) else None  # else the pid may be a piece of one
    except (OSError, ValueError):
        return None


def end_group(pid: int) -> None:
    """Kill the process, and what it has started, if it leads a group of its own. It may be stopped, or hang."""
    with contextlib.suppress(OSError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)

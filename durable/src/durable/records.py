"""Who runs what: files in a folder that all task servers share, one file a process. Standard library only.

A line is a JSON object with the time `at` (seconds since 1970). The first says what the process is; then come

    {"event": "start", "run": …, "state": …}   it takes this run, which was queued by this state; written before the run
                                               is acknowledged, so whatever has left the server's queue is on record
    {"event": "end", "run": …, "how": …}       returned, refused, given back, unreadable; with "ended", its final state,
                                               for the case that Prefect never hears of it
    {"event": "back", "run": …, "state": …}    this run is put back: who receives it by that old state must refuse
    {"event": "given up", "run": …}            it was set to Crashed, because too many processes died with it
    {"event": "up"}, {"event": "away"}         connected to the server's queue; not connected
    {"event": "down"}                          nobody listened at the server's address: what was queued before is gone

**Who is alive.** Each process holds a lock (fcntl.lockf) on a second file beside its record. The kernel drops it at the
moment the process dies, however it dies, and keeps it while the process is slow, busy or stopped. So there is no
heartbeat that could be late, and no process id that means something else in another container. The lock belongs to the
process, not to children that it forked.

A process on another machine has no lock here, but a lease (sessions.py): beside its record is a file that is there as
long as the lease lasts. It stays when the Prefect server dies, which alone may say that a lease has ended.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

NEWEST = 10_000  # ends of runs that are remembered of a process
VOID = b"-\n"  # behind a piece of a line it makes what is no JSON, whatever the piece is, so nobody takes it for a line
OURS: set[Path] = set()  # lock files of this process: opening and closing one would drop its lock


class Record:
    """The lines that one process appends to its own file; does nothing without a folder."""

    over: "asyncio.Event | None" = None  # this and the next of a record on another machine: see over_port.py
    why_over = ""

    def __init__(self, folder: str | os.PathLike[str] | None, name: str, **about: Any) -> None:
        self.path: Path | None = None
        self._unwritten: list[bytes] = []
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            folder = Path(folder).resolve()  # so that OURS has one name for each file
            path = folder / f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl"
            self._open(path, leased="lease" in about)
            first: dict[str, Any] = {"server": name, "host": socket.gethostname(), "pid": os.getpid()}
            self.write(**first | about)

    @classmethod
    def again(cls, path: Path) -> "Record":
        """Go on with the record of a process on another machine. Raises FileNotFoundError if its lease is over."""
        record = cls(None, "")
        os.utime(lease_of(path))
        record._open(path.resolve(), leased=True)
        return record

    def _open(self, path: Path, leased: bool) -> None:
        self.path, lock = path, path.with_suffix(".lock")
        self._lock = None
        if leased:
            lease_of(path).touch()
        else:
            self._lock = lock.open("w")
            OURS.add(lock)
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
        # Unbuffered: a line is there once write() returns, whatever happens to this process afterwards.
        self._file = path.open("a+b", buffering=0)
        if self._file.tell():  # of a process before this one, whose disk was full
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._unwritten.append(VOID)

    def write(self, *, must: bool = False, **fields: Any) -> None:
        """Append one line. On a full disk it is kept for the next time; with `must`, OSError is raised instead.

        A disk may have room for a piece of it only. With `must` that piece counts as nothing: the next line comes on
        a line of its own.
        """
        if not self.path:
            return
        line = json.dumps({"at": time.time(), **fields}).encode() + b"\n"
        self._unwritten.append(line)
        try:
            while self._unwritten:
                # Where it writes a piece, the next try says why: OSError with its errno.
                self._unwritten[0] = self._unwritten[0][self._file.write(self._unwritten[0]) or 0 :]
                if not self._unwritten[0]:
                    self._unwritten.pop(0)
        except OSError:
            if must:
                begun = len(self._unwritten) == 1 and self._unwritten[0] != line
                self._unwritten[-1:] = [VOID] if begun else []
                raise

    async def take(self, run: str, **fields: Any) -> str | None:
        """Write that this process takes a run. None: whether another one has it, it finds in the records itself.

        This and the next two are for a task server, whose record may be on another machine (over_port.py).
        """
        self.write(must=True, run=run, **fields)
        return None

    async def sent(self) -> Any:
        """Here a line is there once it is written."""

    async def end(self) -> None:
        """close(), for a task server."""
        self.close()

    def heard(self) -> None:
        """Its process, on another machine, was heard of just now: shown to people, and nothing more."""
        if self.path:
            with contextlib.suppress(OSError):
                os.utime(lease_of(self.path))

    def close(self) -> None:
        """The end of a process in which nothing is in flight, or that of a lease."""
        if self.path:
            self._file.close()
            if self._lock:
                self._lock.close()
                OURS.discard(self.path.with_suffix(".lock"))
            else:
                lease_of(self.path).unlink(missing_ok=True)


def lease_of(record: Path) -> Path:
    """The file beside a record that is there while the lease of its process lasts; changed when it was heard of."""
    return record.with_suffix(".leased")


@dataclass(slots=True)
class Process:
    """One process on record."""

    path: Path
    name: str = "?"
    host: str = ""
    pid: int = 0
    keys: frozenset[str] = frozenset()  # of the tasks that it serves; a rescuer serves none
    limit: int | None = None
    lease: float = 0.0  # seconds, of one on another machine
    heard: float = 0.0  # when that machine was heard of
    alive: bool = True
    up: bool = False  # whether it is connected to the server's queue
    down: float = 0.0  # when it last found nobody at the server's address
    began: float = 0.0  # the time of its first line
    first_up: float = 0.0  # when it was connected for the first time
    open: set[str] = field(default_factory=set)  # ids of the runs that it has started and not ended
    done: int = 0  # runs that returned
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=NEWEST))  # when the newest of these did
    quiet_since: float = 0.0  # the time of its newest line
    offset: int = 0

    @property
    def free(self) -> bool:
        return self.limit is None or len(self.open) < self.limit


@dataclass(slots=True)
class Start:
    """One time that a process took a run."""

    by: Process
    state: str
    at: float
    ended: float | None = None
    how: str = ""
    ended_as: dict[str, Any] | None = None  # the final state, as the task server had it


@dataclass(slots=True)
class Story:
    """What the records say about one run."""

    starts: list[Start] = field(default_factory=list)
    backs: dict[str, float] = field(default_factory=dict)  # old state → when it was put back
    rescues: int = 0  # how often it was put back because a process died with it
    parameters: str | None = None
    touched: float = 0.0

    def last(self) -> Start | None:
        return max(self.starts, key=lambda start: start.at, default=None)

    def running_on(self) -> Process | None:
        """The live process that has the run in flight."""
        return next((start.by for start in self.starts if start.ended is None and start.by.alive), None)

    def why_refused(self, state: str, but: Path | None = None) -> str | None:
        """Why somebody who has just received the run, queued by that state, must not run it. but: its own record."""
        for start in self.starts:
            if start.by.path == but:
                continue
            if start.ended is None and start.by.alive:
                return f"it runs on {start.by.name}"
            if start.ended is not None and start.state == state and start.how not in ("refused", "unreadable"):
                return f"it has run on {start.by.name}"
        return "it was put back into the queue since" if state in self.backs else None

    def ran_on(self) -> Process | None:
        """The process that took the run last; not one that refused it, for that has not run it."""
        ran = [start for start in self.starts if start.how != "refused"]
        return max(ran, key=lambda start: start.at).by if ran else None


class Records:
    """All files of the folder, read on from where the last read() ended."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        but: Path | None = None,
        newer_than: float = 0.0,
        copied: bool = False,
    ) -> None:
        """but: a file not to read. newer_than: files of the dead that were last written before are left out.

        copied: the folder is a copy, whose locks say nothing. Then of each name on a host the newest process counts as
        alive: a container that is started again keeps both.
        """
        self.folder = Path(folder).resolve()
        self.copied = copied
        self.processes: dict[Path, Process] = {}
        self.runs: dict[str, Story] = {}
        self.down = 0.0  # the newest moment at which nobody listened at the server's address
        self._skip = {but} if but else set()
        self._newer_than = newer_than
        self._locks: dict[Path, Any] = {}

    @property
    def of_nobody(self) -> bool:
        """Whether no task server has ever written here: the folder is new, or another one than theirs."""
        return not any(process.keys for process in self.processes.values())

    def ran_on(self, run: str) -> str:
        """The name of the process that took a run last and did not refuse it; empty if no process is on record."""
        story = self.runs.get(run)
        process = story.ran_on() if story else None
        return process.name if process else ""

    def read(self) -> None:
        """Take in what was written since. First who is alive, then the lines: the dead have written theirs."""
        for entry in os.scandir(self.folder):
            path = Path(entry.path)
            if path.suffix != ".jsonl" or path in self._skip:
                continue
            process = self.processes.get(path)
            if not process:
                if self._newer_than and entry.stat().st_mtime < self._newer_than and not self._lives(path):
                    self._skip_from_now_on(path)
                    continue
                process = self.processes[path] = Process(path)
            process.alive = self._lives(path)
            if process.lease and process.alive:
                with contextlib.suppress(FileNotFoundError):
                    process.heard = lease_of(path).stat().st_mtime
            with contextlib.suppress(FileNotFoundError):  # somebody tidied up
                self._take_lines(process)
            if not process.alive:  # nothing will be added
                process.up = False
                self._skip_from_now_on(path)
        if self.copied:
            by_age = sorted(self.processes.values(), key=lambda process: process.began)
            newest = {(process.host, process.name): process for process in by_age}
            for process in by_age:
                process.alive = newest[process.host, process.name] is process

    def _skip_from_now_on(self, path: Path) -> None:
        self._skip.add(path)
        if lock := self._locks.pop(path, None):
            lock.close()

    def _lives(self, path: Path) -> bool:
        if self.copied:
            return True
        lock = path.with_suffix(".lock")
        if lock in OURS or lease_of(path).exists():
            return True
        try:
            file = self._locks.get(path) or self._locks.setdefault(path, lock.open())
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in (
                errno.EACCES,
                errno.EAGAIN,
            ):  # too many open files, say, tells nothing of that process
                raise
            return True  # somebody holds it
        fcntl.lockf(file, fcntl.LOCK_UN)
        return False

    def _take_lines(self, process: Process) -> None:
        with process.path.open("rb") as file:
            file.seek(process.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # half a line, of a process that is writing it or died
                process.offset += len(line)
                begins = line.rfind(b'{"at": ')  # durable 1.0.0 may have a piece of another line before it
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._take(process, json.loads(line[max(0, begins) :]))

    def _take(self, process: Process, line: dict[str, Any]) -> None:
        at, event = line["at"], line.get("event")
        process.quiet_since = at
        if event == "down":
            process.down = at
        if event in ("up", "away", "down"):
            process.up = event == "up"
            if process.up:  # so it had the right address
                process.first_up = process.first_up or at
                self.down = max(self.down, process.down)
        elif "server" in line:
            process.name, process.pid, process.limit = line["server"], line["pid"], line.get("limit")
            process.keys = frozenset(line.get("keys", ()))
            process.host, process.began = line.get("host", ""), at
            process.lease = process.heard = 0.0
            if "lease" in line:
                process.lease, process.heard = line["lease"], at
        elif event in ("start", "end", "back"):
            story = self.runs.setdefault(line["run"], Story())
            story.touched = at
            if event == "start":
                story.starts.append(Start(process, line.get("state", ""), at))
                story.parameters = line.get("parameters") or story.parameters
                process.open.add(line["run"])
            elif event == "back":
                story.backs[line["state"]] = at
                story.rescues += bool(line.get("counted"))
            else:
                how = line.get("how", "returned")
                process.open.discard(line["run"])
                if how == "returned":
                    process.done += 1
                    process.ends.append(at)
                for start in story.starts:
                    if start.by is process and start.ended is None:
                        start.ended, start.how, start.ended_as = at, how, line.get("ended")

    def forget(self, before: float, but: set[str] | None = None) -> None:
        """Drop runs that nobody has in flight and that were last heard of earlier than a time; keep those in `but`."""
        kept = but or set()
        old = [run for run, story in self.runs.items() if story.touched < before and run not in kept]
        for run in old:
            if not self.runs[run].running_on():
                del self.runs[run]

    def tidy(self, before: float) -> None:
        """Delete the files of the dead that were last written before a time."""
        for path, process in list(self.processes.items()):
            with contextlib.suppress(OSError):
                if not process.alive and path.stat().st_mtime < before:
                    path.unlink()
                    path.with_suffix(".lock").unlink(missing_ok=True)
                    del self.processes[path]

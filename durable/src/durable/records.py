"""Who runs what: files in a folder that all task servers share, one file a process. Standard library only.

A line is a JSON object with the time `at` (seconds since 1970). The first says what the process is; then come

    {"event": "start", "run": …, "state": …}   it takes this run, which was queued by this state; written before the run
                                               is acknowledged, so whatever has left the server's queue is on record
    {"event": "end", "run": …, "how": …}       returned, refused, given back, unreadable, timed out; with "ended", its
                                               final state, for the case that Prefect never hears of it; with "state",
                                               only of what that state had queued
    {"event": "back", "run": …, "state": …}    this run is requeued: whoever receives it by that old state must refuse
    {"event": "given up", "run": …, "state"}   it is set to Crashed: too many processes died with it; to be refused, too
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
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from durable.load_sharing import Peers
from durable.record_folder import RecordFolder, lease_of
from durable.run_history import History, Process

if TYPE_CHECKING:
    import asyncio

VOID = b"-\n"  # behind a piece of a line it makes what is no JSON, whatever the piece is, so nobody takes it for a line


class TaskServerRecord(Protocol):
    """What a task server writes into: a file in a folder (Record), or a port (remote_records.py)."""

    @property
    def path(self) -> Path | None:
        """Of the file, where it is on this machine."""

    @property
    def over(self) -> "asyncio.Event | None":
        """Set when nothing that this process runs counts any more."""

    @property
    def end_reason(self) -> str:
        """Why, and what helps."""

    def write(self, *, must: bool = False, **fields: Any) -> None:
        """Append a line, now or soon. must: raise OSError if it cannot be written now, rather than keep it."""

    async def claim(self, run: str, **fields: Any) -> str | None:
        """Say that this process takes a run; why it must not, if that is known at once. Raises OSError."""

    async def peers(self) -> Peers:
        """Who is there besides its process, where it cannot read the other records itself."""

    async def sent(self) -> None:
        """Until all lines are where the rescuer reads them. Raises OSError while that is not possible."""

    async def end(self) -> None:
        """Nothing is in flight, and nothing more is written."""


class Appending(Protocol):
    """A record's file, open at its end; written by one process."""

    torn: bool  # whether it ends in the middle of a line

    def write(self, line: bytes, /) -> int | None:
        """Write the line, or as much of it as the disk takes; how many bytes. Raises OSError."""

    def close(self) -> None:
        """From now on its process counts as dead."""


class Files(Protocol):
    """Where records are."""

    def begin(self, leased: bool) -> Path:
        """The path of a new record. leased: its process has a lease instead of a lock."""

    def append(self, path: Path, leased: bool) -> Appending:
        """Open it for its process, which lives from now on."""

    def paths(self) -> Iterable[Path]:
        """All records."""

    def lives(self, path: Path) -> bool:
        """Whether the process of that record lives."""

    def changed(self, path: Path) -> float:
        """When it was written last, in seconds since 1970. Raises FileNotFoundError."""

    def lease_touched(self, path: Path) -> float:
        """The same of its lease."""

    def lines(self, path: Path, offset: int) -> Iterator[bytes]:
        """The lines from that byte on; the last may be a piece. Raises FileNotFoundError."""

    def close(self, path: Path) -> None:
        """It will not be asked for again."""

    def delete(self, path: Path) -> None:
        """Delete it, of a process that is dead. Raises OSError."""


class Record:
    """The lines that one process appends to its own file; does nothing without a folder."""

    over: "asyncio.Event | None" = None
    end_reason = ""

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        name: str,
        *,
        files: Files | None = None,
        clock: Callable[[], float] = time.time,
        **about: Any,
    ) -> None:
        """about: what its first line says besides. files: where it is, instead of the folder."""
        self.path: Path | None = None
        self._unwritten: list[bytes] = []
        self._clock = clock
        if folder or files:
            files = files or RecordFolder(folder or "")
            leased = "lease" in about
            self._open(files, files.begin(leased), leased)
            first: dict[str, Any] = {"server": name, "host": socket.gethostname(), "pid": os.getpid()}
            self.write(**first | about)

    @classmethod
    def again(cls, path: Path) -> "Record":
        """Go on with the record of a process on another machine. Raises FileNotFoundError if its lease is over."""
        record = cls(None, "")
        os.utime(lease_of(path))
        record._open(RecordFolder(path.parent), path.resolve(), leased=True)
        return record

    def _open(self, files: Files, path: Path, leased: bool) -> None:
        self.path, self._file = path, files.append(path, leased)
        if self._file.torn:
            self._unwritten.append(VOID)

    def write(self, *, must: bool = False, **fields: Any) -> None:
        """Append one line. On a full disk it is kept for the next time; with `must`, OSError is raised instead.

        A disk that is nearly full may take a piece of it only. With `must` that piece counts as nothing: the next line
        comes on a line of its own.
        """
        if not self.path:
            return
        line = json.dumps({"at": self._clock(), **fields}).encode() + b"\n"
        self._unwritten.append(line)
        try:
            self.write_on()
        except OSError:
            if must:
                begun = len(self._unwritten) == 1 and self._unwritten[0] != line
                self._unwritten[-1:] = [VOID] if begun else []
                raise

    def write_on(self) -> None:
        """Write what a full disk has kept back. Raises OSError where it is full still."""
        while self._unwritten:
            # Where it writes a piece, the next try says why: OSError with its errno.
            self._unwritten[0] = self._unwritten[0][self._file.write(self._unwritten[0]) or 0 :]
            if not self._unwritten[0]:
                self._unwritten.pop(0)

    async def claim(self, run: str, **fields: Any) -> str | None:
        """Write that this process takes a run. None: whether another one has it, it finds in the records itself."""
        self.write(must=True, run=run, **fields)
        return None

    async def peers(self) -> Peers:
        """Not known: who has the other records reads them."""
        return Peers()

    async def sent(self) -> None:
        """Here a line is there once it is written, which a full disk may have prevented. Raises OSError then."""
        self.write_on()

    async def end(self) -> None:
        """close(), for a task server."""
        self.close()

    def touch_lease(self) -> None:
        """Its process, on another machine, was heard of just now: shown to people, and nothing more."""
        if self.path:
            with contextlib.suppress(OSError):
                os.utime(lease_of(self.path))

    def close(self) -> None:
        """The end of a process in which nothing is in flight, or that of a lease."""
        if self.path:
            self._file.close()


class Records(History):
    """All files of the folder, read on from where the last read() ended."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        skip: Path | None = None,
        newer_than: float = 0.0,
        copied: bool = False,
        files: Files | None = None,
        clock: Callable[[], float] = time.monotonic,
        but: Path | None = None,
    ) -> None:
        """skip (until 1.1: but): a file not to read. newer_than: skip files of dead processes last written before that.

        copied: the folder is a copy, whose locks say nothing. Then of each name on a host the newest process counts as
        alive: a container that is started again keeps both.
        files: where they are, instead of the folder. clock: seconds, by which forget() knows what is old.
        """
        super().__init__()
        self.folder = Path(folder).resolve()
        self.copied = copied
        self._files, self._monotonic = files or RecordFolder(self.folder), clock
        self._skip = {each for each in (skip, but) if each}
        self._newer_than = newer_than

    def read(self) -> None:
        """Take in what was written since. First who is alive, then the lines: the dead have written theirs.

        Raises OSError where the folder cannot be read.
        """
        self.reading_at = self._monotonic()
        for path in self._files.paths():
            if path in self._skip:
                continue
            process = self.processes.get(path)
            if not process:
                if self._newer_than and self._is_old(path):
                    self._skip_from_now_on(path)
                    continue
                process = self.processes[path] = Process(path)
            process.alive = self.copied or self._files.lives(path)
            with contextlib.suppress(FileNotFoundError):  # somebody tidied up
                self._take_lines(process)
            with contextlib.suppress(FileNotFoundError):  # its lease ended
                if process.lease and process.alive:
                    process.last_heartbeat = self._files.lease_touched(path)
            if not process.alive:  # nothing will be added
                process.up = False
                self._skip_from_now_on(path)
        if self.copied:
            by_age = sorted(self.processes.values(), key=lambda process: process.began)
            newest = {(process.host, process.name): process for process in by_age}
            for process in by_age:
                leased = not process.lease or self._files.lives(process.path)  # what shows a lease is copied, too
                process.alive = leased and newest[process.host, process.name] is process

    def _is_old(self, path: Path) -> bool:
        return self._files.changed(path) < self._newer_than and not (self.copied or self._files.lives(path))

    def _skip_from_now_on(self, path: Path) -> None:
        self._skip.add(path)
        self._files.close(path)

    def _take_lines(self, process: Process) -> None:
        for line in self._files.lines(process.path, process.offset):
            if not line.endswith(b"\n"):
                break  # half a line, of a process that is writing it or died
            process.offset += len(line)
            begins = line.rfind(b'{"at": ')  # durable 1.0.0 may have a piece of another line before it
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self.add_line(process, json.loads(line[max(0, begins) :]))

    def tidy(self, before: float) -> None:
        """Delete the files of the dead that were last written before a time."""
        for path, process in list(self.processes.items()):
            with contextlib.suppress(OSError):
                if not process.alive and self._files.changed(path) < before:
                    self._files.delete(path)
                    del self.processes[path]

"""Processes that can be killed, frozen and woken, on machines with clocks; and the disk that their records are on."""

import errno
import types
from collections.abc import Coroutine, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulation.world import World

Work = Coroutine[Any, Any, None]
PATHS = [Path(f"/records/{number}.jsonl") for number in range(300)]


@types.coroutine
def pause(seconds: float) -> Generator[float, None, None]:
    """So long nothing of this coroutine happens, and everything else may."""
    yield seconds


@types.coroutine
def sleep() -> Generator[None, None, None]:
    """Until its process is woken."""
    yield None


class Process:
    """What lives and dies as one, and can be killed between any two steps of its coroutines."""

    def __init__(self, world: "World", machine: str) -> None:
        self.world, self.machine = world, machine
        self.alive, self.frozen = True, False
        self.pid = world.next_pid()
        self._asleep: list[Work] = []
        self._late: list[Work] = []  # what should have happened while it was frozen

    def begin(self, work: Work) -> None:
        """Start a coroutine of this process, and go on with it until it ends."""
        if not self.alive:
            work.close()
        elif self.frozen:
            self._late.append(work)
        elif self.may_live():
            try:
                seconds = work.send(None)
            except StopIteration:
                return
            if seconds is None:
                self._asleep.append(work)
            else:
                self.world.after(seconds, self.begin, work)

    def wake(self) -> None:
        """Go on with what sleeps."""
        asleep, self._asleep = self._asleep, []
        for work in asleep:
            self.begin(work)

    def may_live(self) -> bool:
        """Asked before each step; one that must not live on has died here."""
        return True

    def kill(self) -> None:
        """kill -9: nothing more of it happens."""
        self.alive = False
        self._asleep.clear()
        self._late.clear()

    def thaw(self) -> None:
        """After SIGCONT, what was due happens at once."""
        self.frozen = False
        late, self._late = self._late, []
        for work in late:
            self.begin(work)

    def wall(self) -> float:
        """The time on its machine's clock, in seconds since 1970."""
        return self.world.wall(self.machine)


class Disk:
    """records.Files in memory: the folder of the records on machine A, on a disk with free space or without."""

    def __init__(self) -> None:
        self.content: dict[Path, bytearray] = {}
        self.held: dict[Path, int] = {}  # whose process lives, by its lock or its lease; and the pid
        self.pids: set[int] = set()  # of the processes that live
        self.pid_of: dict[Path, int] = {}
        self.free = 10**9  # bytes
        self.pid = 0  # of who opens the next record

    def begin(self, leased: bool) -> Path:
        return PATHS[len(self.content)]

    def append(self, path: Path, leased: bool) -> "OpenRecord":
        self.content[path] = bytearray()
        self.held[path] = self.pid_of[path] = self.pid
        return OpenRecord(self, path)

    def paths(self) -> Iterable[Path]:
        return list(self.content)

    def lives(self, path: Path) -> bool:
        return path in self.held

    def changed(self, path: Path) -> float:
        return 0.0

    def lease_touched(self, path: Path) -> float:
        return 0.0

    def lines(self, path: Path, offset: int) -> Iterator[bytes]:
        content = self.content[path]
        return iter(bytes(content[offset:]).splitlines(keepends=True) if offset < len(content) else ())

    def close(self, path: Path) -> None: ...

    def delete(self, path: Path) -> None: ...

    def drop(self, path: Path | None) -> None:
        """The kernel drops the lock of a process that has died; or its lease has ended."""
        if path:
            self.held.pop(path, None)


class OpenRecord:
    """records.Appending on that disk: it takes a piece of a line, and then nothing, as a real one does."""

    torn = False

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk, self._path = disk, path

    def write(self, line: bytes, /) -> int:
        disk = self._disk
        if not disk.free:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = line[: disk.free]
        disk.content[self._path] += taken
        disk.free -= len(taken)
        return len(taken)

    def close(self) -> None:
        self._disk.drop(self._path)

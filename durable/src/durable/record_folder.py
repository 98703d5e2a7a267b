"""A folder of records on a file system with locks: see records.py. Standard library only."""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LOCKED_HERE: set[Path] = set()  # lock files of this process: opening and closing one would drop its lock


def lease_of(record: Path) -> Path:
    """The file beside a record that is there while the lease of its process lasts; changed when it was heard of."""
    return record.with_suffix(".leased")


class RecordFolder:
    """A folder on a file system with locks. Standard library only."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()  # so that LOCKED_HERE has one name for each file
        self._locks: dict[Path, Any] = {}

    def begin(self, leased: bool) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl"

    def append(self, path: Path, leased: bool) -> "OpenFile":
        return OpenFile(path, leased)

    def paths(self) -> Iterable[Path]:
        return [Path(entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(".jsonl")]

    def lives(self, path: Path) -> bool:
        lock = path.with_suffix(".lock")
        if lock in LOCKED_HERE or lease_of(path).exists():
            return True
        try:
            file = self._locks.get(path) or self._locks.setdefault(path, lock.open())
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):  # too many open files tells nothing of that process
                raise
            return True  # somebody holds it
        fcntl.lockf(file, fcntl.LOCK_UN)
        return False

    def changed(self, path: Path) -> float:
        return path.stat().st_mtime

    def lease_touched(self, path: Path) -> float:
        return lease_of(path).stat().st_mtime

    def lines(self, path: Path, offset: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(offset)
            yield from file

    def close(self, path: Path) -> None:
        if lock := self._locks.pop(path, None):
            lock.close()

    def delete(self, path: Path) -> None:
        path.unlink()
        path.with_suffix(".lock").unlink(missing_ok=True)


class OpenFile:
    """A record's file with the lock, or the lease, of its process."""

    def __init__(self, path: Path, leased: bool) -> None:
        self._path, self._lock = path, None
        if leased:
            lease_of(path).touch()
        else:
            lock = path.with_suffix(".lock")
            self._lock = lock.open("w")
            LOCKED_HERE.add(lock)
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
        # Unbuffered: a line is there once write() returns, whatever happens to this process afterwards.
        self._file = path.open("a+b", buffering=0)
        self.torn = False
        if self._file.tell():  # of a process before this one, whose disk was full
            self._file.seek(-1, os.SEEK_END)
            self.torn = self._file.read(1) != b"\n"

    def write(self, line: bytes, /) -> int | None:
        return self._file.write(line)

    def close(self) -> None:
        self._file.close()
        if self._lock:
            self._lock.close()
            LOCKED_HERE.discard(self._path.with_suffix(".lock"))
        else:
            lease_of(self._path).unlink(missing_ok=True)

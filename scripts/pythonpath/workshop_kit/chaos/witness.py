"""What example 6's task notes about itself, read while it happens: a witness that is not the kit's own record."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from workshop_kit import processes
from workshop_kit.settings import settings

LATE = 5.0  # seconds after which a run that was cancelled must not begin


def path() -> Path:
    """The diary."""
    return settings().home / "shipped" / "diary.txt"


@dataclass
class Begin:
    pid: int
    started: str  # the process's start time, for a pid may be used again; empty if it was dead when this was read
    at: float
    ended: bool = False


class Diary:
    """The lines that are written from now on: "begin RUN PID TIME", "end RUN PID TIME"."""

    def __init__(self) -> None:
        self.begins: dict[str, list[Begin]] = {}
        self.doubled: list[str] = []  # runs that began while the same run was alive in another process
        self._offset = path().stat().st_size if path().exists() else 0

    def read(self) -> None:
        if not path().exists():
            return
        with path().open() as file:
            file.seek(self._offset)
            lines = file.readlines()
            if lines and not lines[-1].endswith("\n"):
                lines.pop()
        self._offset += sum(len(line.encode()) for line in lines)
        for line in lines:
            what, run, pid, at = line.split()
            earlier = self.begins.setdefault(run, [])
            if what == "begin":
                if any(
                    one.started and not one.ended and processes.started_at(one.pid) == one.started for one in earlier
                ):
                    self.doubled.append(run)
                earlier.append(Begin(int(pid), processes.started_at(int(pid)), float(at)))
            elif what == "end":
                for one in earlier:
                    one.ended = one.ended or one.pid == int(pid)

    def in_flight(self) -> Counter[int]:
        """How many runs each process has begun and not ended."""
        return Counter(one.pid for begins in self.begins.values() for one in begins if not one.ended)

    def begun_after(self, cancelled: dict[str, float]) -> list[str]:
        """The runs that began more than LATE seconds after they were cancelled."""
        begun = {run: max(one.at for one in begins) for run, begins in self.begins.items() if begins}
        return [run for run, at in cancelled.items() if begun.get(run, at) > at + LATE]

    def repeated(self) -> int:
        """How many runs were begun more than once."""
        return sum(len(begins) > 1 for begins in self.begins.values())

    def waits(self, deaths: dict[int, float]) -> list[float]:
        """Seconds from the death of a process to the next beginning of each run that it had in flight."""
        found = []
        for begins in self.begins.values():
            for one, following in zip(begins, begins[1:], strict=False):
                if not one.ended and one.pid in deaths:
                    found.append(following.at - deaths[one.pid])
        return found

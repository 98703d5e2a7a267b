"""What the records say taken together: who runs what, who ran it, and who must not run it again.

Decisions only: nothing here reads a file, asks a clock or a server. Standard library only.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

NEWEST = 10_000  # ends of runs that are remembered of a process, so that its memory stays: some MB


class How(StrEnum):
    """How a process's part in a run ended, as its record says."""

    RETURNED = "returned"  # the run has ended, whatever became of it
    REFUSED = "refused"  # another process has it, or it was requeued since
    GIVEN_BACK = "given back"  # to the queue
    UNREADABLE = "unreadable"  # this process cannot read its parameters
    TIMED_OUT = "timed out"  # it outlived its timeout in a thread that nothing can interrupt

    @classmethod
    def of(cls, text: str) -> "How":
        """A word that a later version writes counts as RETURNED: then the run is not started again in haste."""
        return cls(text) if text in KNOWN else cls.RETURNED


KNOWN = frozenset(How)
SELF_REQUEUED = (How.GIVEN_BACK, How.UNREADABLE)  # the process itself requeues the run
WEIGHT = {How.REFUSED: 0, None: 1, How.GIVEN_BACK: 2, How.UNREADABLE: 2, How.RETURNED: 3, How.TIMED_OUT: 3}
NOT_RUN = (How.REFUSED, How.UNREADABLE)  # the run is still to be run, by the same state that queued it


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
    last_heartbeat: float = 0.0  # when that machine was heard of
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
    def connected(self) -> bool:
        """A live task server that runs are sent to; while it is full it may be unsubscribed (load_sharing.py)."""
        return self.alive and self.up and bool(self.keys)

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
    how: How | None = None  # None while it has not ended
    final_state: dict[str, Any] | None = None  # the final state, as the task server had it


@dataclass(slots=True)
class RunHistory:
    """What the records say about one run."""

    starts: list[Start] = field(default_factory=list)
    requeued: dict[str, float] = field(default_factory=dict)  # old state → when it was requeued
    given_up: set[str] = field(default_factory=set)  # the states that had queued it when it was given up
    rescues: int = 0  # how often it was requeued because a process died with it
    in_vain: set[str] = field(default_factory=set)  # the states by which somebody was given it in vain: LostRun.in_vain
    parameters: str | None = None
    last_read: float = 0.0  # when something about it was read last: History.reading_at

    def decisive(self, state: str = "") -> Start | None:
        """The start that says what became of the run. state: of those that this one queued; else of all.

        That is not the newest by the clock, which may have been set back. A start that was requeued since, by a rescuer
        or by its task server, counts least; one that has ended counts most, as nothing begins after it.
        """
        starts = [start for start in self.starts if not state or start.state == state]
        standing = [start for start in starts if start.state not in self.requeued] or starts
        given_back = {start.state for start in standing if start.how in SELF_REQUEUED}
        standing = [start for start in standing if start.state not in given_back] or standing
        return max(standing, key=lambda start: (WEIGHT[start.how], start.at), default=None)

    def times_in_vain(self, state: str) -> int:
        """How often in a row it was requeued because somebody had taken it in vain, before this state queued it."""
        row = set[str]()
        for start in sorted(self.starts, key=lambda start: start.at, reverse=True):
            if start.state in self.in_vain:
                row.add(start.state)
            elif start.state != state and start.how is not How.REFUSED:  # it was requeued for something else since
                break
        return len(row)

    def running_on(self) -> Process | None:
        """The live process that has the run in flight."""
        return next((start.by for start in self.starts if start.ended is None and start.by.alive), None)

    def why_refused(self, state: str, own: Path | None = None) -> str | None:
        """Why the task server that just received the run, queued by that state, must not run it. own: its record."""
        for start in self.starts:
            if start.by.path == own:
                continue
            if start.ended is None and start.by.alive:
                return f"it runs on {start.by.name}"
            if start.ended is not None and start.state == state and start.how not in NOT_RUN:
                return f"it has run on {start.by.name}"
        if state in self.given_up:
            return "it was given up"
        return "it was requeued since" if state in self.requeued else None

    def ran_on(self) -> Process | None:
        """The process that took the run last; not one that refused it, for that has not run it."""
        ran = [start for start in self.starts if start.how is not How.REFUSED]
        return max(ran, key=lambda start: start.at).by if ran else None


class History:
    """All processes and all runs on record."""

    def __init__(self) -> None:
        self.processes: dict[Path, Process] = {}
        self.runs: dict[str, RunHistory] = {}
        self.down = 0.0  # the newest moment at which nobody listened at the server's address
        self.reading_at = 0.0  # when lines were read last, by a clock that nobody sets

    @property
    def has_no_task_server(self) -> bool:
        """Whether no task server has ever written here: the folder is new, or another one than theirs."""
        return not any(process.keys for process in self.processes.values())

    def ran_on(self, run: str) -> str:
        """The name of the process that took a run last and did not refuse it; empty if no process is on record."""
        history = self.runs.get(run)
        process = history.ran_on() if history else None
        return process.name if process else ""

    def add_line(self, process: Process, line: dict[str, Any]) -> None:
        """Add a line of that process. Raises KeyError, TypeError or ValueError for what is no line."""
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
            process.lease = process.last_heartbeat = 0.0
            if "lease" in line:
                process.lease, process.last_heartbeat = line["lease"], at
        elif event in ("start", "end", "back", "given up"):
            history = self.runs.setdefault(line["run"], RunHistory())
            history.last_read = self.reading_at
            if event == "start":
                history.starts.append(Start(process, line.get("state", ""), at))
                history.parameters = line.get("parameters") or history.parameters
                process.open.add(line["run"])
            elif event == "given up":
                history.given_up.add(line.get("state", ""))
            elif event == "back":
                history.requeued[line["state"]] = at
                history.rescues += bool(line.get("counted"))
                if line.get("in_vain"):
                    history.in_vain.add(line["state"])
            else:
                how, state = How.of(line.get("how", How.RETURNED)), line.get("state")
                if how is How.RETURNED:
                    process.done += 1
                    process.ends.append(at)
                under_way = [start for start in history.starts if start.by is process and start.ended is None]
                ended = [start for start in under_way if state in (None, start.state)]
                for start in ended:
                    start.ended, start.how, start.final_state = at, how, line.get("ended")
                if len(ended) == len(under_way):
                    process.open.discard(line["run"])

    def forget(self, seconds: float, keep: set[str] | None = None) -> None:
        """Drop runs that nobody has in flight and of which nothing was read for so long; keep those in `keep`."""
        kept, before = keep or set(), self.reading_at - seconds
        old = [run for run, history in self.runs.items() if history.last_read < before and run not in kept]
        for run in old:
            if not self.runs[run].running_on():
                del self.runs[run]

"""Which runs are lost, and what is to be done about them: decisions about what Prefect and the records have said.

Nothing here asks a server, a file or a clock. Standard library only.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from durable.requeue import LATER
from durable.run_history import History, How, Process, RunHistory, Start

SETTLE = 10  # seconds that the end of a run may take from its task server to Prefect's database (usually under 1)
IDLE = 10  # seconds that a run waits beside idle task servers before it counts as forgotten: Prefect sends in 10 ms
NOT_FINISHED = "requeueing it did not finish"
WAITED_FOR_FAILED = "NotReady"  # Prefect's name for Pending where what a run waited for has failed


@dataclass(frozen=True, slots=True)
class Run:
    """What Prefect says of a run that has not ended."""

    id: UUID
    task_key: str
    state: str  # the id of its state; empty for a moment, between two statements of Prefect's task run recorder
    state_name: str
    since: float  # when it came into that state, in seconds since 1970
    queued: bool  # whether that state put it into the Prefect server's queue
    parameters: str | None = None  # the id of its stored parameters
    cancelling: bool = False  # whether it is to be cancelled
    not_before: float = 0.0  # when it is due, of one that is in no queue until then, in seconds since 1970
    waits_for: str = ""  # the run that it waited for and that has failed: it never runs


@dataclass
class LostRun:
    """A run that nobody runs and nobody will be sent, and why."""

    run: Run
    why: str
    rescue: bool = False  # whether a task server died with it, which counts
    ended: dict[str, Any] | None = (
        None  # its final state, where only Prefect does not know of it: see Start.final_state
    )
    queued_by: str = ""  # the id of the state by which it was queued last; empty if nothing says so
    known: tuple[Start | None, How | None] = (None, None)  # what was decisive, and how that had ended

    @property
    def in_vain(self) -> bool:
        """Whether somebody took it, ended it, and it is as it was; not one that had it for long and gave it back."""
        last, how = self.known
        if self.rescue or not last or last.ended is None or self.why == NOT_FINISHED:
            return False
        return how in (How.RETURNED, How.TIMED_OUT) or is_recent(last.at, last.ended, SETTLE)


class Doubt(Enum):
    """Why it cannot be said whether a run is lost."""

    TOO_EARLY = "it may still report by itself"
    NO_RECORD = "something runs it that keeps no record here"


def is_recent(at: float, now: float, seconds: float) -> bool:
    """Whether it was so few seconds ago. What lies as far in the future was long ago: the clock was set back since."""
    return abs(now - at) < seconds


def why_lost(run: Run, records: History, now: float, reached: float) -> LostRun | Doubt | None:
    """None: somebody runs it or will be sent it.

    now: when Prefect was asked. reached: since when it answers. Both in seconds since 1970.
    """
    history = records.runs.get(str(run.id)) or RunHistory()
    found = _why_lost(run, history, records, now, reached)
    if isinstance(found, LostRun):
        last = history.decisive()
        found.queued_by = run.state if run.queued else last.state if last else ""
        found.known = known(history, found.queued_by)
    return found


def known(history: RunHistory, state: str) -> tuple[Start | None, How | None]:
    """What says what became of the run that this state had queued: another one later, if somebody took or ended it."""
    last = history.decisive(state)
    return last, last.how if last else None


def waits_until_due(run: Run, records: History) -> bool:
    """Whether a run that is due at `not_before` is in no queue until then, and not in a task server that waits for it.

    Prefect's engine sleeps until a retry is due, with the run in flight; only what a task server gave back is ours.
    """
    history = records.runs.get(str(run.id)) or RunHistory()
    if not run.not_before or run.queued or run.cancelling or history.running_on():
        return False
    last = history.decisive()
    return run.state_name == LATER or bool(last and last.how is How.GIVEN_BACK)


def needs_cancelling(run: Run, records: History, now: float, reached: float) -> Doubt | bool:
    """Whether a run is to be cancelled that nobody has in flight, who would end it. now, reached: see why_lost()."""
    history = records.runs.get(str(run.id)) or RunHistory()
    if not run.cancelling or history.running_on():
        return False
    last = history.decisive()
    newest = max(run.since, reached, last.ended or 0.0 if last else 0.0)
    return Doubt.TOO_EARLY if is_recent(newest, now, SETTLE) else True


def _why_lost(run: Run, history: RunHistory, records: History, now: float, reached: float) -> LostRun | Doubt | None:
    if not run.state or run.cancelling or history.running_on():
        return None
    if run.state_name == WAITED_FOR_FAILED:  # Prefect ends it in this state, and would each time again
        return None
    if last := history.decisive(run.state if run.queued else ""):
        if last.ended is None and last.state in history.given_up:
            return LostRun(run, "giving it up did not finish", rescue=True)
        if last.ended is None and last.state in history.requeued:  # it has been counted, and the API was away then
            return LostRun(run, NOT_FINISHED)
        if last.ended is None:
            why = f"{last.by.name} (pid {last.by.pid}) died while it had this run"
            if last.by.lease:
                why = f"the lease of {last.by.name} expired while it had this run"
            return LostRun(run, why, rescue=True)
        if is_recent(max(last.ended, reached), now, SETTLE):
            return Doubt.TOO_EARLY
        if last.how in (How.REFUSED, How.GIVEN_BACK, How.UNREADABLE):
            return LostRun(run, f"{last.by.name} did not take it")
        why = f"it ended on {last.by.name}, and its end never reached the Prefect server"
        return LostRun(run, why, ended=last.final_state)
    if not run.queued:
        return Doubt.NO_RECORD
    if run.state in history.requeued:
        if is_recent(history.requeued[run.state], now, SETTLE):
            return Doubt.TOO_EARLY
        return LostRun(run, NOT_FINISHED)
    if run.since < records.down:
        return LostRun(run, "the Prefect server that had it in its queue is gone")
    # A connected task server with a free slot is sent a run within 10 ms, if there is one.
    able = [each for each in records.processes.values() if each.alive and each.up and run.task_key in each.keys]
    if able and all(each.free for each in able):
        if is_recent(max(run.since, *(each.quiet_since for each in able)), now, IDLE):
            return Doubt.TOO_EARLY
        return LostRun(
            run, f"it waited {abs(now - run.since):.0f} s while task servers were idle, so it is not queued anywhere"
        )
    return None


@dataclass
class Plan:
    """What one look is going to do."""

    give_up: list[LostRun] = field(default_factory=list)
    requeue: list[LostRun] = field(default_factory=list)
    report_end: list[LostRun] = field(default_factory=list)
    unsure: int = 0  # runs that wait for the last try of another


def needs_last_try(lost_run: LostRun, records: History, max_rescues: int) -> bool:
    """Whether requeueing it is the last time. Where one rescue is all there is, that is nothing special."""
    rescues = (records.runs.get(str(lost_run.run.id)) or RunHistory()).rescues
    return lost_run.rescue and rescues == max_rescues - 1 > 0


def is_hopeless(lost_run: LostRun, records: History, max_rescues: int) -> bool:
    """Whether it was taken in vain so often that it would be for ever: Prefect refuses whatever is told of it.

    A run that nobody has taken waits as long as it must: it is not to blame for a server that is gone or blocked.
    """
    history = records.runs.get(str(lost_run.run.id)) or RunHistory()
    return lost_run.in_vain and history.times_in_vain(lost_run.queued_by) >= max(max_rescues, 1)


def on_last_try(records: History, max_rescues: int, except_for: Collection[UUID]) -> list[UUID]:
    """The runs that were requeued for the last time, except for those. Whether they have ended, Prefect knows."""
    return [
        UUID(run)
        for run, history in records.runs.items()
        if history.rescues == max_rescues and UUID(run) not in except_for
    ]


def plan(lost: Iterable[LostRun], records: History, served: Collection[str], max_rescues: int, alone: bool) -> Plan:
    """served: the keys that task servers serve; a full queue of others would block the Prefect server, so they wait.

    alone: whether no other run is on its last try. A task that kills its process takes others along, perhaps the same
    ones each time: last tries are made one at a time, so that innocent runs can finish.
    """
    found = Plan()
    for lost_run in lost:
        rescues = (records.runs.get(str(lost_run.run.id)) or RunHistory()).rescues
        last_try = needs_last_try(lost_run, records, max_rescues)
        if lost_run.rescue and rescues >= max_rescues:
            found.give_up.append(lost_run)
        elif lost_run.ended and not lacks_result(lost_run.ended):
            found.report_end.append(lost_run)
        elif is_hopeless(lost_run, records, max_rescues):
            found.give_up.append(lost_run)
        elif last_try and not alone:
            found.unsure += 1
        elif lost_run.run.task_key in served:
            found.requeue.append(lost_run)
            alone = alone and not last_try
    return found


def lacks_result(end: dict[str, Any]) -> bool:
    """Whether a run completed, and where its result is does not stand in that line: then it was not stored."""
    return end.get("type") == "COMPLETED" and not end.get("data")


def unserved(waiting: Iterable[Run], served: Collection[str], now: float) -> dict[str, int]:
    """How many runs have waited for some seconds for each key that no task server serves."""
    found: dict[str, int] = {}
    for run in waiting:
        if run.task_key not in served and run.queued and now - run.since > IDLE / 2:
            found[run.task_key] = found.get(run.task_key, 0) + 1
    return found


def served_by(subscribed: Mapping[str, Collection[str]], processes: Iterable[Process]) -> set[str]:
    """The keys of task servers that are subscribed, or that are connected by their records.

    A full task server may have left the queue to others (load_sharing.py); it is back when a slot is free.
    """
    connected = (each.keys for each in processes if each.connected)
    return {key for keys in (*subscribed.values(), *connected) for key in keys}


def nobody_serves(key: str, count: int) -> str:
    """A line for people."""
    return (
        f"{count} run(s) wait for {key}, which no task server serves: none is up, or they have other code. "
        "Try: start a task server with the code that submitted them"
    )


def unrecorded_task_servers(identifiers: Iterable[str], processes: Iterable[Process]) -> list[str]:
    """Of task servers that are subscribed, by the names that Prefect has for them (host-pid), those without a record.

    Nobody requeues what such a task server runs: it has another folder, or none. A task server on another machine may
    have another host name in its record than there (sessions.py), so there the pid is enough.
    """
    known = {(process.host, process.pid) for process in processes}
    elsewhere = {process.pid for process in processes if process.lease}
    found = []
    for identifier in identifiers:
        host, _, pid = identifier.rpartition("-")
        if pid.isdigit() and (host, int(pid)) not in known and int(pid) not in elsewhere:
            found.append(identifier)
    return sorted(found)

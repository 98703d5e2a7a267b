"""A rescuer's look: what is asked and written in which order, so that whatever dies in between loses no run.

The API, the records and the clock are given: rescuer.py gives the real ones, the simulation those of its own.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from durable.losses import (
    SETTLE,
    Doubt,
    LostRun,
    Run,
    is_hopeless,
    known,
    needs_cancelling,
    needs_last_try,
    on_last_try,
    plan,
    served_by,
    unrecorded_task_servers,
    unserved,
    waits_until_due,
    why_lost,
)
from durable.records import Record, Records
from durable.run_history import RunHistory

WEEK = 7 * 24 * 3600  # seconds
NOBODY_HAS_IT = "It was to be cancelled, and no task server has it"


@dataclass
class Report:
    """What one look found and did."""

    lost: list[LostRun] = field(default_factory=list)  # all of them, as found
    requeued: list[LostRun] = field(default_factory=list)
    given_up: list[LostRun] = field(default_factory=list)
    ended: list[LostRun] = field(default_factory=list)  # those whose end Prefect was told of
    cancelled: list[LostRun] = field(default_factory=list)  # those that were to be, and that nobody had
    due: list[LostRun] = field(default_factory=list)  # those that are to be put into the queue now; look() has done it
    next_due: float = float("inf")  # when the next one is, in seconds since 1970
    not_ready: list[Run] = field(default_factory=list)  # those that will never run: what they waited for has failed
    unsure: int = 0  # runs that may still report by themselves
    unserved: dict[str, int] = field(default_factory=dict)  # task key that no task server serves → runs that wait
    unknown: int = 0  # runs Pending or Running by something that keeps no record here
    strangers: list[str] = field(default_factory=list)  # task servers that are subscribed and keep no record here

    @property
    def put_back(self) -> list[LostRun]:
        """The name of `requeued` until 1.1."""
        return self.requeued


@dataclass
class PrefectStates:
    """What Prefect said in one look."""

    runs: list[Run]  # under way
    waiting: list[Run]
    served: set[str]  # the keys that task servers serve
    at: float  # seconds since 1970
    everything: bool  # whether `waiting` has all of them, or the newest only


class Api(Protocol):
    """What a look asks Prefect for. Each call may raise one of api_errors.API_ERRORS."""

    async def under_way(self) -> list[Run]:
        """The runs that are Pending, Running, Paused or Cancelling."""

    async def waiting(self, everything: bool) -> list[Run]:
        """The runs that are Scheduled; of these the newest only, unless everything."""

    async def later(self) -> list[Run]:
        """Those that wait in no queue until they are due, the first ones of them."""

    async def task_servers(self) -> dict[str, set[str]]:
        """Who is subscribed to the queue, and the keys that each serves."""

    async def is_over(self, run: UUID) -> bool:
        """Whether the run has ended, or was deleted."""

    async def requeue(self, run: UUID, message: str, parameters: str | None) -> bool:
        """Put it into the queue. This and the next three: False if it was deleted; this one, too, if it has ended
        since, or is to be cancelled.
        """

    async def crash(self, run: UUID, message: str) -> bool:
        """Set it to Crashed."""

    async def cancel(self, run: UUID, message: str) -> bool:
        """Set it to Cancelled."""

    async def end(self, run: UUID, end: dict[str, Any]) -> bool:
        """Set it to the final state of a record's line. Raises ValueError for what is no such line."""

    async def tell(self, lost: list[LostRun]) -> None:
        """A line on the page of each of these runs, with its `why`."""

    async def together(self, acts: list[Coroutine[Any, Any, None]]) -> BaseException | None:
        """Do all of these, whatever becomes of each; returns the first that one of them raised."""


class Reconciler:
    """Looks one after the other; each knows what the last one saw. max_rescues: see Rescuer."""

    def __init__(self, records: Records, record: Record, max_rescues: int, clock: Callable[[], float]) -> None:
        self.records, self.record, self.max_rescues, self._clock = records, record, max_rescues, clock
        self.reached = clock()  # since when the API has answered
        self._was_down = 0.0  # when nobody listened at the API's address, since it answered last
        self._all_seen = 0.0  # when every waiting run was last looked at

    def note_unreachable(self, at: float, down: bool) -> None:
        """The API did not answer. down: nobody listened at its address, so what was queued before is in no queue."""
        self.reached = at
        if down:
            self.record.write(event="down", at=at)
            self._was_down = at

    async def find(self, api: Api) -> tuple[Report, PrefectStates]:
        """What is lost; changes nothing."""
        report = Report()
        # First Prefect's states, then the records: what is taken from the queue in between is on record.
        runs = await api.under_way()
        began = self._clock()
        if self._was_down:
            self.record.write(event="up")
            self.records.down, self._was_down = max(self.records.down, self._was_down), 0.0
        # A clock that was set back has times of the future here: what was then counts as now.
        self.reached, self.records.down = min(self.reached, began), min(self.records.down, began)
        # One page of those that wait is always looked at; all of them every 10 s, and when a Prefect server has gone.
        self.records.read()
        everything = abs(began - self._all_seen) > SETTLE or self.records.down > self._all_seen - 1
        waiting = await api.waiting(everything)
        later = await api.later()
        task_servers = await api.task_servers()
        self.records.read()
        report.strangers = unrecorded_task_servers(task_servers, self.records.processes.values())
        for run in {run.id: run for run in later + runs + waiting}.values():  # one may be in several
            if waits_until_due(run, self.records):
                if run.not_before <= began:
                    report.due.append(LostRun(run, "it is due"))
                else:
                    report.next_due = min(report.next_due, run.not_before)
                continue
            found = why_lost(run, self.records, began, self.reached)
            if isinstance(found, LostRun):
                report.lost.append(found)
            to_end = needs_cancelling(run, self.records, began, self.reached)
            if to_end is True:
                report.cancelled.append(LostRun(run, NOBODY_HAS_IT))
            if run.waits_for:
                report.not_ready.append(run)
            report.unsure += Doubt.TOO_EARLY in (found, to_end)
            report.unknown += found is Doubt.NO_RECORD
        served = served_by(task_servers, self.records.processes.values())
        report.unserved = unserved(waiting, served, began)
        return report, PrefectStates(runs, waiting, served, began, everything)

    async def look(self, api: Api) -> Report:
        """Find what is lost and do something about it: no other rescuer may look meanwhile."""
        report, states = await self.find(api)
        todo = plan(report.lost, self.records, states.served, self.max_rescues, await self._alone(api, report.lost))
        report.unsure += todo.unsure
        to_cancel, report.cancelled = report.cancelled, []
        due, report.due = [each for each in report.due if each.run.task_key in states.served], []
        acts = (
            (self._give_up, todo.give_up),
            (self._requeue, todo.requeue),
            (self._report_end, todo.report_end),
            (self._cancel, to_cancel),
            (self._enqueue, due),
        )
        failed = await api.together([act(api, lost_run, report) for act, runs in acts for lost_run in runs])
        await api.tell(report.requeued + report.given_up + report.ended + report.cancelled)
        if failed:
            raise failed
        if states.everything:
            self._all_seen = states.at
            # Prefect knows that the other runs have ended, so nobody asks for them again.
            self.records.forget(3 * SETTLE, keep={str(run.id) for run in states.runs + states.waiting})
            self.records.tidy(states.at - WEEK)
        return report

    async def _alone(self, api: Api, lost: list[LostRun]) -> bool:
        """Whether no other run is on its last try, whichever rescuer put it back: see losses.plan()."""
        if not any(needs_last_try(each, self.records, self.max_rescues) for each in lost):
            return True
        others = on_last_try(self.records, self.max_rescues, except_for={each.run.id for each in lost if each.rescue})
        return all([await api.is_over(run) for run in others])

    async def _requeue(self, api: Api, lost_run: LostRun, report: Report) -> None:
        run, history = lost_run.run, self.records.runs.setdefault(str(lost_run.run.id), RunHistory())
        rescues = history.rescues + lost_run.rescue
        message = f"Requeued: {lost_run.why}"
        if lost_run.rescue:
            message = f"Rescue {rescues} of {self.max_rescues}, requeued: {lost_run.why}"
        # Written before it is done: an entry of the old queue that turns up after all is refused by all. Then a last
        # look, for somebody who took it before we wrote that, and may have ended it since we decided.
        old = lost_run.queued_by
        about = {"counted": lost_run.rescue} | ({"in_vain": True} if lost_run.in_vain else {})
        self.record.write(must=True, event="back", run=str(run.id), state=old, **about)
        history.requeued[old], history.last_read = self._clock(), self.records.reading_at
        history.in_vain |= {old} if lost_run.in_vain else set()
        history.rescues = rescues  # once it is on record, and not where the disk was full
        self.records.read()
        if history.running_on() or known(history, old) != lost_run.known:
            return
        if await api.requeue(run.id, message, run.parameters or history.parameters):
            lost_run.why = message
            report.requeued.append(lost_run)

    async def _give_up(self, api: Api, lost_run: LostRun, report: Report) -> None:
        history = self.records.runs[str(lost_run.run.id)]
        if lost_run.rescue:
            died = ", ".join(dict.fromkeys(start.by.name for start in history.starts if start.ended is None))
            why = f"{self.max_rescues} rescues: the task servers that had this run died ({died})"
        else:
            why = f"it was requeued {history.times_in_vain(lost_run.queued_by)} times in vain: {lost_run.why}"
        lost_run.why = f"Given up after {why}"
        # Before it is done, as with "back": no entry of the queue starts it again.
        self.record.write(must=True, event="given up", run=str(lost_run.run.id), state=lost_run.queued_by)
        history.given_up.add(lost_run.queued_by)
        if await api.crash(lost_run.run.id, lost_run.why):
            report.given_up.append(lost_run)

    async def _enqueue(self, api: Api, due: LostRun, report: Report) -> None:
        """What is due. Nobody has it; an older entry of the queue is refused, as the record says."""
        history = self.records.runs.get(str(due.run.id)) or RunHistory()
        if await api.requeue(due.run.id, "It is due", due.run.parameters or history.parameters):
            report.due.append(due)

    async def _cancel(self, api: Api, lost_run: LostRun, report: Report) -> None:
        if await api.cancel(lost_run.run.id, lost_run.why):
            report.cancelled.append(lost_run)

    async def _report_end(self, api: Api, lost_run: LostRun, report: Report) -> None:
        """Tell Prefect how a run ended whose task server could not, rather than run it again."""
        assert lost_run.ended
        try:
            reported = await api.end(lost_run.run.id, lost_run.ended)
        except ValueError:  # of another version, or damaged
            hopeless = is_hopeless(lost_run, self.records, self.max_rescues)
            return await (self._give_up if hopeless else self._requeue)(api, lost_run, report)
        if reported:
            report.ended.append(lost_run)

"""What must never happen, whatever the schedule. The judge knows what everybody really does."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from durable.claiming import ASK_AFTER
from durable.joining import CLOCKS
from durable.records import Records
from durable.run_history import How
from simulation.prefect_model import Entry

if TYPE_CHECKING:
    from simulation.actors import TaskServer
    from simulation.world import World

MAX_RESCUES = 2
MOST = 40  # times that a run may be requeued
BESIDE = 8.0  # seconds that a run may be with a task server that is full, beside one that waits for runs
SLACK = 5.0  # seconds between a question and what is done about the answer


class Wrong(Exception):
    """A promise is broken."""


class Judge:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.at_work: dict[UUID, list[TaskServer]] = {}
        self.returned: set[UUID] = set()  # runs whose end was written down
        self.deaths: Counter[UUID] = Counter()  # processes that died with the run on their record
        self.rescues: Counter[UUID] = Counter()
        self.times_requeued: Counter[UUID] = Counter()
        self.last_try: dict[UUID, bool] = {}
        self.cancelled_at: dict[UUID, float] = {}  # when it was cancelled or deleted
        self.beside: dict[UUID, float] = {}  # since when a run waits where none is free, and one is elsewhere
        self.due: dict[UUID, float] = {}
        self.ended_called_off: set[UUID] = set()
        self._records = Records("/records", files=world.disk, clock=world.time)

    def wrong(self, what: str) -> None:
        raise Wrong(f"{self.world.now:5.1f} s  {what}")

    def begins(self, server: "TaskServer", entry: Entry) -> None:
        now, run = self.world.now, entry.run
        # It was asked for a moment ago; where Prefect was away then, it begins all the same.
        asked = server.reaches() and now - self.world.whole_since > SLACK and abs(server.wall() - entry.at) > ASK_AFTER
        if asked and self._is_cancelled(run) and now - self.cancelled_at.get(run, now) > SLACK:
            self.wrong(f"run {run.int} was called off at {self.cancelled_at[run]:g} s, and begins on {server.name}")
        if server.deadline < now:
            self.wrong(f"{server.name} begins {run.int} without a lease")
        for other in self.at_work.get(run, []):
            if other.alive and other.deadline >= now:
                self.wrong(f"run {run.int} is under way on {other.name} and on {server.name}")
        if run in self.returned:
            self.wrong(f"run {run.int} has ended, and begins again on {server.name}")
        self.at_work.setdefault(run, []).append(server)

    def ends_called_off(self, run: UUID) -> None:
        """In the middle of its work: it must stay Cancelled."""
        self.ended_called_off.add(run)

    def look(self) -> None:
        """Twice a second: a run that was sent to a task server that is full is not left there beside a free one."""
        subscriptions = self.world.prefect.subscriptions
        servers = {each: each.deliver.__self__ for each in subscriptions}  # type: ignore[attr-defined]
        waits = {each.unacknowledged.run: servers[each] for each in subscriptions if each.unacknowledged}
        free = [each for each in subscriptions if not each.unacknowledged and servers[each].is_free]
        now = self.world.now
        # With the cable cut Prefect's server cannot know that nobody is there.
        beside = {run for run, server in waits.items() if free and server.is_full and not self.world.cut}
        self.beside = {run: self.beside.get(run, now) for run in beside}
        for run, since in self.beside.items():
            if now - since > BESIDE:
                self.wrong(f"run {run.int} waits at {waits[run].name}, which is full, beside {servers[free[0]].name}")

    def at_the_end(self) -> None:
        """Of all runs."""
        for run in self.ended_called_off:
            row = self.world.prefect.rows[run]
            if row.type != "CANCELLED" and not row.deleted:
                self.wrong(f"run {run.int} was ended in its middle, as it was called off, and is {row.type}")

    def acknowledged(self, run: UUID, state: str) -> None:
        """From now on it is in no queue: it must be on record, whatever dies."""
        self._records.read()
        history = self._records.runs.get(str(run))
        if not history or all(start.state != state for start in history.starts):
            self.wrong(f"run {run.int} has left the queue, and nobody is on record who took it")

    def lease_ends(self, server: "TaskServer") -> None:
        """For everybody else: by then its task server must not count on it any more."""
        if server.alive and server.deadline >= self.world.now:
            self.wrong(f"the lease of {server.name} is over, and it counts on it until {server.deadline:g} s")

    def ends(self, server: "TaskServer", run: UUID, how: How) -> None:
        if server in self.at_work.get(run, []):
            self.at_work[run].remove(server)
        if how is How.RETURNED and run not in self.world.untellable and self._on_record(server, run):
            self.returned.add(run)

    def _on_record(self, server: Any, run: UUID) -> bool:
        self._records.read()
        process = self._records.processes.get(server.record.path)
        return bool(process and str(run) not in process.open)

    def gone(self, server: "TaskServer") -> None:
        for servers in self.at_work.values():
            if server in servers:
                servers.remove(server)

    def dies(self, path: Path | None) -> None:
        """The process of that record counts as dead from now on."""
        self._records.read()
        if path in self._records.processes:
            self.deaths.update(UUID(run) for run in self._records.processes[path].open)

    def _is_cancelled(self, run: UUID) -> bool:
        row = self.world.prefect.rows[run]
        return row.deleted or row.type in ("CANCELLED", "CANCELLING")

    def waits_until(self, run: UUID, due: float) -> None:
        """It is in no queue until then, by the clock of machine A, where the rescuers are."""
        self.due[run] = due

    def requeued(self, run: UUID, message: str) -> None:
        """It is going to be, now."""
        early = self.due.pop(run, 0.0) - self.world.wall("a")
        if early > CLOCKS and not self.world.clock_was_set:
            self.wrong(f"run {run.int} is put into the queue {early:g} s before it is due")
        if self._is_cancelled(run):
            self.wrong(f"run {run.int} was called off, and is requeued")
        self.times_requeued[run] += 1
        if self.times_requeued[run] > MOST:
            self.wrong(f"run {run.int} is requeued without end")
        if message.startswith("Rescue"):
            self.rescues[run] += 1
            if self.rescues[run] > self.deaths[run]:
                self.wrong(f"{self.rescues[run]} rescues of run {run.int}, and {self.deaths[run]} died with it")
            if self.rescues[run] > MAX_RESCUES:
                self.wrong(f"run {run.int} is rescued after the limit")
            if self.rescues[run] == MAX_RESCUES:
                others = [each for each in self.last_try if each != run and self._may_go_on(each)]
                if others:
                    self.wrong(f"the last tries of {run.int} and of {others[0].int} are made together")
                self.last_try[run] = True

    def _may_go_on(self, run: UUID) -> bool:
        self._records.read()
        history = self._records.runs.get(str(run))
        # One that was deleted while it ran is there again with its next event.
        deleted = run in self.cancelled_at
        return not deleted and not self.world.prefect.rows[run].is_over and not (history and history.given_up)

    def given_up(self, run: UUID) -> None:
        if self.deaths[run] <= MAX_RESCUES and run not in self.world.untellable:
            self.wrong(f"run {run.int} is given up, and {self.deaths[run]} died with it")

    def never_ended(self) -> None:
        left = [f"{row.id.int} ({row.type})" for row in self.world.prefect.rows.values() if not row.is_over]
        self.wrong(f"these runs never end: {', '.join(left)}")

"""Mistakes that somebody might make in durable, and that the simulation has to find: test_simulation.py says so."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from durable import claiming, load_sharing, losses, reconcile, sessions
from durable.reconcile import Reconciler
from durable.records import Record, Records
from durable.run_history import Process, RunHistory
from simulation import world
from simulation.prefect_model import PrefectModel
from simulation.processes import Disk

MISTAKES: dict[str, Callable[[], Any]] = {}


def mistake(patched: Callable[[], Any]) -> Callable[[], Any]:
    MISTAKES[patched.__name__.replace("_", " ")] = patched
    return patched


@mistake
def acknowledged_before_recorded() -> Any:
    async def claim(record: Any, run: str, state: str, parameters: str | None, acknowledge: Any) -> str | None:
        await acknowledge()
        why: str | None = await record.claim(run=run, event="start", state=state, parameters=parameters)
        return why

    return patch.object(claiming, "claim", claim)


@mistake
def a_lease_ends_at_its_last_moment() -> Any:
    return patch.object(sessions, "lease_expired", lambda last_heartbeat, lease, now: now - last_heartbeat >= lease)


@mistake
def a_lost_back_line_is_ignored() -> Any:
    def why_lost(*given: Any) -> Any:
        found = losses.why_lost(*given)
        return None if isinstance(found, losses.LostRun) and found.why == losses.NOT_FINISHED else found

    return patch.object(reconcile, "why_lost", why_lost)


@mistake
def a_polite_stop_counts_as_a_rescue() -> Any:
    def why_lost(*given: Any) -> Any:
        found = losses.why_lost(*given)
        polite = isinstance(found, losses.LostRun) and "did not take it" in found.why
        return replace(found, rescue=True) if polite else found

    return patch.object(reconcile, "why_lost", why_lost)


@mistake
@contextmanager
def a_second_rescuer_is_not_excluded() -> Iterator[None]:
    world.ONE_AT_A_TIME = False
    try:
        yield
    finally:
        world.ONE_AT_A_TIME = True


@mistake
def records_are_read_before_the_states() -> Any:
    look = Reconciler.look

    async def read_first(self: Reconciler, api: Any) -> Any:
        self.records.read()
        read, self.records.read = self.records.read, lambda: None  # type: ignore[method-assign]
        try:
            return await look(self, api)
        finally:
            self.records.read = read  # type: ignore[method-assign]

    return patch.object(Reconciler, "look", read_first)


@mistake
def an_old_entry_of_the_queue_is_not_refused() -> Any:
    why_refused = RunHistory.why_refused

    def forgetful(self: RunHistory, state: str, own: Path | None = None) -> str | None:
        return why_refused(replace(self, requeued={}), state, own)

    return patch.object(RunHistory, "why_refused", forgetful)


@mistake
def who_lives_is_told_by_its_pid() -> Any:
    return patch.object(Disk, "lives", lambda self, path: self.pid_of[path] in self.held.values())


@mistake
def the_last_tries_are_made_together() -> Any:
    return patch.object(
        reconcile, "plan", lambda lost, records, served, most, _: _one_by_one(lost, records, served, most)
    )


def _one_by_one(lost: Any, records: Any, served: Any, most: int) -> losses.Plan:
    together = losses.Plan()
    for each in lost:
        found = losses.plan([each], records, served, most, alone=True)
        for name in ("give_up", "requeue", "report_end"):
            getattr(together, name).extend(getattr(found, name))
    return together


@mistake
def a_rescue_after_the_limit() -> Any:
    def plan(lost: Any, records: Any, served: Any, most: int, alone: bool) -> losses.Plan:
        return losses.plan(lost, records, served, most + 1, alone)

    return patch.object(reconcile, "plan", plan)


@mistake
@contextmanager
def a_piece_of_a_line_takes_the_next_one_along() -> Iterator[None]:
    write = Record.write

    def take_lines(self: Records, process: Process) -> None:
        for line in self._files.lines(process.path, process.offset):
            if line.endswith(b"\n"):
                process.offset += len(line)
                with suppress(ValueError, KeyError, TypeError):
                    self.add_line(process, json.loads(line))

    def as_it_was(self: Record, *, must: bool = False, **fields: Any) -> None:
        try:
            write(self, must=must, **fields)
        except OSError:
            self._unwritten = [line for line in self._unwritten if line != b"-\n"]
            raise

    with patch.object(Record, "write", as_it_was), patch.object(Records, "_take_lines", take_lines):
        yield


@mistake
def a_rescue_is_counted_before_it_is_on_record() -> Any:
    requeue = Reconciler._requeue

    async def counted_first(self: Reconciler, api: Any, lost_run: Any, report: Any) -> None:
        history = self.records.runs.setdefault(str(lost_run.run.id), RunHistory())
        before = history.rescues
        try:
            await requeue(self, api, lost_run, report)
        except OSError:
            history.rescues = before + lost_run.rescue
            raise

    return patch.object(Reconciler, "_requeue", counted_first)


@mistake
def what_became_of_a_run_is_told_by_the_clock() -> Any:
    def newest(self: RunHistory, state: str = "") -> Any:
        starts = [start for start in self.starts if not state or start.state == state]
        starts = [start for start in starts if start.how != "refused"] or starts
        return max(starts, key=lambda start: start.at, default=None)

    return patch.object(RunHistory, "decisive", newest)


@mistake
def an_end_that_the_disk_kept_back_is_never_written() -> Any:
    async def sent(self: Record) -> None: ...

    return patch.object(Record, "sent", sent)


@mistake
def what_was_called_off_begins_all_the_same() -> Any:
    return patch.object(claiming, "why_outdated", lambda state, now: None)


@mistake
def what_is_to_be_cancelled_and_nobody_has_is_left() -> Any:
    return patch.object(reconcile, "needs_cancelling", lambda *_: False)


@mistake
def what_was_called_off_meanwhile_is_requeued() -> Any:
    return patch.object(
        PrefectModel,
        "should_still_run",
        lambda self, run, at: not self.rows[run].deleted and self.rows[run].type != "COMPLETED",
    )


@mistake
def who_is_full_keeps_what_it_was_sent() -> Any:
    return patch.object(load_sharing, "should_leave_queue", lambda *_: False)


@mistake
def what_waits_until_it_is_due_counts_as_given_back() -> Any:
    return patch.object(reconcile, "waits_until_due", lambda *_: False)


@mistake
def what_can_never_be_told_is_requeued_for_ever() -> Any:
    return patch.object(losses, "is_hopeless", lambda *_: False)


@mistake
def what_was_taken_in_vain_once_is_given_up() -> Any:
    return patch.object(losses, "is_hopeless", lambda lost_run, *_: lost_run.in_vain)


def schedules_until_found(name: str, most: int, first: int = 0) -> int | None:
    """How many schedules it takes to find that mistake; None if so many do not."""
    with MISTAKES[name]():
        for seed in range(first, first + most):
            if world.simulate(seed):
                return seed - first + 1
    return None

"""What a rescuer's look asks, writes and does, in which order; the API, the records and the clock are given."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from durable.losses import IDLE, SETTLE, Run
from durable.reconcile import WEEK, Reconciler, Report
from durable.run_history import History, How, Process, RunHistory, Start

NOW = 1_000_000.0
LONG_AGO = NOW - 1000
KEY = "app.job-1"
ID = UUID(int=1)
RETURNED = {"type": "COMPLETED", "name": "Completed", "message": "", "data": {"storage_key": "k"}}


class Known(History):
    """Records in memory; notes when they are read. to_come: what the next readings find, one after the other."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log, self.to_come = log, list[Any]()

    def read(self) -> None:
        self.log.append("read")
        self.reading_at = NOW
        if self.to_come and (change := self.to_come.pop(0)):
            change()

    def tidy(self, before: float) -> None:
        self.log.append(("tidy", before))


@dataclass
class Noted:
    """The rescuer's own record. full: whether the disk is."""

    log: list[Any]
    full: bool = False

    def write(self, must: bool = False, **line: Any) -> None:
        if self.full:
            raise OSError("full")
        assert must == (line["event"] in ("back", "given up"))  # without these two nothing may be done
        self.log.append(line)


@dataclass
class Api:
    """Says what it was given, and notes what it is asked for and told."""

    log: list[Any]
    runs: list[Run] = field(default_factory=list)
    waits: list[Run] = field(default_factory=list)
    delayed: list[Run] = field(default_factory=list)
    servers: dict[str, set[str]] = field(default_factory=lambda: {"host-7": {KEY}})
    over: set[UUID] = field(default_factory=set)
    deleted: bool = False
    damaged: bool = False  # the line with a final state

    async def under_way(self) -> list[Run]:
        self.log.append("under way")
        return self.runs

    async def waiting(self, everything: bool) -> list[Run]:
        self.log.append(("waiting", everything))
        return self.waits

    async def later(self) -> list[Run]:
        self.log.append("later")
        return self.delayed

    async def task_servers(self) -> dict[str, set[str]]:
        self.log.append("task servers")
        return self.servers

    async def is_over(self, run: UUID) -> bool:
        self.log.append(("is over", run))
        return run in self.over

    async def requeue(self, run: UUID, message: str, parameters: str | None) -> bool:
        self.log.append(("requeue", run, message, parameters))
        return not self.deleted

    async def crash(self, run: UUID, message: str) -> bool:
        self.log.append(("crash", run, message))
        return not self.deleted

    async def end(self, run: UUID, end: dict[str, Any]) -> bool:
        self.log.append(("end", run, end))
        if self.damaged:
            raise ValueError
        return not self.deleted

    async def cancel(self, run: UUID, message: str) -> bool:
        self.log.append(("cancel", run, message))
        return not self.deleted

    async def tell(self, lost: list[Any]) -> None:
        self.log.append(("tell", [(each.run.id, each.why) for each in lost]))

    async def together(self, acts: list[Coroutine[Any, Any, None]]) -> BaseException | None:
        ended = [await asyncio.gather(act, return_exceptions=True) for act in acts]
        return next((error for each in ended for error in each if error), None)


@dataclass
class Scene:
    """A look, on what was given."""

    log: list[Any] = field(default_factory=list)
    clock: float = NOW
    max_rescues: int = 3

    def __post_init__(self) -> None:
        self.records, self.record, self.api = Known(self.log), Noted(self.log), Api(self.log)
        records: Any = self.records
        record: Any = self.record
        self.reconciler = Reconciler(records, record, self.max_rescues, lambda: self.clock)
        self.reconciler.reached = LONG_AGO
        self.live = self.process("live", pid=7)
        self.dead = self.process("dead", pid=8, alive=False)

    def process(self, name: str, pid: int, alive: bool = True) -> Process:
        found = Process(Path(name), name=name, host="host", pid=pid, keys=frozenset({KEY}), alive=alive, up=alive)
        self.records.processes[found.path] = found
        return found

    def running(self, number: int = 1, rescues: int = 0, **ended: Any) -> Run:
        """A run that the dead task server had."""
        run = Run(UUID(int=number), KEY, "running", "Running", LONG_AGO, queued=False)
        start = Start(self.dead, f"queued {number}", LONG_AGO, **ended)
        self.records.runs[str(run.id)] = RunHistory([start], rescues=rescues, parameters="p", last_read=NOW)
        self.api.runs.append(run)
        return run

    def look(self) -> Report:
        return asyncio.run(self.reconciler.look(self.api))

    def done(self, *kinds: str) -> list[Any]:
        """What of these kinds was done, in its order."""
        kind = [each["event"] if isinstance(each, dict) else each[0] for each in self.log]
        return [each for each, what in zip(self.log, kind, strict=True) if what in kinds]


def waiting_run(since: float, key: str = KEY, number: int = 1) -> Run:
    return Run(UUID(int=number), key, f"queued {number}", "Scheduled", since, queued=True, parameters="q")


def test_prefects_states_are_asked_for_before_the_records_are_read_and_these_once_more_after_all() -> None:
    scene = Scene()
    report = scene.look()
    assert scene.log == [
        "under way",
        "read",
        ("waiting", True),
        "later",
        "task servers",
        "read",
        ("tell", []),
        ("tidy", NOW - WEEK),
    ]
    assert report == Report()


def test_what_a_dead_task_server_had_is_requeued_after_it_is_on_record_and_told() -> None:
    scene = Scene()
    run = scene.running()
    report = scene.look()
    why = "Rescue 1 of 3, requeued: dead (pid 8) died while it had this run"
    assert scene.log[6:-1] == [
        {"event": "back", "run": str(run.id), "state": "queued 1", "counted": True},
        "read",
        ("requeue", run.id, why, "p"),
        ("tell", [(run.id, why)]),
    ]
    assert report.lost == report.requeued and [each.why for each in report.requeued] == [why]
    history = scene.records.runs[str(run.id)]
    assert (history.rescues, history.requeued, history.last_read) == (1, {"queued 1": NOW}, NOW)


def test_what_did_not_die_with_a_task_server_is_requeued_uncounted_and_with_its_own_parameters() -> None:
    scene = Scene()
    scene.records.down = NOW - 500
    scene.api.waits = [waiting_run(LONG_AGO)]
    assert len(scene.look().requeued) == 1
    back, (_, _, message, parameters) = scene.done("back", "requeue")
    assert back["counted"] is False and parameters == "q"
    assert message == "Requeued: the Prefect server that had it in its queue is gone"
    assert scene.records.runs[str(ID)].rescues == 0


@pytest.mark.parametrize("what", ["runs on", "has ended", "is on another's record"])
def test_who_took_it_before_that_was_written_keeps_it(what: str) -> None:
    scene = Scene()
    run = scene.running()
    history = scene.records.runs[str(run.id)]
    if what == "runs on":
        scene.records.to_come = [None, None, lambda: history.starts.append(Start(scene.live, "queued 1", NOW))]
    elif what == "has ended":
        ended = Start(scene.live, "queued 1", NOW, NOW, How.RETURNED)
        scene.records.to_come = [None, None, lambda: history.starts.append(ended)]
    else:
        another = scene.process("another", 9, alive=False)
        scene.records.to_come = [None, None, lambda: history.starts.append(Start(another, "queued 1", NOW))]
    assert not scene.look().requeued
    assert scene.done("back") and not scene.done("requeue")


def test_what_is_read_between_the_questions_counts() -> None:
    scene = Scene()
    run = scene.running()
    history = scene.records.runs[str(run.id)]
    scene.records.to_come = [None, lambda: history.starts.append(Start(scene.live, "queued 1", NOW))]
    assert scene.look() == Report()


def test_a_full_disk_puts_nothing_back_counts_nothing_and_is_raised_after_the_others_are_done() -> None:
    scene = Scene(max_rescues=1)
    scene.running(1)
    over = scene.running(2, ended=LONG_AGO, how=How.RETURNED, final_state=RETURNED)
    scene.running(3, rescues=1)
    scene.record.full = True
    with pytest.raises(OSError, match="full"):
        scene.look()
    assert not scene.done("requeue", "crash") and scene.done("end") == [("end", over.id, RETURNED)]
    assert scene.done("tell") == [
        ("tell", [(over.id, "it ended on dead, and its end never reached the Prefect server")])
    ]
    assert scene.records.runs[str(ID)].rescues == 0 and not scene.records.runs[str(ID)].requeued
    assert not scene.done("tidy")


def test_what_was_rescued_as_often_as_may_be_is_given_up_and_that_is_on_record_first() -> None:
    scene = Scene(max_rescues=2)
    run = scene.running(rescues=2)
    scene.records.runs[str(run.id)].starts.append(Start(scene.live, "queued 0", LONG_AGO, NOW, How.GIVEN_BACK))
    report = scene.look()
    why = "Given up after 2 rescues: the task servers that had this run died (dead)"
    assert scene.done("given up", "crash") == [
        {"event": "given up", "run": str(run.id), "state": "queued 1"},
        ("crash", run.id, why),
    ]
    assert [each.why for each in report.given_up] == [why] and report.lost == report.given_up
    assert scene.records.runs[str(run.id)].given_up == {"queued 1"} and scene.done("tell") == [
        ("tell", [(run.id, why)])
    ]


@pytest.mark.parametrize("damaged", [False, True])
def test_what_ends_again_and_again_without_an_end_that_can_be_told_is_given_up(damaged: bool) -> None:
    scene = Scene(max_rescues=2)
    scene.api.damaged = damaged
    run = scene.running(ended=LONG_AGO, how=How.RETURNED, final_state=RETURNED if damaged else None)
    for number in (2, 3):
        assert scene.look().requeued
        start = Start(scene.dead, f"queued {number}", LONG_AGO + number, LONG_AGO + number, How.RETURNED)
        start.final_state = RETURNED if damaged else None
        scene.records.runs[str(run.id)].starts.append(start)
    report = scene.look()
    cause = "it ended on dead, and its end never reached the Prefect server"
    why = f"Given up after it was requeued 2 times in vain: {cause}"
    assert scene.done("back") == [
        {"event": "back", "run": str(run.id), "state": f"queued {number}", "counted": False, "in_vain": True}
        for number in (1, 2)
    ]
    assert scene.done("given up", "crash") == [
        {"event": "given up", "run": str(run.id), "state": "queued 3"},
        ("crash", run.id, why),
    ]
    assert [each.why for each in report.given_up] == [why] and not report.requeued


def test_an_end_that_prefect_never_heard_of_is_told() -> None:
    scene = Scene()
    run = scene.running(ended=LONG_AGO, how=How.RETURNED, final_state=RETURNED)
    report = scene.look()
    assert [each.run for each in report.ended] == [run] and not report.requeued
    assert scene.done("end", "requeue", "back") == [("end", run.id, RETURNED)]


def test_an_end_that_cannot_be_read_is_run_again() -> None:
    scene = Scene()
    run = scene.running(ended=LONG_AGO, how=How.RETURNED, final_state=RETURNED)
    scene.api.damaged = True
    report = scene.look()
    assert [each.run for each in report.requeued] == [run] and not report.ended


@pytest.mark.parametrize("rescues", [0, 3])
@pytest.mark.parametrize("ended", [{}, {"ended": LONG_AGO, "how": How.RETURNED, "final_state": RETURNED}])
def test_what_was_deleted_meanwhile_is_not_reported_as_done(rescues: int, ended: dict[str, Any]) -> None:
    scene = Scene()
    scene.running(rescues=rescues, **ended)
    scene.api.deleted = True
    report = scene.look()
    assert len(report.lost) == 1 and not (report.requeued or report.given_up or report.ended)


def test_what_is_to_be_cancelled_and_nobody_has_is_cancelled_and_what_can_never_run_is_named() -> None:
    scene = Scene()
    cancelling, fresh = (
        Run(UUID(int=number), KEY, "c", "Cancelling", since, queued=False, cancelling=True)
        for number, since in ((1, LONG_AGO), (2, NOW - 1))
    )
    not_ready = Run(UUID(int=3), KEY, "n", "NotReady", LONG_AGO, queued=False, waits_for="another")
    scene.api.runs = [cancelling, fresh, not_ready]
    found = asyncio.run(scene.reconciler.find(scene.api))[0]
    assert [each.run for each in found.cancelled] == [cancelling] and not scene.done("cancel")
    report = scene.look()
    why = "It was to be cancelled, and no task server has it"
    assert scene.done("cancel", "back") == [("cancel", cancelling.id, why)]
    assert [each.run for each in report.cancelled] == [cancelling] and report.not_ready == [not_ready]
    assert (report.unsure, report.lost) == (1, []) and scene.done("tell")[-1] == ("tell", [(cancelling.id, why)])
    scene.api.deleted = True
    assert not scene.look().cancelled


def test_last_tries_are_made_one_after_the_other() -> None:
    scene = Scene(max_rescues=2)
    scene.running(1, rescues=1)
    scene.running(2, rescues=1)
    report = scene.look()
    assert (len(report.requeued), report.unsure) == (1, 1)
    last = report.requeued[0].run.id
    scene.api.runs = [run for run in scene.api.runs if run.id != last]  # it waits in the queue
    assert (len((again := scene.look()).requeued), again.unsure) == (0, 1)
    assert scene.done("is over") == [("is over", last)]
    scene.api.over = {last}
    assert len(scene.look().requeued) == 1


def test_without_a_last_try_nobody_is_asked_about_another() -> None:
    scene = Scene(max_rescues=2)
    scene.records.runs[str(UUID(int=9))] = RunHistory(rescues=2, last_read=NOW)
    scene.running(1)
    assert len(scene.look().requeued) == 1
    assert not scene.done("is over")


def test_what_is_not_lost_is_counted() -> None:
    scene = Scene()
    scene.running(1, ended=NOW - 1, how=How.RETURNED)
    scene.running(2, ended=NOW - 2, how=How.RETURNED)
    scene.api.runs += [Run(UUID(int=number), KEY, "running", "Running", NOW, queued=False) for number in (3, 4, 5)]
    scene.api.waits = [waiting_run(NOW - IDLE, "nobody's", number) for number in (6, 7)]
    scene.api.servers["elsewhere-9"] = {KEY}
    report = scene.look()
    assert (report.unsure, report.unknown, report.lost) == (2, 3, [])
    assert (report.unserved, report.strangers) == ({"nobody's": 2}, ["elsewhere-9"])


def test_a_run_that_is_listed_twice_is_requeued_once() -> None:
    scene = Scene()
    run = scene.running()
    scene.api.waits = [Run(run.id, KEY, "queued 1", "Scheduled", LONG_AGO, queued=True, parameters="q")]
    assert len(scene.look().requeued) == 1


def test_while_the_api_is_away_nothing_waits_too_long_and_a_server_that_is_gone_is_on_record() -> None:
    scene = Scene()
    scene.reconciler.note_unreachable(NOW - 2, down=False)
    assert (scene.reconciler.reached, scene.log) == (NOW - 2, [])
    scene.running(1, ended=LONG_AGO, how=How.RETURNED)
    assert scene.look().unsure == 1  # its task server may not have reached Prefect before, either
    assert not scene.done("down", "up") and scene.records.down == 0.0
    scene.log.clear()
    scene.reconciler.note_unreachable(NOW - 1, down=True)
    assert scene.log == [{"event": "down", "at": NOW - 1}]
    scene.look()
    assert scene.log[:3] == [{"event": "down", "at": NOW - 1}, "under way", {"event": "up"}]
    assert scene.records.down == NOW - 1
    scene.look()
    assert len(scene.done("up")) == 1


def test_an_older_moment_does_not_replace_a_newer_one() -> None:
    scene = Scene()
    scene.records.down = NOW - 1
    scene.reconciler.note_unreachable(NOW - 5, down=True)
    scene.look()
    assert scene.records.down == NOW - 1


def test_after_the_clock_was_set_back_what_was_then_counts_as_now() -> None:
    scene = Scene()
    scene.reconciler.reached = scene.records.down = NOW + 9999
    scene.look()
    assert scene.reconciler.reached == scene.records.down == NOW


@pytest.mark.parametrize(
    ("later", "down", "everything"),
    [(1.0, 0.0, False), (SETTLE, 0.0, False), (SETTLE + 0.5, 0.0, True), (-SETTLE - 0.5, 0.0, True),
     (1.0, NOW - 1.5, False), (1.0, NOW - 1.0, False), (1.0, NOW - 0.5, True)],
)  # fmt: skip
def test_all_that_wait_are_asked_for_every_ten_seconds_and_when_a_server_has_gone(
    later: float, down: float, everything: bool
) -> None:
    scene = Scene()
    scene.look()
    scene.log.clear()
    scene.clock, scene.records.down = NOW + later, down
    scene.look()
    assert scene.done("waiting") == [("waiting", everything)]
    assert bool(scene.done("tidy")) == everything


def test_the_first_look_asks_for_all_whatever_the_clock_says() -> None:
    scene = Scene(clock=5.0)
    scene.reconciler.reached = 0.0
    scene.look()
    assert scene.done("waiting") == [("waiting", True)]


def test_what_prefect_no_longer_names_is_forgotten() -> None:
    scene = Scene()
    kept = {"fresh": NOW - 3 * SETTLE + 1, str(ID): LONG_AGO, "old": NOW - 3 * SETTLE - 0.5}
    scene.records.runs = {run: RunHistory(last_read=at) for run, at in kept.items()}
    scene.api.waits = [waiting_run(NOW)]
    scene.look()
    assert set(scene.records.runs) == {"fresh", str(ID)}
    scene.records.runs["old"] = RunHistory(last_read=LONG_AGO)
    scene.look()  # which does not ask for everything
    assert "old" in scene.records.runs

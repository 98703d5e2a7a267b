"""Which runs are lost, and what is done about them: a table of what Prefect and the records may say."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from durable.losses import (
    IDLE,
    NOT_FINISHED,
    SETTLE,
    Doubt,
    LostRun,
    Run,
    needs_cancelling,
    plan,
    unrecorded_task_servers,
    unserved,
    why_lost,
)
from durable.run_history import History, How, Process, RunHistory

NOW, RUN = 1_000.0, UUID(int=1)
END = {"type": "COMPLETED", "data": {"storage_key": "its-result"}}


def records(*lines: dict[str, Any], alive: tuple[str, ...] = ()) -> History:
    """What such lines say; each names its process in `by`."""
    found = History()
    for line in lines:
        name = line.get("by", "one")
        process = found.processes.setdefault(Path(name), Process(Path(name), name=name, keys=frozenset({"k"})))
        process.alive = name in alive
        found.add_line(process, {"at": NOW - 60, "run": str(RUN)} | line)
    return found


def run(queued: bool = False, state: str = "s1", since: float = NOW - 60, **about: Any) -> Run:
    return Run(about.pop("id", RUN), "k", state, about.pop("name", "Running"), since, queued, **about)


def start(by: str = "one", state: str = "s1", **about: Any) -> dict[str, Any]:
    return {"by": by, "event": "start", "state": state} | about


def end(how: How, by: str = "one", **about: Any) -> dict[str, Any]:
    return {"by": by, "event": "end", "how": how} | about


BACK = {"by": "rescuer", "event": "back", "state": "s1"}
UP = {"by": "free", "event": "up"}


@pytest.mark.parametrize(
    ("seen", "known", "found"),
    [
        # somebody has it, or nobody can say
        (run(), records(start(), alive=("one",)), None),
        (run(queued=True), records(start(), alive=("one",)), None),
        (run(state=""), records(start()), None),
        (run(name="NotReady"), records(start()), None),
        (run(cancelling=True), records(start()), None),
        (run(), records(), Doubt.NO_RECORD),
        # its process died
        (run(), records(start()), "died while it had this run"),
        (run(queued=True), records(start()), "died while it had this run"),
        (run(queued=True, state="s2"), records(start()), None),  # that was another delivery
        # it has ended
        (run(), records(start(), end(How.RETURNED, at=NOW - 1)), Doubt.TOO_EARLY),
        (run(), records(start(), end(How.RETURNED, at=NOW - SETTLE, ended=END)), "never reached the Prefect server"),
        (run(), records(start(), end(How.RETURNED, at=NOW + 300)), "never reached the Prefect server"),
        (run(), records(start(), end(How.TIMED_OUT)), "never reached the Prefect server"),
        # nobody took it
        (run(), records(start(), end(How.REFUSED)), "did not take it"),
        (run(), records(start(), end(How.GIVEN_BACK)), "did not take it"),
        (run(), records(start(), end(How.UNREADABLE)), "did not take it"),
        (run(), records(start(), end(How.GIVEN_BACK, at=NOW - 1)), Doubt.TOO_EARLY),
        # several had it: what counts most says what became of it, and not the clock
        (run(), records(start(), end(How.REFUSED), start("two", at=NOW - 90)), "two (pid 0) died"),
        (run(), records(start("two"), start(at=NOW - 90), end(How.RETURNED, ended=END)), "it ended on one"),
        (run(), records(start(), end(How.GIVEN_BACK), start("two", "s2", at=NOW - 90)), "two (pid 0) died"),
        (run(), records(start("two"), start(), end(How.GIVEN_BACK, at=NOW - 1)), Doubt.TOO_EARLY),
        (run(), records(start(), BACK, start("two", "s2", at=NOW - 90)), "two (pid 0) died"),
        # it was put back, or given up, and that did not finish
        (run(), records(start(), BACK), NOT_FINISHED),
        (run(queued=True), records(BACK), NOT_FINISHED),
        (run(queued=True), records(BACK | {"at": NOW - 1}), Doubt.TOO_EARLY),
        (run(), records(start(), {"event": "given up", "state": "s1"}), "giving it up did not finish"),
        # it is in no queue
        (run(queued=True), records(UP, alive=("free",)), "while task servers were idle"),
        (run(queued=True, since=NOW - IDLE + 0.1), records(UP, alive=("free",)), Doubt.TOO_EARLY),
        (run(queued=True), records(UP | {"at": NOW - 1}, alive=("free",)), Doubt.TOO_EARLY),
        (run(queued=True), records(UP), None),
        (run(queued=True), records(UP, UP | {"event": "away"}, alive=("free",)), None),
    ],
)
def test_why_a_run_is_lost(seen: Run, known: History, found: str | Doubt | None) -> None:
    verdict = why_lost(seen, known, NOW, 0.0)
    if isinstance(found, str):
        assert isinstance(verdict, LostRun) and found in verdict.why
        assert verdict.rescue == ("died" in found or "giving it up" in found)
        assert verdict.queued_by in ("s1", "s2")
    else:
        assert verdict is found


def test_a_busy_task_server_is_no_reason_and_a_gone_prefect_server_is_one() -> None:
    busy = records(UP, start("free", "other", run=str(UUID(int=2))), alive=("free",))
    busy.processes[Path("free")].limit = 1
    assert why_lost(run(queued=True), busy, NOW, 0.0) is None
    busy.down = NOW - 59
    lost = why_lost(run(queued=True), busy, NOW, 0.0)
    assert isinstance(lost, LostRun) and "is gone" in lost.why and not lost.rescue
    assert why_lost(run(queued=True, since=NOW - 59), busy, NOW, 0.0) is None


def test_while_the_api_has_just_come_back_an_end_may_still_arrive() -> None:
    ended = records(start(), end(How.RETURNED))
    assert why_lost(run(), ended, NOW, NOW - 1) is Doubt.TOO_EARLY
    assert isinstance(why_lost(run(), ended, NOW, NOW - SETTLE), LostRun)


def lost(number: int, **about: Any) -> LostRun:
    return LostRun(run(id=UUID(int=number)), "why", **about)


def rescued(**rescues: int) -> History:
    found = History()
    found.runs = {str(UUID(int=int(name[1:]))): RunHistory(rescues=count) for name, count in rescues.items()}
    return found


@pytest.mark.parametrize(
    ("those", "rescues", "most", "alone", "done"),
    [
        ([lost(1)], {}, 3, True, "p"),
        ([lost(1)], {"r1": 9}, 3, True, "p"),  # nobody died with it this time
        ([lost(1, rescue=True)], {"r1": 1}, 3, False, "p"),
        ([lost(1, rescue=True)], {"r1": 2}, 3, True, "p"),
        ([lost(1, rescue=True)], {"r1": 2}, 3, False, "u"),
        ([lost(1, rescue=True)], {"r1": 3}, 3, True, "g"),
        ([lost(1, rescue=True)], {}, 0, True, "g"),
        ([lost(1, rescue=True)], {}, 1, False, "p"),  # its only try is no last one
        ([lost(1, rescue=True), lost(2, rescue=True)], {"r1": 2, "r2": 2}, 3, True, "pu"),
        ([lost(1, ended=END)], {}, 3, True, "e"),
        ([lost(1, ended=END | {"data": None})], {}, 3, True, "p"),
        ([lost(1, ended={"type": "FAILED"})], {}, 3, True, "e"),
    ],
)
def test_what_is_done_about_it(
    those: list[LostRun], rescues: dict[str, int], most: int, alone: bool, done: str
) -> None:
    found = plan(those, rescued(**rescues), {"k"}, most, alone)
    by_kind = {"p": found.requeue, "g": found.give_up, "e": found.report_end}
    assert {kind: len(runs) for kind, runs in by_kind.items()} == {kind: done.count(kind) for kind in by_kind}
    assert found.unsure == done.count("u")


def in_vain(*states: str, told: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The lines of a run that was taken by each of these states, ended and requeued; told: was requeued for another."""
    lines: list[dict[str, Any]] = []
    for number, state in enumerate(states):
        at = NOW - 900 + number
        lines += [start(state=state, at=at), end(How.RETURNED, at=at, state=state)]
        lines.append(BACK | {"state": state, "at": at} | ({} if state in told else {"in_vain": True}))
    return lines


@pytest.mark.parametrize(
    ("before", "this_time", "given_up"),
    [
        (in_vain("s1", "s2", "s3"), [start(state="s4"), end(How.RETURNED)], True),
        (in_vain("s1", "s2"), [start(state="s4"), end(How.RETURNED)], False),
        (in_vain("s1", "s2", "s3"), [start(state="s4"), end(How.TIMED_OUT)], True),
        (in_vain("s1", "s2", "s3"), [start(state="s4"), end(How.GIVEN_BACK)], True),
        (in_vain("s1", "s2", "s3"), [start(state="s4"), end(How.REFUSED)], True),
        (in_vain("s1", "s2", "s3"), [start(state="s4", at=NOW - 60 - SETTLE), end(How.GIVEN_BACK)], False),
        (in_vain("s1", "s2", "s3"), [start(state="s4")], False),  # its process died with it: that is counted elsewhere
        (in_vain("s1", "s2", "s3"), [], False),  # nobody took it
        (in_vain("s1", "s2", "s3"), [BACK | {"state": "s4"}], False),  # requeueing it did not finish
        (in_vain("s1", "s2", "s3", told=("s2",)), [start(state="s4"), end(How.RETURNED)], False),
        (in_vain("s0", "s1", "s2", "s3", told=("s0",)), [start(state="s4"), end(How.RETURNED)], True),
        (in_vain("s1", "s2", "s3"), [start(state="s0"), end(How.REFUSED), start(state="s4"), end(How.RETURNED)], True),
    ],
)  # fmt: skip
def test_what_was_taken_in_vain_too_often_in_a_row_is_given_up(
    before: list[dict[str, Any]], this_time: list[dict[str, Any]], given_up: bool
) -> None:
    known = records(*before, *this_time, {"by": "other", "event": "up"}, alive=("other",))
    found = why_lost(run(queued=True, state="s4", since=NOW - 99), known, NOW, 0.0)
    assert isinstance(found, LostRun)
    assert bool(plan([found], known, {"k"}, 3, True).give_up) == given_up
    assert not plan([found], known, {"k"}, 9, True).give_up


def test_one_rescue_at_least_is_tried_of_what_was_taken_in_vain() -> None:
    once = records(start(state="s4"), end(How.RETURNED))
    found = why_lost(run(queued=True, state="s4"), once, NOW, 0.0)
    assert isinstance(found, LostRun) and plan([found], once, {"k"}, 0, True).requeue


def test_what_nobody_serves_waits_and_is_named_after_some_seconds() -> None:
    assert not plan([lost(1)], History(), set(), 3, True).requeue
    waiting = [run(queued=True, since=NOW - 6), run(queued=True, since=NOW - 4), run(queued=False, since=NOW - 60)]
    assert unserved(waiting, set(), NOW) == {"k": 1}
    assert unserved(waiting, {"k"}, NOW) == {}


def test_who_is_subscribed_and_keeps_no_record() -> None:
    known = [Process(Path("1"), host="here", pid=7), Process(Path("2"), host="far", pid=8, lease=20.0)]
    asked = ["here-7", "elsewhere-8", "here-9", "other-7", "a-name-without-pid", "with-dashes-7"]
    assert unrecorded_task_servers(asked, known) == ["here-9", "other-7", "with-dashes-7"]


@pytest.mark.parametrize(
    ("seen", "known", "reached", "found"),
    [
        (run(), records(), 0.0, False),
        (run(cancelling=True), records(), 0.0, True),
        (run(cancelling=True, since=NOW - SETTLE), records(), 0.0, True),
        (run(cancelling=True, since=NOW - SETTLE + 1), records(), 0.0, Doubt.TOO_EARLY),
        (run(cancelling=True), records(), NOW - 1, Doubt.TOO_EARLY),
        (run(cancelling=True), records(start(), alive=("one",)), 0.0, False),
        (run(cancelling=True), records(start()), 0.0, True),
        (run(cancelling=True), records(start(), end(How.RETURNED)), 0.0, True),
        (run(cancelling=True), records(start(), end(How.RETURNED, at=NOW - 1)), 0.0, Doubt.TOO_EARLY),
    ],
)
def test_who_ends_what_is_to_be_cancelled(seen: Run, known: History, reached: float, found: Doubt | bool) -> None:
    assert needs_cancelling(seen, known, NOW, reached) is found

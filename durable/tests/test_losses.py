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
    plan,
    strangers_among,
    unserved,
    wants_an_end,
    why_lost,
)
from durable.stories import Book, How, Process, Story

NOW, RUN = 1_000.0, UUID(int=1)
END = {"type": "COMPLETED", "data": {"storage_key": "its-result"}}


def book(*lines: dict[str, Any], alive: tuple[str, ...] = ()) -> Book:
    """What such lines say; each names its process in `by`."""
    found = Book()
    for line in lines:
        name = line.get("by", "one")
        process = found.processes.setdefault(Path(name), Process(Path(name), name=name, keys=frozenset({"k"})))
        process.alive = name in alive
        found.take(process, {"at": NOW - 60, "run": str(RUN)} | line)
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
        (run(), book(start(), alive=("one",)), None),
        (run(queued=True), book(start(), alive=("one",)), None),
        (run(state=""), book(start()), None),
        (run(name="NotReady"), book(start()), None),
        (run(cancelling=True), book(start()), None),
        (run(), book(), Doubt.NO_RECORD),
        # its process died
        (run(), book(start()), "died while it had this run"),
        (run(queued=True), book(start()), "died while it had this run"),
        (run(queued=True, state="s2"), book(start()), None),  # that was another delivery
        # it has ended
        (run(), book(start(), end(How.RETURNED, at=NOW - 1)), Doubt.TOO_EARLY),
        (run(), book(start(), end(How.RETURNED, at=NOW - SETTLE, ended=END)), "never reached the Prefect server"),
        (run(), book(start(), end(How.RETURNED, at=NOW + 300)), "never reached the Prefect server"),
        (run(), book(start(), end(How.TIMED_OUT)), "never reached the Prefect server"),
        # nobody took it
        (run(), book(start(), end(How.REFUSED)), "did not take it"),
        (run(), book(start(), end(How.GIVEN_BACK)), "did not take it"),
        (run(), book(start(), end(How.UNREADABLE)), "did not take it"),
        (run(), book(start(), end(How.GIVEN_BACK, at=NOW - 1)), Doubt.TOO_EARLY),
        # several had it: what counts most says what became of it, and not the clock
        (run(), book(start(), end(How.REFUSED), start("two", at=NOW - 90)), "two (pid 0) died"),
        (run(), book(start("two"), start(at=NOW - 90), end(How.RETURNED, ended=END)), "it ended on one"),
        (run(), book(start(), end(How.GIVEN_BACK), start("two", "s2", at=NOW - 90)), "two (pid 0) died"),
        (run(), book(start("two"), start(), end(How.GIVEN_BACK, at=NOW - 1)), Doubt.TOO_EARLY),
        (run(), book(start(), BACK, start("two", "s2", at=NOW - 90)), "two (pid 0) died"),
        # it was put back, or given up, and that did not finish
        (run(), book(start(), BACK), NOT_FINISHED),
        (run(queued=True), book(BACK), NOT_FINISHED),
        (run(queued=True), book(BACK | {"at": NOW - 1}), Doubt.TOO_EARLY),
        (run(), book(start(), {"event": "given up", "state": "s1"}), "giving it up did not finish"),
        # it is in no queue
        (run(queued=True), book(UP, alive=("free",)), "beside free task servers"),
        (run(queued=True, since=NOW - IDLE + 0.1), book(UP, alive=("free",)), Doubt.TOO_EARLY),
        (run(queued=True), book(UP | {"at": NOW - 1}, alive=("free",)), Doubt.TOO_EARLY),
        (run(queued=True), book(UP), None),
        (run(queued=True), book(UP, UP | {"event": "away"}, alive=("free",)), None),
    ],
)
def test_why_a_run_is_lost(seen: Run, known: Book, found: str | Doubt | None) -> None:
    told = why_lost(seen, known, NOW, 0.0)
    if isinstance(found, str):
        assert isinstance(told, LostRun) and found in told.why
        assert told.rescue == ("died" in found or "giving it up" in found)
        assert told.queued_by in ("s1", "s2")
    else:
        assert told is found


def test_a_busy_task_server_is_no_reason_and_a_gone_prefect_server_is_one() -> None:
    busy = book(UP, start("free", "other", run=str(UUID(int=2))), alive=("free",))
    busy.processes[Path("free")].limit = 1
    assert why_lost(run(queued=True), busy, NOW, 0.0) is None
    busy.down = NOW - 59
    lost = why_lost(run(queued=True), busy, NOW, 0.0)
    assert isinstance(lost, LostRun) and "is gone" in lost.why and not lost.rescue
    assert why_lost(run(queued=True, since=NOW - 59), busy, NOW, 0.0) is None


def test_while_the_api_has_just_come_back_an_end_may_still_arrive() -> None:
    ended = book(start(), end(How.RETURNED))
    assert why_lost(run(), ended, NOW, NOW - 1) is Doubt.TOO_EARLY
    assert isinstance(why_lost(run(), ended, NOW, NOW - SETTLE), LostRun)


def lost(number: int, **about: Any) -> LostRun:
    return LostRun(run(id=UUID(int=number)), "why", **about)


def rescued(**rescues: int) -> Book:
    found = Book()
    found.runs = {str(UUID(int=int(name[1:]))): Story(rescues=count) for name, count in rescues.items()}
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
    told = {"p": found.put_back, "g": found.give_up, "e": found.tell_end}
    assert {kind: len(runs) for kind, runs in told.items()} == {kind: done.count(kind) for kind in told}
    assert found.unsure == done.count("u")


def test_what_nobody_serves_waits_and_is_named_after_some_seconds() -> None:
    assert not plan([lost(1)], Book(), set(), 3, True).put_back
    waiting = [run(queued=True, since=NOW - 6), run(queued=True, since=NOW - 4), run(queued=False, since=NOW - 60)]
    assert unserved(waiting, set(), NOW) == {"k": 1}
    assert unserved(waiting, {"k"}, NOW) == {}


def test_who_is_subscribed_and_keeps_no_record() -> None:
    known = [Process(Path("1"), host="here", pid=7), Process(Path("2"), host="far", pid=8, lease=20.0)]
    asked = ["here-7", "elsewhere-8", "here-9", "other-7", "a-name-without-pid", "with-dashes-7"]
    assert strangers_among(asked, known) == ["here-9", "other-7", "with-dashes-7"]


@pytest.mark.parametrize(
    ("seen", "known", "reached", "found"),
    [
        (run(), book(), 0.0, False),
        (run(cancelling=True), book(), 0.0, True),
        (run(cancelling=True, since=NOW - SETTLE), book(), 0.0, True),
        (run(cancelling=True, since=NOW - SETTLE + 1), book(), 0.0, Doubt.TOO_EARLY),
        (run(cancelling=True), book(), NOW - 1, Doubt.TOO_EARLY),
        (run(cancelling=True), book(start(), alive=("one",)), 0.0, False),
        (run(cancelling=True), book(start()), 0.0, True),
        (run(cancelling=True), book(start(), end(How.RETURNED)), 0.0, True),
        (run(cancelling=True), book(start(), end(How.RETURNED, at=NOW - 1)), 0.0, Doubt.TOO_EARLY),
    ],
)
def test_who_ends_what_is_to_be_cancelled(seen: Run, known: Book, reached: float, found: Doubt | bool) -> None:
    assert wants_an_end(seen, known, NOW, reached) is found

"""Who is full leaves the queue to others, and only to others that wait for runs."""

from pathlib import Path

import pytest

from durable.load_sharing import BLIND, FULL, Peers, peers, should_leave_queue
from durable.run_history import Process

ME, KEYS, NOW = Path("me"), {"job"}, 1000.0


def process(**about: object) -> Process:
    known = {"keys": frozenset({"job"}), "limit": 1, "up": True, "quiet_since": NOW - 1}
    return Process(Path("other"), **known | about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("about", "free"),
    [
        ({}, True),
        ({"limit": None, "open": {"a run"}}, True),
        ({"keys": frozenset({"job", "another"})}, True),
        ({"quiet_since": NOW + 300}, True),  # a clock that was set back
        ({"open": {"a run"}}, False),
        ({"up": False}, False),
        ({"alive": False}, False),
        ({"keys": frozenset({"another"})}, False),
        ({"keys": frozenset()}, False),  # a rescuer
        ({"quiet_since": NOW - 0.05}, False),  # between two runs
    ],
)
def test_who_waits_for_runs(about: dict[str, object], free: bool) -> None:
    assert peers([process(**about)], KEYS, ME, NOW).free is free


def test_oneself_is_no_other() -> None:
    assert not peers([process()], KEYS, Path("other"), NOW).free
    assert peers([], KEYS, ME, NOW) == Peers(False, False)
    assert peers([process(open={"a run"}), process()], KEYS, ME, NOW).free


def test_whether_a_rescuer_is_there() -> None:
    rescuer = process(keys=frozenset())
    assert peers([rescuer], KEYS, ME, NOW).rescuer
    assert not peers([process(), process(keys=frozenset(), alive=False)], KEYS, ME, NOW).rescuer


@pytest.mark.parametrize(
    ("free", "full", "offered", "leaves"),
    [
        (True, FULL, 0.0, True),
        (True, FULL - 0.1, 99.0, False),
        (False, 99.0, 99.0, False),
        (None, FULL, BLIND, True),
        (None, FULL, BLIND - 0.1, False),
        (None, FULL - 0.1, 99.0, False),
    ],
)
def test_when_it_leaves_the_queue(free: bool | None, full: float, offered: float, leaves: bool) -> None:
    assert should_leave_queue(free, full, offered) is leaves

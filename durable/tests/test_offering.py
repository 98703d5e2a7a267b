"""Who is full leaves the queue to others, and only to others that wait for runs."""

from pathlib import Path

import pytest

from durable.offering import BLIND, FULL, offers, others_are_free
from durable.stories import Process

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
    assert others_are_free([process(**about)], KEYS, ME, NOW) is free


def test_oneself_is_no_other() -> None:
    assert not others_are_free([process()], KEYS, Path("other"), NOW)
    assert not others_are_free([], KEYS, ME, NOW)
    assert others_are_free([process(open={"a run"}), process()], KEYS, ME, NOW)


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
    assert offers(free, full, offered) is leaves

"""When a run has outlived its timeout, and when an event loop was blocked: both to the second."""

from uuid import UUID

import pytest

from durable.watchdog import LATE, LOOK, STILL, blocked_loop_warning, overdue

ONE, TWO, NOW = UUID(int=1), UUID(int=2), 1_000.0


@pytest.mark.parametrize(
    ("key", "since", "found"),
    [
        ("slow", NOW - 10 - LATE, {ONE: 10.0}),
        ("slow", NOW - 60, {ONE: 10.0}),
        ("slow", NOW - 10 - LATE + 0.01, {}),
        ("slow", NOW + 60, {}),  # the clock was set back
        ("without a timeout", NOW - 10_000, {}),
    ],
)
def test_a_run_is_overdue_some_seconds_after_its_timeout(key: str, since: float, found: dict[UUID, float]) -> None:
    assert overdue([(ONE, key, since)], {"slow": 10.0}, NOW) == found


def test_each_is_judged_by_its_own_timeout() -> None:
    running = [(ONE, "slow", NOW - 20), (TWO, "quick", NOW - 20)]
    assert overdue(running, {"slow": 100.0, "quick": 1.0}, NOW) == {TWO: 1.0}


def test_they_are_as_long_as_they_are_said_to_be() -> None:
    assert (LATE, STILL, LOOK) == (5, 3, 0.5)  # the README and the log lines count on these


def test_an_event_loop_that_was_away_for_long_is_worth_a_line() -> None:
    assert blocked_loop_warning("mailer", STILL) is None
    line = blocked_loop_warning("mailer", STILL + 0.6)
    assert line and line.startswith("the event loop of mailer was blocked for 4 s")
    assert "Try: use await asyncio.sleep" in line

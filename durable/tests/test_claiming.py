"""In which order a task server takes a run, and why it must not run what it has taken."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from durable.claiming import CurrentState, PastState, claim, was_cancelled, why_outdated, why_refuse
from durable.run_history import How, Process, RunHistory, Start

OTHER = Process(Path("other"), name="other-1")


class Noted:
    """Stands for a task server's record: notes what is called in which order."""

    def __init__(self, answer: str | OSError | None) -> None:
        self.answer, self.calls = answer, list[Any]()

    async def claim(self, **line: Any) -> str | None:
        self.calls.append(line)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    async def acknowledge(self) -> None:
        self.calls.append("acknowledged")


@pytest.mark.parametrize("answer", [None, "it runs on other-1"])
def test_a_run_is_on_record_before_it_is_acknowledged(answer: str | None) -> None:
    noted: Any = Noted(answer)
    assert asyncio.run(claim(noted, "run", "state", "parameters", noted.acknowledge)) == answer
    line = {"run": "run", "event": "start", "state": "state", "parameters": "parameters"}
    assert noted.calls == [line, "acknowledged"]


def test_what_cannot_be_written_down_is_not_acknowledged() -> None:
    noted: Any = Noted(OSError("no space"))
    with pytest.raises(OSError, match="no space"):
        asyncio.run(claim(noted, "run", "state", None, noted.acknowledge))
    assert "acknowledged" not in noted.calls


@pytest.mark.parametrize(
    ("ended_here", "history", "why"),
    [
        ((), None, None),
        ((), RunHistory(), None),
        (("another",), None, None),
        (("this",), None, "it has run here already"),
        (("this",), RunHistory(), "it has run here already"),
        ((), RunHistory([Start(OTHER, "another", 1.0)]), "it runs on other-1"),
        ((), RunHistory([Start(OTHER, "this", 1.0, 2.0, How.RETURNED)]), "it has run on other-1"),
        ((), RunHistory(requeued={"this": 1.0}), "it was requeued since"),
    ],
)
def test_why_it_must_not_be_run(ended_here: tuple[str, ...], history: RunHistory | None, why: str | None) -> None:
    assert why_refuse("this", ended_here, history) == why


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (None, "it was deleted"),
        (CurrentState("this", "Scheduled"), None),
        (CurrentState("", ""), None),
        (CurrentState("another", "Cancelled"), "it is Cancelled by now"),
        (CurrentState("another", "Running"), "it is Running by now"),
        (CurrentState("another", "Cancelling", cancelling=True), "it is to be cancelled"),
    ],
)
def test_why_it_is_not_to_be_run_any_more(now: CurrentState | None, why: str | None) -> None:
    assert why_outdated("this", now) == why


QUEUED, CANCELLING, RUNNING = (
    PastState("SCHEDULED", 10.0, queued=True),
    PastState("CANCELLING", 11.0),
    PastState("RUNNING", 12.0),
)


@pytest.mark.parametrize(
    ("states", "cancelled"),
    [
        ([], False),
        ([QUEUED, RUNNING], False),
        ([QUEUED, CANCELLING], True),
        ([CANCELLING, RUNNING, QUEUED], True),  # in whatever order
        ([QUEUED, PastState("CANCELLED", 10.5), RUNNING], True),
        ([QUEUED, CANCELLING, PastState("SCHEDULED", 20.0, queued=True), RUNNING], False),  # it was queued again
        ([QUEUED, CANCELLING, PastState("SCHEDULED", 20.0)], True),  # AwaitingRetry is no place in the queue
        ([QUEUED, PastState("CANCELLING", 10.0)], False),
    ],
)
def test_whether_it_was_called_off_since_it_was_queued(states: list[PastState], cancelled: bool) -> None:
    assert was_cancelled(states) is cancelled

"""How a task server takes a run: in which order, so that whatever dies in between loses no run and runs none twice.

The record and the queue are given: subscription.py gives the real ones, the simulation those of its own.
"""

from collections.abc import Awaitable, Callable, Collection, Container, Iterable
from typing import NamedTuple

from durable.records import TaskServerRecord
from durable.run_history import RunHistory

CANCELLED_TYPES = ("CANCELLING", "CANCELLED")  # Prefect's types of states
ASK_AFTER = 1  # seconds: of a run that was queued longer ago, Prefect is asked whether it is still to be run.
# In less nobody cancels, and most runs begin sooner: they cost no question.


class CurrentState(NamedTuple):
    """What Prefect says of a run that was taken."""

    state: str  # the id of its state
    name: str  # of that state
    cancelling: bool = False  # whether it is to be cancelled


async def claim(
    record: TaskServerRecord, run: str, state: str, parameters: str | None, acknowledge: Callable[[], Awaitable[None]]
) -> str | None:
    """Take a run that the queue sends, queued by that state; why it must not be run, if that is known at once.

    It is on record before it is acknowledged: Prefect's own subscription acknowledges first, and a process that dies
    then has a run of which nothing and nobody knows. parameters: the id of what it is called with.
    Raises OSError if it cannot be written down; then it is not acknowledged, so it goes back to the queue.
    """
    why = await record.claim(run=run, event="start", state=state, parameters=parameters)
    await acknowledge()
    return why


def why_refuse(state: str, ended_here: Container[str], history: RunHistory | None) -> str | None:
    """Why who has just taken a run, queued by that state, must not run it; None if all is well.

    It has written that it takes the run before it looks: of two that receive the same at the same moment, at least one
    sees the other. Should both refuse, the rescuer puts the run back.
    ended_here: the states by which runs were queued that have ended in this process. history: of all other processes.
    """
    if state in ended_here:
        return "it has run here already"
    return history.why_refused(state) if history else None


def why_outdated(state: str, now: CurrentState | None) -> str | None:
    """Why a run must not be run that this state had queued, by what Prefect says of it now; None: it was deleted.

    A record may have forgotten, and a run that was cancelled or deleted while it waited is on nobody's.
    """
    if now is None:
        return "it was deleted"
    if now.cancelling:
        return "it is to be cancelled"
    # A run can be without its state for a moment, between two statements of Prefect's task run recorder.
    return f"it is {now.name} by now" if now.state and now.state != state else None


class PastState(NamedTuple):
    """A state that a run has had."""

    type: str
    at: float  # in seconds since 1970
    queued: bool = False  # whether it put the run into the queue
    name: str = ""


def was_cancelled(states: Collection[PastState]) -> bool:
    """Whether somebody has called a run off since it was queued last, by all the states that it has had.

    The newest does not say it: a task server tells that the run is Running, whatever it was meanwhile.
    """
    queued_at = max((state.at for state in states if state.queued), default=0.0)
    return any(state.type in CANCELLED_TYPES and state.at > queued_at for state in states)


def retries_made(states: Iterable[PastState]) -> int:
    """How many retries a run has made or is about to make, by all the states that it has had.

    A try that a stop or a kill cut short is not counted: the run begins again without a state of these names.
    """
    names = [state.name for state in sorted(states, key=lambda state: state.at)]
    # The engine's AwaitingRetry, and behind it perhaps its Retrying, are one; without a delay there is Retrying alone.
    return sum(
        name == "AwaitingRetry" or (name == "Retrying" and before != "AwaitingRetry")
        for before, name in zip(["", *names], names, strict=False)
    )

"""A retry with a delay does not keep its slot: the run leaves its task server, and is queued again when it is due.

Prefect's engine sleeps in the run's thread until the next try (`wait_until_ready` in task_engine.py, 3.8.0 to 3.9.1). A
run that may leave ends there for the engine, and the task server gives it to the delayed queue: a state that is named
Later, of which the rescuer puts into the queue what is due. Where no rescuer runs, retries are Prefect's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import Task

LEAST = 2.0  # seconds: for a shorter delay the run stays: the rescuer, which brings it back, looks every 2 s
AWAITS = "AwaitingRetry"  # Prefect's name of the state between two tries


@dataclass
class Tries:
    made: int  # retries so far, on whatever task server
    may_leave: bool


_tries: dict[UUID, Tries] = {}


def longest_delay(task: Task[..., Any]) -> float:
    """Seconds until the next try, at the most; 0 for a task without retries."""
    delay = task.retry_delay_seconds if task.retries else None
    if isinstance(delay, Sequence):
        return max(map(float, delay), default=0.0)
    return float(delay or 0.0)


def begin(run: UUID, made: int, may_leave: bool) -> None:
    """For a run that is about to begin here, until end()."""
    _tries[run] = Tries(made, may_leave)


def end(run: UUID) -> None:
    _tries.pop(run, None)


def leaves(run: Any) -> bool:
    """Whether a task run, as the engine has it, ends here for now: it is due later."""
    tries, state = _tries.get(run.id), run.state
    if not tries or not tries.may_leave or state.name != AWAITS or not state.state_details.scheduled_time:
        return False
    due: datetime = state.state_details.scheduled_time
    return (due - datetime.now(UTC)).total_seconds() > LEAST - 0.1


def install() -> None:
    """Let runs of this process leave. A second call does nothing. serve() calls it."""
    from prefect import task_engine as engine  # noqa: PLC0415 - sitecustomize of the kit may be in the middle of it

    if hasattr(engine, "durable_retries"):
        return
    engine.durable_retries = True  # type: ignore[attr-defined]
    of_engine = engine.BaseTaskRunEngine
    is_running, prepare = of_engine.is_running, of_engine.__post_init__

    def with_tries_of_before(self: Any) -> None:
        prepare(self)
        if self.task_run and (tries := _tries.get(self.task_run.id)):
            self.retries = tries.made

    def is_running_here(self: Any) -> bool:
        return is_running(self) and not leaves(self.task_run)

    of_engine.__post_init__ = with_tries_of_before  # type: ignore[method-assign]
    of_engine.is_running = is_running_here  # type: ignore[method-assign]

"""A small model of a Prefect server: its queue in memory, and its database of states.

Each rule names the line of Prefect 3.9.1 that it stands for; test_model.py compares it with a real server.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from durable.claiming import CurrentState, PastState, was_cancelled

KEY = "tests.job-1"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(slots=True)
class Row:
    """A run in the database."""

    id: UUID
    state: str = ""
    type: str = ""
    at: float = 0.0  # the state's timestamp
    queued: bool = False
    result: Any = None
    not_before: float = 0.0  # of one that waits in no queue
    deleted: bool = False
    states: list[PastState] = field(default_factory=list)  # all that it has had

    @property
    def is_over(self) -> bool:
        return self.deleted or self.type in FINAL


@dataclass(slots=True)
class Entry:
    """A run in the queue, as it was when it was put there."""

    run: UUID
    state: str
    at: float


class Subscription:
    """A websocket of a task server: it is sent one run after the other, each once the one before is acknowledged."""

    def __init__(self, deliver: Callable[[Entry], None], identifier: str) -> None:
        self.deliver, self.identifier = deliver, identifier
        self.open = True
        self.unacknowledged: Entry | None = None


class PrefectModel:
    def __init__(self) -> None:
        self.rows: dict[UUID, Row] = {}
        self.up = True
        self._states = 0
        self._forget_everything()

    def _forget_everything(self) -> None:
        """TaskQueue._task_queues is a dict of the class (server/task_queue.py:20); nothing fills it at a start."""
        self.queue: deque[Entry] = deque()
        self.retry: deque[Entry] = deque()
        self.subscriptions: list[Subscription] = []

    def kill(self) -> None:
        self.up = False
        self._forget_everything()

    def new_state(self) -> str:
        self._states += 1
        return f"s{self._states}"

    def create(self, run: UUID, at: float) -> None:
        self.rows[run] = Row(run)
        self.set_state(run, "SCHEDULED", at, queued=True)

    def set_state(
        self, run: UUID, kind: str, at: float, *, queued: bool = False, result: Any = None, not_before: float = 0.0
    ) -> None:
        """With force=True any state is taken. A deferred SCHEDULED goes into the queue (EnqueueScheduledTasks,
        server/orchestration/core_policy.py:1207), whatever is there already: nothing looks for another entry.
        """
        row = self.rows[run]
        if row.deleted:
            return
        row.state, row.type, row.at, row.queued, row.result = self.new_state(), kind, at, queued, result
        row.states.append(PastState(kind, at, queued))
        row.not_before = not_before
        if queued:
            self.queue.append(Entry(run, row.state, at))
            self.send()

    def event(self, run: UUID, kind: str, at: float, result: Any = None, not_before: float = 0.0) -> None:
        """A task server tells states by events. One that is not later than the known state is dropped: `where=` in
        server/services/task_run_recorder.py:554. (Of one that is exactly as late, a real server drops the whole batch
        with a stack trace: UNIQUE constraint failed: task_run_state.task_run_id, task_run_state.timestamp.)
        """
        row = self.rows[run]
        if row.deleted or row.at < at:
            row.deleted = False
            row.state, row.type, row.at, row.queued, row.result = self.new_state(), kind, at, False, result
            row.not_before = not_before
        row.states.append(PastState(kind, at))

    def now(self, run: UUID) -> CurrentState | None:
        """What it answers who asks for a run."""
        row = self.rows[run]
        return None if row.deleted else CurrentState(row.state, row.type, row.type == "CANCELLING")

    def waits(self, run: UUID) -> bool:
        return self.rows[run].type == "SCHEDULED" and not self.rows[run].deleted

    def should_still_run(self, run: UUID, at: float) -> bool:
        """As api_calls.should_still_run()."""
        row = self.rows[run]
        if row.deleted or row.type in FINAL or row.type == "CANCELLING":
            return False
        if was_cancelled(row.states):
            self.set_state(run, "CANCELLED", at)
            return False
        return True

    def delete(self, run: UUID) -> None:
        """Its entry in the queue stays. An event of it brings it back (_insert_task_run in task_run_recorder.py)."""
        self.rows[run].deleted = True

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)
        self.send()

    def acknowledge(self, subscription: Subscription) -> None:
        """Then the loop asks the queue for the next one (scheduled_task_subscription, server/api/task_runs.py:389)."""
        subscription.unacknowledged = None
        self.send()

    def close(self, subscription: Subscription) -> None:
        """What was sent and not acknowledged goes into the retry queue (server/api/task_runs.py:417)."""
        if subscription.open:
            subscription.open = False
            if subscription in self.subscriptions:
                self.subscriptions.remove(subscription)
                if subscription.unacknowledged:
                    self.retry.append(subscription.unacknowledged)
                self.send()

    def send(self) -> None:
        """First what is in the retry queue (TaskQueue.get_nowait, server/task_queue.py:77)."""
        for subscription in list(self.subscriptions):
            if subscription.unacknowledged is None and (self.retry or self.queue):
                subscription.unacknowledged = (self.retry or self.queue).popleft()
                subscription.deliver(subscription.unacknowledged)

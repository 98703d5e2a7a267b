"""When a task server whose slots are all taken leaves the queue to others: decisions only.

Prefect's server sends a task server one run ahead of its acknowledgement. One that is full keeps it until a slot is
free, beside others that have nothing to do (Celery's users know that as prefetch). So who is full for a moment, while
somebody else has a free slot, is not subscribed: what it was sent goes back to the server's queue. Where all are full
nobody does that.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from durable.run_history import Process

FULL = 0.5  # seconds that a task server has been full until it looks for others: short runs end sooner
LOOK = 0.2  # seconds between two looks at the records of the others, which cost a read of their ends
QUIET = 0.15  # seconds: who has had a free slot for so long is sent nothing; Prefect sends within 10 ms
BLIND = 5.0  # seconds between two times that one leaves the queue which cannot know whether others are free


class Peers(NamedTuple):
    """Who is there besides a task server; None where that is not known."""

    free: bool | None = None  # another task server waits for runs of its keys
    rescuer: bool | None = None  # a rescuer looks


def peers(processes: Iterable[Process], keys: Collection[str], me: Path | None, now: float) -> Peers:
    """By the records. now: by the clock of the task server for whom it is, in seconds since 1970."""
    living = [each for each in processes if each.alive and each.path != me]
    free = any(
        each.up and each.free and not each.keys.isdisjoint(keys)
        # Of one on another machine the time is that of its machine; it may be in the future.
        and not -QUIET < now - each.quiet_since < QUIET
        for each in living
    )  # fmt: skip
    return Peers(free, any(not each.keys for each in living))


def should_leave_queue(free: bool | None, full: float, offered: float) -> bool:
    """Whether it leaves the queue. free: whether others are; None where that is not known.

    full: for how many seconds it has been full. offered: how many have passed since it left the queue last.
    """
    if full < FULL:
        return False
    return offered >= BLIND if free is None else free

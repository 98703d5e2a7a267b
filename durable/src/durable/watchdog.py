"""Runs that outlive their task's timeout in a thread that nothing can interrupt: decisions only."""

from collections.abc import Iterable, Mapping
from uuid import UUID

LATE = 5  # seconds after its timeout that a run may take to end: to clean up, and to be noted
STILL = 3  # seconds that the event loop may stand still until it is worth a line: less is a busy machine
LOOK = 0.5  # seconds between two looks: small beside LATE and STILL


def overdue(running: Iterable[tuple[UUID, str, float]], timeouts: Mapping[str, float], now: float) -> dict[UUID, float]:
    """The runs that should have ended LATE seconds ago, and the timeout in seconds of each.

    running: the id of each run, its task's key, and since when this try is Running. While a run waits for a thread, for
    its tag's slot or for its next try it is not Running, and each try is Running from a time of its own.
    """
    return {
        run: timeouts[key] for run, key, since in running if key in timeouts and now - since >= timeouts[key] + LATE
    }


def blocked_loop_warning(name: str, seconds: float) -> str | None:
    """What to say of an event loop that was away for so long between two looks; None where that is no news."""
    if seconds <= STILL:
        return None
    return (
        f"the event loop of {name} was blocked for {seconds:.0f} s, with all its runs: an `async def` task is doing "
        "blocking work, such as time.sleep(…). Try: use await asyncio.sleep(…), or make the task a plain def"
    )

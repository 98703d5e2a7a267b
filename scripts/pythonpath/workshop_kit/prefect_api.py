"""Questions to the Prefect API of the example that runs, without Prefect, whose import takes a second."""

import sys
from collections.abc import Iterator
from typing import Any

from workshop_kit import waiting, workshop
from workshop_kit.http_client import call
from workshop_kit.settings import settings

PAGE = 200  # runs that it returns at once


def ask(path: str, body: Any = None, timeout: float = 5) -> Any:
    """POST to it (GET when there is no body). Raises OSError when it is unreachable."""
    return call("GET" if body is None else "POST", settings().api + path, body, timeout)


def healthy() -> bool:
    """Whether it answers its health check within a second."""
    try:
        return ask("/health", timeout=1) is True
    except OSError:
        return False


def subscribed() -> list[dict[str, Any]]:
    """The task servers that are subscribed now: identifier (host-pid) and task_keys. Empty when it is unreachable."""
    try:
        return ask("/task_workers/filter", {})
    except OSError:
        return []


def count(*states: str) -> int:
    """How many runs are in states of these types. Raises OSError when it is unreachable."""
    return ask("/task_runs/count", {"task_runs": {"state": {"type": {"any_": list(states)}}}}, timeout=10)


def runs_in(*states: str) -> Iterator[dict[str, Any]]:
    """All runs in states of these types, page by page. Raises OSError when it is unreachable."""
    # By id, so that a page cannot shift while new runs arrive at its front.
    wanted = {"task_runs": {"state": {"type": {"any_": list(states)}}}, "sort": "ID_DESC", "limit": PAGE}
    known: set[str] = set()
    offset = 0
    while True:
        page = ask("/task_runs/filter", {**wanted, "offset": offset}, timeout=30)
        for run in page:
            if run["id"] not in known:
                known.add(run["id"])
                yield run
        if len(page) < PAGE:
            return
        offset += PAGE


def of_these(ids: list[str], *states: str) -> Iterator[dict[str, Any]]:
    """Of these runs those that are in states of these types, page by page. Raises OSError when it is unreachable."""
    for start in range(0, len(ids), PAGE):
        wanted = {"id": {"any_": ids[start : start + PAGE]}, "state": {"type": {"any_": list(states)}}}
        yield from ask("/task_runs/filter", {"task_runs": wanted, "limit": PAGE}, timeout=10)


def waiting_runs() -> list[dict[str, Any]]:
    """Every background run that is Scheduled, oldest first: what is in the queue, or ought to be.

    Raises OSError when it is unreachable.
    """
    # With SQLite and without the kit's tuning, a run has no state for a moment between two states.
    deferred = [run for run in runs_in("SCHEDULED") if run["state"] and run["state"]["state_details"].get("deferred")]
    return sorted(deferred, key=lambda run: run["created"])


if __name__ == "__main__":  # for scripts/program.sh: waits for a Prefect server that is starting
    workshop.end_without_a_word()
    sys.exit(not waiting.until_gone(60, "the Prefect server", lambda: [] if healthy() else ["it"]))

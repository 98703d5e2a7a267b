"""What a step promises of the live system, and whether it can be seen: the `seen` of steps.toml.

What is only for one example is in its promises.py. Each function returns an empty text if it is seen, else what is not
there yet. since: seconds after 1970; what happened before, when the step was not written yet, does not count. They
raise OSError, ValueError or KeyError if a service is down or replies with garbage: it counts as not seen.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from workshop_kit import examples
from workshop_kit.commands import example_records, promises
from workshop_kit.examples import EXAMPLES

SPREAD = 20  # runs, of which two task servers must have got some


def served(ex: int, since: float) -> str:
    """Each task of the example has a task server."""
    keys = {key.rpartition("-")[0] for server in example_records.subscribed() for key in server["task_keys"]}
    left = [key for key in EXAMPLES[ex].keys if key not in keys]
    return f"no task server serves {left[0].rpartition('.')[2]} yet" if left else ""


def completed(ex: int, since: float) -> str:
    """A run of the example's first task has completed."""
    return "" if completed_runs(ex, since) else "no run of it has completed yet"


def mapped(ex: int, since: float) -> str:
    """Three runs of the example's first task have completed."""
    done = len(completed_runs(ex, since))
    return "" if done >= 3 else f"{done} of 3 runs have completed"


def spread(ex: int, since: float) -> str:
    """The newest twenty runs were not all run by one task server."""
    done = completed_runs(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs have completed"
    found = example_records.read_once()
    if len({found.ran_on(run["id"]) for run in done[:SPREAD]}) < 2:
        return "one task server had them all"
    return ""


def completed_runs(ex: int, since: float) -> list[dict[str, Any]]:
    """The completed runs of the example's first task, newest first: submitted ones, unless it has no task servers."""
    found, example = example_records.read_once(), EXAMPLES[ex]
    runs = [run for run in promises.runs_of(example.keys[0]) if not example.servers or found.ran_on(run["id"])]
    new = [run for run in runs if datetime.fromisoformat(run["created"]).timestamp() >= since]
    return [run for run in new if run["state"]["type"] == "COMPLETED"]


def known(ex: int, what: str) -> Callable[[int, float], str] | None:
    """The function of that name: of this file, or of the example's promises.py."""
    here = {function.__name__: function for function in (served, completed, mapped, spread)}
    return here.get(what) or getattr(examples.own(ex, "promises"), what, None)


def missing(what: str, ex: int, since: float) -> str:
    """What is not there yet of it; empty if it is seen."""
    function = known(ex, what)
    assert function, what  # tests/lint/steps.py has looked
    try:
        return function(ex, since)
    except (OSError, ValueError, KeyError):
        return "what it needs does not answer yet"

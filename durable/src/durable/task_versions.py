"""A task server and a submitter have different versions of a task: decisions only.

In a rolling deploy old and new task servers run side by side. A run whose parameters are another version's is for the
others: it is passed on, and given up only when none has taken it for an hour.
"""

import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any

from durable.claiming import PastState
from durable.requeue import LATER

HOUR = 3600.0  # seconds until a run is given up that no task server has a signature for: longer than a deployment
LONGEST = 4.0  # seconds until it is offered again, at the most: with one of each version it goes back and forth


class OtherVersion(Exception):
    """The signature here has other parameters than the run; says which."""


def need_same_parameters(function: Callable[..., Any], given: Collection[str]) -> None:
    """given: the names of the run's parameters; Prefect stores all, those with defaults, too. Raises OtherVersion."""
    parameters = inspect.signature(function).parameters
    if unknown := sorted(set(given) - parameters.keys()):
        raise OtherVersion(f"{function.__name__} has no parameter {unknown[0]!r} here")
    for name, parameter in parameters.items():
        variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name not in given and parameter.default is parameter.empty and not variable:
            raise OtherVersion(f"{function.__name__} needs a parameter {name!r} here, and the run has none")


def passed_on_since(states: Iterable[PastState], now: float) -> tuple[float, int]:
    """Since when, in seconds since 1970, and how often a run was passed on, since it was under way last."""
    since, times = now, 0
    for state in sorted(states, key=lambda state: state.at):
        if state.type == "RUNNING":
            since, times = now, 0
        elif state.name == LATER:
            since, times = min(since, state.at), times + 1
    return since, times


def retry_delay(times: int) -> float:
    """Seconds until a run is offered again that was passed on so often."""
    return float(min(LONGEST, 2 ** min(times, 10)))

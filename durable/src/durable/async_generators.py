"""A task that is an `async def` with `yield` returns a list of what it yields, as a plain generator's does."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from prefect import Task


def collect(task: Task[..., Any]) -> None:
    """Change this copy of a task so. Prefect 3.8.0 to 3.9.1 awaits it ("can't be used in 'await' expression")."""
    if inspect.isasyncgenfunction(task.fn):
        task.fn = _collected(task.fn)
        task.isgenerator = False


def _collected(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def as_list(*args: Any, **kwargs: Any) -> list[Any]:
        return [each async for each in function(*args, **kwargs)]

    # Declared is what it yields from, such as AsyncIterator[int], and not what is returned.
    as_list.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name != "return"}
    return as_list

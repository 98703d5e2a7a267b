"""What aserve() and serve() must not be called with: each in one sentence, which says what helps."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from prefect import Task


def need_right_tasks(tasks: Iterable[Any]) -> None:
    """Raises TypeError for what is no task, and ValueError for none at all or for two functions with one key."""
    functions: dict[str, Any] = {}
    for task in tasks:
        if not isinstance(task, Task):
            raise TypeError(f"{getattr(task, '__name__', task)!r} is not a task. Try: put @task above it")
        if functions.setdefault(task.task_key, task.fn) is not task.fn:
            raise ValueError(
                f"two functions have the key {task.task_key}. Try: use another name, or another namespace in keyed()"
            )
    if not functions:
        raise ValueError("there is no task to serve. Try: call serve(my_task)")


def need_right_arguments(options: Mapping[str, Any]) -> None:
    """Raises TypeError for what is no number, and ValueError for one that is too small or has no end."""
    for option, least, kind in (("limit", 1, "int"), ("grace", 0, "float"), ("timeout", 0, "float")):
        value = options.get(option)
        if value is None and (option != "grace" or option not in options):
            continue
        if isinstance(value, str):
            raise TypeError(f"{option}={value!r} is text. Try: write {option}={kind}(…)")
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else (int, float)):
            raise TypeError(f"{option}={value!r} is not a number. Try: write {option}={least + 1}")
        if not (least <= value < math.inf):
            raise ValueError(f"{option}={value!r} is below {least} or infinite. Try: write {option}={least + 1}")
    if options.get("status_server_port") is not None:
        raise ValueError("status_server_port crashes the task server of Prefect 3.9.1. Try: leave it out")
    if not isinstance(options.get("name") or "", str):
        raise TypeError(f"name={options['name']!r} is not text. Try: write name='mailer-1'")

"""Parameters that cannot be stored (a lock, a connection, an upload): one sentence, and nothing half-made."""

import inspect
from typing import Any


def why_not(value: Any) -> str:
    """Why pickle, which Prefect stores everything with, does not take it. Empty if it does."""
    import cloudpickle

    from durable.unstorable import PLAIN

    if isinstance(value, PLAIN):
        return ""

    try:
        cloudpickle.dumps(value)
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def name_parameters(tasks: Any) -> None:
    """After prefect.tasks: the sentence names the parameter. A map with one that cannot be stored makes no run."""
    from prefect.exceptions import SerializationError

    from durable.unstorable import INSTEAD

    put, many = tasks.Task.apply_async, tasks.Task.map

    class Unstorable(SerializationError):
        """sitecustomize prints it as one line."""

    def named(task: Any, args: Any, kwargs: Any) -> Unstorable | None:
        try:
            given = inspect.signature(task.fn).bind(*(args or ()), **(kwargs or {})).arguments
        except (TypeError, ValueError):
            return None
        for name, value in given.items():
            if why := why_not(value):
                what = f"{name} of {task.name} cannot be stored for a task server ({why}), so nothing was submitted"
                return Unstorable(f"{what}. Try: give it {INSTEAD}")
        return None

    def apply_async(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        try:
            return put(self, args, kwargs, **options)
        except SerializationError as error:
            raise named(self, args, kwargs) or error from None

    def map_values(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("deferred"):
            # Prefect makes a list of a generator, too; but it reads it while it submits.
            args = tuple(list(value) if inspect.isgenerator(value) else value for value in args)
            kwargs = {name: list(value) if inspect.isgenerator(value) else value for name, value in kwargs.items()}
            own = {name: value for name, value in kwargs.items() if name in inspect.signature(self.fn).parameters}
            lists = [value if isinstance(value, list | tuple) else None for value in args]
            by_name = {name: value if isinstance(value, list | tuple) else None for name, value in own.items()}
            if error := named(self, lists, by_name):
                raise error
        return many(self, *args, **kwargs)

    tasks.Task.apply_async, tasks.Task.map = apply_async, map_values

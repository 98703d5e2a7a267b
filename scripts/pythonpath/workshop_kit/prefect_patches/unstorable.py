"""Parameters or a result that cannot be stored (a lock, a connection, an upload): one sentence, and nothing half-made.

Prefect 3.8.8 ends such a run as Completed, and a moment later as RolledBack, which is Completed too, without a result.
"""

import inspect
from typing import Any

PLAIN = (str, bytes, int, float, type(None))  # not worth a try
INSTEAD = "text, numbers, lists, dicts: what pickle takes"


def why_not(value: Any) -> str:
    """Why pickle, which Prefect stores everything with, does not take it. Empty if it does."""
    if isinstance(value, PLAIN):
        return ""
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def name_parameters(tasks: Any) -> None:
    """After prefect.tasks: the sentence names the parameter. A map with one that cannot be stored makes no run."""
    from prefect.exceptions import SerializationError

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
                return Unstorable(f"{what}. Try: giving it {INSTEAD}")
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


def fail_results(engine: Any) -> None:
    """After prefect.task_engine: a run whose result cannot be stored is Failed, and its state says why."""
    from prefect.client.schemas.objects import StateType
    from prefect.exceptions import SerializationError
    from prefect.results import ResultRecord

    to_state, to_state_sync = engine.return_value_to_state, engine.return_value_to_state_sync
    roll_back = engine.BaseTaskRunEngine.handle_rollback

    def judged(state: Any) -> Any:
        record = state.data  # Prefect has made a list of a generator, for one
        tried = state.is_completed() and isinstance(record, ResultRecord) and not isinstance(record.result, PLAIN)
        if tried and engine.should_persist_result():
            try:
                record.serialize_result()
            except SerializationError as error:
                state.type, state.name = StateType.FAILED, "Failed"
                why = " ".join(str(error.__cause__ or error).split())[:200]
                state.message = f"its result cannot be stored ({why}). Try: returning {INSTEAD}"
                state.data = None  # or future.result() looks for a file, and does not say this
        return state

    async def return_value_to_state(*args: Any, **options: Any) -> Any:
        return judged(await to_state(*args, **options))

    def return_value_to_state_sync(*args: Any, **options: Any) -> Any:
        return judged(to_state_sync(*args, **options))

    def handle_rollback(self: Any, transaction: Any) -> None:
        if not self.state.is_failed():  # what has failed stays so
            roll_back(self, transaction)

    engine.return_value_to_state, engine.return_value_to_state_sync = return_value_to_state, return_value_to_state_sync
    engine.BaseTaskRunEngine.handle_rollback = handle_rollback

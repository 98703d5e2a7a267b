"""How a run fails that cannot say so itself: its result cannot be stored, or its exception cannot be read back.

Prefect 3.8.0 to 3.9.1 ends a run whose result cannot be stored as Completed, and a moment later as RolledBack, which is
Completed too, without a result. An exception is pickled without a look at whether it comes back: of a class whose
`__init__` takes two arguments `result()` raises "TypeError: __init__() missing 1 required positional argument", and one
whose `__str__` raises takes the engine with it. Here both are Failed, and the state's message says why; who waits for
such a run gets Prefect's FailedRun with that message, and needs nothing of ours for it.
"""

import functools
from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import SerializationError
from prefect.results import ResultRecord, ResultStore, should_persist_result

PLAIN = (str, bytes, int, float, type(None))  # for pickle not worth a try
INSTEAD = "text, numbers, lists, dicts: what pickle takes"
LONGEST = 1000  # characters of a message: it may quote a value of any size


def install() -> None:
    """Let the runs of this process fail so. A second call does nothing. serve() calls it."""
    from prefect import task_engine as engine  # noqa: PLC0415 - sitecustomize of the kit may be in the middle of it

    if hasattr(engine, "durable_fails"):
        return
    engine.durable_fails = True  # type: ignore[attr-defined]
    roll_back = engine.BaseTaskRunEngine.handle_rollback

    def handle_rollback(self: Any, transaction: Any) -> None:
        if not self.state.is_failed():  # what has failed stays so
            roll_back(self, transaction)

    engine.BaseTaskRunEngine.handle_rollback = handle_rollback  # type: ignore[method-assign, assignment]
    to_state, to_state_sync = engine.return_value_to_state, engine.return_value_to_state_sync
    to_failed, to_failed_sync = engine.exception_to_failed_state, engine.exception_to_failed_state_sync

    async def return_value_to_state(*args: Any, **options: Any) -> Any:
        return judged(await to_state(*args, **options))

    async def exception_to_failed_state(*args: Any, **options: Any) -> Any:
        call, restore = readable(to_failed, *args, **options)
        return restore(await call())

    def exception_to_failed_state_sync(*args: Any, **options: Any) -> Any:
        call, restore = readable(to_failed_sync, *args, **options)
        return restore(call())

    engine.return_value_to_state = return_value_to_state
    engine.return_value_to_state_sync = lambda *args, **options: judged(to_state_sync(*args, **options))
    engine.exception_to_failed_state = exception_to_failed_state
    engine.exception_to_failed_state_sync = exception_to_failed_state_sync


def judged(state: State[Any]) -> State[Any]:
    """The state of a run that has returned; Failed, and without data, if its result cannot be stored."""
    record = state.data  # Prefect has made a list of a generator, for one
    if not (state.is_completed() and isinstance(record, ResultRecord) and should_persist_result()):
        return state
    if record.serializer.type != "pickle" or not isinstance(record.result, PLAIN):
        try:
            record.serialize_result()
        except SerializationError as error:
            why = " ".join(str(error.__cause__ or error).split())[:LONGEST]
            state.type, state.name = StateType.FAILED, "Failed"
            state.message = f"its result cannot be stored ({why}). Try: return {INSTEAD}"
            if " Try: " in why:  # of CannotTravel, which says all
                state.message = why
            state.data = None  # or future.result() looks for a file, and does not say this
    return state


def readable(
    to_failed: Callable[..., Any], error: BaseException | None = None, **options: Any
) -> tuple[Callable[[], Any], Callable[[State[Any]], State[Any]]]:
    """How to call Prefect's function with that exception, and what to do with the state that it returns."""
    if error is None or comes_back(error, options.get("result_store")):
        return functools.partial(to_failed, error, **options), lambda state: state

    def without_data(state: State[Any]) -> State[Any]:
        state.data = None  # or who waits reads the exception, and not the message
        return state

    stands_in = type(type(error).__name__, (Exception,), {})(said_by(error))
    options |= {"result_store": None, "write_result": False}
    return functools.partial(to_failed, stands_in, **options), without_data


def comes_back(error: BaseException, store: ResultStore | None) -> bool:
    """Whether the exception can be shown, and be read by somebody else from where the store writes it."""
    try:
        str(error)
        if store:
            again = store.serializer.loads(store.serializer.dumps(error))
            str(again)
            return isinstance(again, BaseException)
    except Exception:  # of anybody's class
        return False
    return True


def said_by(error: BaseException) -> str:
    """Its message, in one line."""
    try:
        return " ".join(str(error).split())[:LONGEST]
    except Exception as problem:  # of anybody's class
        return f"its message cannot be read ({type(problem).__name__})"

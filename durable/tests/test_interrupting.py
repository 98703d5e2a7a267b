"""A function that is interrupted: it, and nothing around it. In threads, at moments of every kind."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from durable import interrupting
from durable.interrupting import RunIsOver, TaskRunCancelled, _call_in_loop, _call_in_thread, interrupt_run, where


@pytest.fixture
def run() -> Iterator[UUID]:
    identifier = uuid4()
    yield identifier
    interrupting.forget(identifier)
    assert not interrupting._calls


LONG = 60  # seconds that a function takes which nobody interrupts: what is interrupted ends in a tenth of them


def sleeps_in_small_steps() -> str:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        time.sleep(0.01)
    return "slept"


def until_begun(run: UUID) -> None:
    end = time.monotonic() + 10
    while run not in interrupting._calls:
        assert time.monotonic() < end
        time.sleep(0.001)


def until_sent(run: UUID, seconds: float = 5) -> None:
    call, end = interrupting._calls[run], time.monotonic() + seconds
    while not call.sent:
        interrupt_run(run)
        assert time.monotonic() < end
        time.sleep(0.001)


def interrupted(run: UUID, function: Callable[[], Any]) -> float:
    """In how many seconds it ended as a run that is over."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_call_in_thread, run, function, {})
        until_begun(run)
        begun = time.monotonic()
        until_sent(run)
        with pytest.raises(RunIsOver, match="It was cancelled while it ran"):
            future.result(timeout=20)
        return time.monotonic() - begun


def test_a_function_that_sleeps_in_small_steps_ends_at_once(run: UUID) -> None:
    assert interrupted(run, sleeps_in_small_steps) < LONG / 10  # it is 0.02 on an idle machine


def test_it_may_clean_up(run: UUID) -> None:
    cleaned = []

    def cleans_up() -> None:
        try:
            sleeps_in_small_steps()
        except TaskRunCancelled:
            cleaned.append("caught")
            raise
        finally:
            cleaned.append("finally")

    interrupted(run, cleans_up)
    assert cleaned == ["caught", "finally"]


def swallows() -> str:
    try:
        return sleeps_in_small_steps()
    except BaseException:
        return "all the same"


def raises_another() -> None:
    try:
        sleeps_in_small_steps()
    except asyncio.CancelledError:
        raise ValueError("another") from None


def yields() -> Iterator[int]:
    for number in range(LONG * 100):
        time.sleep(0.01)
        yield number


@pytest.mark.parametrize("function", [swallows, raises_another, yields])
def test_what_it_does_about_it_does_not_count(run: UUID, function: Callable[[], Any]) -> None:
    assert interrupted(run, function) < LONG / 10


def test_a_call_that_cannot_be_interrupted_ends_first_and_is_named(run: UUID) -> None:
    def sits() -> None:
        time.sleep(1)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_call_in_thread, run, sits, {})
        until_begun(run)
        until_sent(run)
        assert where(run).startswith("sits (test_interrupting.py, line ")
        begun = time.monotonic()
        with pytest.raises(RunIsOver):
            future.result()
        assert time.monotonic() - begun > 0.5


def test_what_is_called_off_before_does_not_begin(run: UUID) -> None:
    interrupt_run(run, "before")
    with pytest.raises(RunIsOver, match="before"):
        _call_in_thread(run, lambda: pytest.fail("it began"), {})
    with pytest.raises(RunIsOver, match="before"):
        asyncio.run(_call_in_loop(run, lambda: pytest.fail("it began"), {}))


def test_no_frame_of_prefect_or_durable_is_interrupted(run: UUID) -> None:
    released = threading.Event()

    def waits() -> None:
        waits_in_a_frame_of_durable(released)
        sleeps_in_small_steps()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_call_in_thread, run, waits, {})
        until_begun(run)
        for _ in range(20):
            assert interrupt_run(run)
            time.sleep(0.005)
        assert not interrupting._calls[run].sent
        released.set()
        until_sent(run)
        with pytest.raises(RunIsOver):
            future.result()


# As if it stood in the package.
_NAMES: dict[str, Any] = {}
_CODE = "def waits(released):\n    released.wait()\n"
exec(compile(_CODE, interrupting.__file__, "exec"), _NAMES)  # noqa: S102
waits_in_a_frame_of_durable = _NAMES["waits"]


@pytest.mark.parametrize("seed", range(3))
def test_at_every_moment_the_function_ends_or_it_ends_as_cancelled_and_the_next_one_is_let_alone(seed: int) -> None:
    """300 functions of some microseconds to milliseconds in one thread, each called off at any moment."""
    moments = random.Random(seed)  # noqa: S311 - repeatable, not secret
    ended = []
    after = threading.Event()

    def works(steps: int) -> int:
        return sum(len(str(number)) for number in range(steps))

    def one_after_the_other(runs: list[UUID]) -> None:
        for number, run in enumerate(runs):
            steps = moments.choice((0, 10, 1000, 20_000))
            try:
                ended.append(_call_in_thread(run, works, {"steps": steps}))
            except RunIsOver:
                ended.append("cancelled")
            outside = sum(range(200))  # what comes here would be a frame of durable or Prefect
            assert outside and number >= 0
        after.set()

    runs = [uuid4() for _ in range(300)]
    before = len(interrupting._calls)
    thread = threading.Thread(target=one_after_the_other, args=(runs,))
    thread.start()
    end = time.monotonic() + 60
    while not after.is_set() and thread.is_alive():
        for run in list(interrupting._calls):
            interrupt_run(run)
        assert time.monotonic() < end
    thread.join()
    for run in runs:
        interrupting.forget(run)
    assert after.is_set(), "it came outside of a function"
    assert len(ended) == 300 and "cancelled" in ended and len(interrupting._calls) == before


def test_an_async_function_gets_cancelled_error_and_its_task_goes_on(run: UUID) -> None:
    got = []

    async def sleeps() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as error:
            got.append(type(error))
            raise

    async def main() -> str:
        async def whole() -> str:
            with pytest.raises(RunIsOver):
                await _call_in_loop(run, sleeps, {})
            await asyncio.sleep(0.01)  # nothing of it is left
            return "went on"

        task = asyncio.create_task(whole())
        await asyncio.sleep(0.05)
        assert where(run).startswith("sleeps (")
        assert interrupt_run(run) and interrupt_run(run)
        return await task

    assert asyncio.run(main()) == "went on" and got == [asyncio.CancelledError]


def test_an_async_function_that_swallows_it_is_cancelled_all_the_same(run: UUID) -> None:
    async def swallows_it() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        return "all the same"

    async def main() -> None:
        task = asyncio.create_task(_call_in_loop(run, swallows_it, {}))
        await asyncio.sleep(0.05)
        interrupt_run(run)
        with pytest.raises(RunIsOver):
            await task

    asyncio.run(main())

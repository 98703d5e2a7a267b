"""How much may come from one network, by a given clock: what passes at once, what waits, what is refused and said."""

import asyncio
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.port import quotas
from durable.port.quotas import BYTES, FILE_BYTES, FILES, HOLD, KEPT_BYTES, MB, RUNS, Bucket, Quota, Quotas, kept_bytes
from durable.tls import Refusal

SMALL = Quota(10, 5, "10 in 5 s")  # two a second


class World:
    """Quotas by a clock that goes on when the test says so, or when somebody waits."""

    def __init__(self) -> None:
        self.now, self.waited = 1000.0, 0.0
        self.quotas = Quotas(clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.now += seconds

    def runs(self, number: int, address: str = "192.0.2.1") -> int:
        """Of so many runs, one after the other without a pause: how many are taken before one is refused."""

        async def create() -> int:
            for each in range(number):
                try:
                    await self.quotas.need_request(address, "b", 0, runs=1)
                except Refusal as refusal:
                    assert (refusal.status, refusal.retry_after) == (429, math.ceil(refusal.retry_after))
                    return each
            return number

        return asyncio.run(create())


# --- a bucket ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 8), st.floats(0, 30)), max_size=60), st.floats(0, 5))
def test_no_more_passes_than_the_quota_and_what_was_waited_for(asked: list[tuple[float, float]], hold: float) -> None:
    """In any stretch of time: at most its amount, what comes in meanwhile and while one waits, and one too large."""
    now = 0.0
    bucket = Bucket(SMALL, lambda: now)
    passed: list[tuple[float, float]] = []  # when, and how much
    for pause, amount in asked:
        now += pause
        if (wait := bucket.wait()) <= hold:
            bucket.take(amount)
            passed.append((now + wait, amount))
    for begin, (since, _) in enumerate(passed):
        for end in range(begin, len(passed)):
            all_of_them = sum(amount for _, amount in passed[begin : end + 1])
            most = SMALL.most + SMALL.rate * (passed[end][0] - since) + passed[end][1]
            assert all_of_them <= most + 1e-6


@given(st.lists(st.tuples(st.floats(0, 8), st.floats(0, 30)), max_size=30))
def test_after_the_wait_that_it_says_it_is_open_and_after_long_it_is_full(asked: list[tuple[float, float]]) -> None:
    now = 0.0
    bucket = Bucket(SMALL, lambda: now)
    taken = 0.0
    for pause, amount in asked:
        now += pause
        bucket.take(amount)
        taken += amount
    now += bucket.wait() + 1e-6
    assert bucket.wait() == 0
    now += SMALL.seconds
    assert bucket.full and taken >= 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    now = 100.0
    bucket = Bucket(SMALL, lambda: now)
    bucket.take(12)
    now = 50.0
    assert bucket.wait() == 1.0
    now = 51.0
    assert bucket.wait() == 0.0


# --- what a workshop does, and what a flood does --------------------------------------------------------


def test_a_thousand_runs_of_one_laptop_twice_in_a_row_wait_for_nothing() -> None:
    world = World()
    assert world.runs(2_000) == 2_000 and world.waited == 0


def test_who_creates_runs_without_end_gets_twenty_a_second() -> None:
    world = World()
    begun = world.now
    assert world.runs(5_000) == 5_000  # one after the other: each waits for its turn, and none is refused
    assert world.now - begun == pytest.approx((5_000 - RUNS.most - 1) / 20)


def test_many_at_once_are_held_and_then_refused_until_there_is_something_again() -> None:
    world = World()
    world.runs(2_000)

    async def stands_still(seconds: float) -> None:
        world.waited = max(world.waited, seconds)

    world.quotas._sleep = stands_still
    held = world.runs(1_000)
    assert held == HOLD * 20 + 1 and world.waited == pytest.approx(HOLD)
    with pytest.raises(Refusal) as refused:
        asyncio.run(world.quotas.need_request("192.0.2.1", "b", 0, runs=1))
    assert refused.value.retry_after == math.ceil(HOLD + 0.05)
    world.now += refused.value.retry_after
    assert world.runs(1) == 1


def test_a_task_server_that_ends_a_hundred_runs_a_second_waits_for_nothing() -> None:
    world = World()

    async def a_minute() -> None:
        for _ in range(60):
            for _ in range(100):
                await world.quotas.need_file("192.0.2.1", "one on b")
                world.quotas.count_file("192.0.2.1", 2_000)
                await world.quotas.need_request("192.0.2.1", "one on b", 15_000)
            world.now += 1

    asyncio.run(a_minute())
    assert world.waited == 0


def test_sixty_of_the_largest_results_wait_for_nothing_and_a_thousand_wait_and_come_in() -> None:
    world = World()

    async def results(number: int) -> None:
        for _ in range(number):
            await world.quotas.need_file("192.0.2.1", "one on b")
            world.quotas.count_file("192.0.2.1", 10 * MB)

    asyncio.run(results(60))
    assert world.waited == 0
    asyncio.run(results(1000))
    assert world.waited == pytest.approx((1060 * 10 * MB - FILE_BYTES.most) / FILE_BYTES.rate, rel=0.02)


def test_what_is_kept_of_one_network_is_no_more_than_half_of_the_disk() -> None:
    assert kept_bytes(100_000 * MB) is KEPT_BYTES
    assert (few := kept_bytes(1_000 * MB)).most == 500 * MB and "500 MB" in few.what
    world = World()
    world.quotas = Quotas(clock=lambda: world.now, sleep=world.sleep, kept_bytes=few)

    async def fill() -> float:
        size = 0.0
        while True:
            try:
                await world.quotas.need_file("192.0.2.1", "one on b")
            except Refusal:
                return size
            world.quotas.count_file("192.0.2.1", 10 * MB)
            size += 10 * MB

    assert asyncio.run(fill()) <= few.most + 20 * MB


# --- whose it is --------------------------------------------------------------------------------------


def test_tokens_do_not_multiply_it_and_other_networks_have_their_own() -> None:
    world = World()
    world.runs(2_000, "192.0.2.1")
    world.runs(2_000, "2001:db8::1")
    assert world.waited == 0
    world.runs(100, "2001:db8::2")  # a machine has all of a /64
    assert world.waited > 0
    waited = world.waited
    world.runs(2_000, "192.0.2.2")
    assert world.waited == waited


def test_it_is_said_once_for_each_network_and_quota(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    for address in ("192.0.2.1", "192.0.2.2"):
        world.runs(2_100, address)
    asyncio.run(world.quotas.need_request("192.0.2.1", "b", 25 * MB))
    asyncio.run(world.quotas.need_request("192.0.2.1", "b", 1))
    assert capsys.readouterr().out.splitlines() == [
        f"slowed down: b, at 192.0.2.1, sends more than {RUNS.what}",
        f"slowed down: b, at 192.0.2.2, sends more than {RUNS.what}",
        f"slowed down: b, at 192.0.2.1, sends more than {BYTES.what}",
    ]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "NETWORKS", 3)
    world = World()
    for number in range(10):
        world.runs(1, f"192.0.2.{number}")
        world.now += RUNS.seconds
    assert len(world.quotas._all) <= 3
    world.runs(2_000, "192.0.2.99")
    for number in range(10):
        world.runs(1, f"192.0.2.{number}")
    world.runs(2, "192.0.2.99")
    assert world.waited > 0  # who has used something up is not forgotten for it


# --- turns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "most"), [("creating", 1), ("asking", 4), ("writing", 1), ("large", 1)])
def test_so_many_have_their_turn_at_once_and_one_that_lasts_too_long_ends(
    kind: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "TURN", 0.2)
    monkeypatch.setattr(quotas, "LARGE_TURN", 0.2)
    world = World()

    async def main() -> None:
        begin = getattr(world.quotas, kind)
        ends: list[Callable[[], None]] = [await begin("192.0.2.1") for _ in range(most)]
        other = asyncio.ensure_future(begin("192.0.2.1"))
        (await begin("192.0.2.2"))()
        assert not other.done()
        ends[0]()
        ends[0]()  # counts once
        end = await asyncio.wait_for(other, 0.1)
        late = asyncio.ensure_future(begin("192.0.2.1"))
        await asyncio.wait_for(late, 5)  # though nobody ended another's
        end()

    asyncio.run(main())


def test_files_and_runs_are_counted_apart() -> None:
    world = World()
    world.runs(2_000)

    async def files() -> None:
        for _ in range(int(FILES.most)):  # and one more would wait
            await world.quotas.need_file("192.0.2.1", "b")

    asyncio.run(files())
    assert world.waited == 0


def test_after_a_turn_comes_a_rest_where_a_crowd_waits_and_only_there() -> None:
    async def rests(senders: int, **options: int) -> bool:
        turns = quotas.Turns(1, 5, rests=1, **options)

        async def one() -> None:
            end = await turns.begin()
            await asyncio.sleep(0.001)
            end()

        await asyncio.gather(*(one() for _ in range(senders)))
        return turns._rests_until > 0

    assert not asyncio.run(rests(quotas.CROWD)) and asyncio.run(rests(quotas.CROWD + 1))
    assert asyncio.run(rests(1, crowd=0))

"""How much may come through the port from one network: who has the code fills no disk here and holds up nobody's work.

Counted by tls.network() and not by the token, because who has the code gets as many tokens as it likes. So a class
behind one address has the quota of one, and each is far above what that class does. A start of the port forgets what
was counted. Nothing here reads or writes.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from durable.port.output import say
from durable.tls import Refusal, network

MB = 1_000_000  # bytes
DAY = 24 * 3600  # seconds


class Quota(NamedTuple):
    """So much at once, and after that the same again in so many seconds, spread evenly."""

    most: float
    seconds: float
    what: str  # for people

    @property
    def rate(self) -> float:
        return self.most / self.seconds


# A laptop creates 1,000 runs in 35 s, and may do so twice; after that 20 a second, of the 30 that a Prefect server can.
RUNS = Quota(2_000, 100, "2,000 runs, and 1,200 more a minute")
# Parameters and results: a task server that ends 100 runs a second, and a submitter of as many.
FILES = Quota(2_000, 10, "12,000 files a minute")
# What a task server says of a run, four each: 50 runs a second are more than a Prefect server can.
EVENTS = Quota(2_000, 10, "12,000 events a minute")
# Twenty results a minute of each of three task servers, all as large as a file may be (10 MB), twice over.
FILE_BYTES = Quota(1_200 * MB, 60, "1,200 MB of files a minute")
# Everything else, lines and events too: some 15 kB for each run. A task server that ends 100 a second sends 90 MB a
# minute. Looking at 20 MB takes the Prefect server a second.
BYTES = Quota(20 * MB, 10, "120 MB of requests a minute")
# Each is a row, and Prefect takes half a millisecond of its event loop for it. Task servers send a line now and then.
LOG_LINES = Quota(500, 10, "3,000 lines of logs a minute")
# What is kept: files are deleted after a day. 30 runs a second, for four hours, have 860,000.
KEPT_FILES = Quota(1_000_000, DAY, "1,000,000 files a day")
# 2,000 of the largest; on a disk with less than twice as much free, half of that.
KEPT_BYTES = Quota(20_000 * MB, DAY, "20,000 MB of files a day")

HOLD = 5.0  # seconds that a request waits here until it is its turn: less than any client's patience
HOLD_LINES = 1.0  # the same for a task server's lines, for which it has 5 s
CREATING = 1  # runs and log lines being created at once, of one network: others' submits wait for one, and not for all
CROWD = 8  # that wait for their turn: after each comes a rest as long as it took, so that half of the time is others'
WRITING = 1  # files being written at once, of one network: each takes a millisecond
MOST_REST = 0.5  # seconds: what took longer waited for something else
ASKING = 4  # other requests at once, of one network: what a browser asks for at once has one interpreter anyway
LARGE = 100_000  # bytes: of larger files one comes in at a time from one network, so that is what it has in memory
TURN = 5.0  # seconds after which the next one comes, too: a full queue, or a client that does not read, holds up nobody
LARGE_TURN = 20.0  # the same for a large file: 10 MB at 4 Mbit/s
NETWORKS = 10_000  # that are remembered
TOLD = 100  # lines about quotas


class Bucket:
    """What a network has left of a quota. Whoever waits has its turn: what was promised is not there for the next."""

    def __init__(self, quota: Quota, clock: Callable[[], float]) -> None:
        self._quota, self._clock = quota, clock
        self._left, self._at = quota.most, clock()

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._quota.most, self._left + max(0.0, now - self._at) * self._quota.rate)
        self._at = now

    def wait(self) -> float:
        """The seconds until something is left, as things are."""
        self._refill()
        return max(0.0, -self._left / self._quota.rate)

    def take(self, amount: float) -> None:
        """It may take more than is left: the next ones wait for that."""
        self._refill()
        self._left -= amount

    @property
    def full(self) -> bool:
        self._refill()
        return self._left >= self._quota.most


class Turns:
    """So many at once."""

    def __init__(self, at_once: int, longest: float, rests: int = 0, crowd: int = CROWD) -> None:
        """longest: seconds after which a turn ends by itself.

        rests: where a crowd waits, so many, the next comes so many times as much later as this one took.
        """
        self._free, self._longest, self._rests, self._crowd = asyncio.Semaphore(at_once), longest, rests, crowd
        self._rests_until, self._waiting = 0.0, 0

    @property
    def busy(self) -> bool:
        return self._free.locked()

    async def begin(self) -> Callable[[], None]:
        """Wait for a turn. Returns what ends it; a second call does nothing."""
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        loop, held = asyncio.get_running_loop(), True
        began = loop.time()

        def end() -> None:
            nonlocal held
            if held:
                held = False
                overdue.cancel()
                if self._rests and self._waiting >= self._crowd:
                    self._rests_until = loop.time() + min(MOST_REST, self._rests * (loop.time() - began))
                self._free.release()

        overdue = loop.call_later(self._longest, end)
        try:
            await asyncio.sleep(self._rests_until - loop.time())
        except asyncio.CancelledError:
            end()
            raise
        finally:
            began = loop.time()
        return end


class _Of:
    """One network's."""

    def __init__(self) -> None:
        self.buckets: dict[Quota, Bucket] = {}
        self.creating, self.writing = Turns(CREATING, TURN, rests=1), Turns(WRITING, TURN, rests=1)
        self.asking, self.large = Turns(ASKING, TURN), Turns(1, LARGE_TURN)
        self.reading = Turns(1, TURN, rests=9, crowd=0)  # a tenth of the event loop's time


class Quotas:
    """Of all networks."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        kept_bytes: Quota = KEPT_BYTES,
    ) -> None:
        """clock, sleep: seconds."""
        self._clock, self._sleep, self._kept_bytes = clock, sleep, kept_bytes
        self._all: dict[str, _Of] = {}
        self._told: set[tuple[str, str]] = set()

    def _of(self, address: str) -> _Of:
        where = network(address)
        if where not in self._all:
            if len(self._all) >= NETWORKS:  # a new one costs nothing to whoever has filled one
                self._all = {name: each for name, each in self._all.items() if not _idle(each)}
            self._all[where] = _Of()
        return self._all[where]

    async def need(self, address: str, name: str, *wanted: tuple[Quota, float], hold: float = HOLD) -> None:
        """Take so much of each quota, and wait until it was there. name: of who asks, for people.

        Raises Refusal, with nothing taken, if that is more than `hold` seconds from now.
        """
        of = self._of(address)
        wait, slowest = 0.0, None
        for quota, _ in wanted:
            bucket = of.buckets.setdefault(quota, Bucket(quota, self._clock))
            if (needed := bucket.wait()) > wait:
                wait, slowest = needed, quota
        if slowest:
            self._tell(address, name, slowest)
        if slowest and wait > hold:
            raise Refusal(429, f"one address may send {slowest.what}: later", retry_after=math.ceil(wait))
        for quota, amount in wanted:
            of.buckets[quota].take(amount)
        if wait:
            await self._sleep(wait)

    async def need_request(
        self, address: str, name: str, size: int, *, runs: int = 0, log_lines: int = 0, hold: float = HOLD
    ) -> None:
        """Of a request with so many bytes that creates so many runs, or lines of a log. As need()."""
        wanted = [(BYTES, size), (RUNS, runs), (LOG_LINES, log_lines)]
        await self.need(address, name, *(each for each in wanted if each[1] or each[0] is BYTES), hold=hold)

    async def need_message(self, address: str, name: str, size: int, events: int) -> None:
        """Of a message on a websocket, with so many events. It waits for as long as it takes: what comes behind it
        waits in the network.
        """
        await self.need(address, name, (BYTES, size), (EVENTS, events), hold=math.inf)

    async def need_file(self, address: str, name: str) -> None:
        """Before a file comes in. As need(); count_file() says then how large it was."""
        kept = ((KEPT_FILES, 1), (self._kept_bytes, 0))
        await self.need(address, name, (FILES, 1), (FILE_BYTES, 0), *kept)

    def count_file(self, address: str, size: int) -> None:
        """One has come in, of so many bytes."""
        of = self._of(address)
        for quota in (FILE_BYTES, self._kept_bytes):
            of.buckets.setdefault(quota, Bucket(quota, self._clock)).take(size)

    async def creating(self, address: str) -> Callable[[], None]:
        """The turn of one that creates a run. Returns what ends it; a second call does nothing, TURN ends it, too."""
        return await self._of(address).creating.begin()

    async def asking(self, address: str) -> Callable[[], None]:
        """The turn of any other request. As creating()."""
        return await self._of(address).asking.begin()

    async def reading(self, address: str) -> Callable[[], None]:
        """The turn of reading a large body that is there. As creating()."""
        return await self._of(address).reading.begin()

    async def writing(self, address: str) -> Callable[[], None]:
        """The turn of a file. As creating()."""
        return await self._of(address).writing.begin()

    async def large(self, address: str) -> Callable[[], None]:
        """The turn of a file above LARGE, from its first byte to its last. As creating(), with LARGE_TURN."""
        return await self._of(address).large.begin()

    def _tell(self, address: str, name: str, quota: Quota) -> None:
        """Once for each network and quota, and not for each request."""
        which = (network(address), quota.what)
        if which not in self._told and len(self._told) < TOLD:
            self._told.add(which)
            say(f"slowed down: {name}, at {address}, sends more than {quota.what}")


def _idle(of: _Of) -> bool:
    busy = any(each.busy for each in (of.creating, of.writing, of.asking, of.large, of.reading))
    return not busy and all(bucket.full for bucket in of.buckets.values())


def kept_bytes(free: int) -> Quota:
    """What one network may have kept, where the disk has so many bytes free as the port opens."""
    if KEPT_BYTES.most <= free / 2:
        return KEPT_BYTES
    most = free // 2
    return Quota(most, DAY, f"{most // MB:,} MB of files a day")

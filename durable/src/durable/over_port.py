"""A task server, or who submits, on another machine than the Prefect server: files and records go over its port.

serve(…, records="https://HOST:PORT") and json_only("https://HOST:PORT"), in a process with the settings of at.py.
"""

import asyncio
import contextlib
import itertools
import os
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Self

import httpx
from prefect import tasks
from prefect.client.orchestration import PrefectClient
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings

from durable import joining
from durable.away import is_refusal
from durable.lease import Deadline, end_group, now
from durable.shape import NotPlain
from durable.stories import How
from durable.text import printable

logger = get_logger("task_worker")

RENEW = 5  # seconds between two signs of life, at the most; else a quarter of the lease
TICK = 0.1  # seconds between two looks at the deadline
PATIENCE = 20  # seconds that a file may take
AGAIN = 0.5  # seconds between two tries, where a file is a run's
FAILING = 60  # seconds that the storage there may fail; where nobody answers, the lease ends
LINES = 5  # seconds that lines may take
MOST = 500  # of them in a request
LAST = 5  # seconds for the last lines, at the end


Keeping = AsyncGenerator[None]


async def _until_the_loop_ends(close: Callable[[], Awaitable[Any]]) -> Keeping:
    """Started in an event loop, it closes what is left to it before that loop closes: asyncio.run() ends generators.

    Else a program that calls asyncio.run() for each request would leave a TLS connection each time.
    """
    try:
        yield
    finally:
        await close()


class OverPort:
    """Files at the port, with the four methods of plain.Folder, on connections that are kept."""

    serves = False  # whether this process is a task server: then it tries again until its lease ends

    def __init__(self, at: str) -> None:
        self._at = at
        self._sync: httpx.Client | None = None
        self._asyncs: dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, Keeping]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def options(at: str) -> dict[str, Any]:
        """How httpx speaks to the port, by Prefect's own settings."""
        settings = get_current_settings()
        verify = (
            httpx.create_ssl_context(verify=str(settings.api.ssl_cert_file)) if settings.api.ssl_cert_file else True
        )
        return {
            "base_url": at,
            "verify": verify,
            "headers": settings.client.custom_headers,
            "timeout": PATIENCE,
            "trust_env": False,
        }

    def _client(self) -> httpx.Client:
        with self._lock:
            self._sync = self._sync or httpx.Client(**self.options(self._at))
            return self._sync

    async def _async_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._asyncs:
            forget_closed(self._asyncs)
            client = httpx.AsyncClient(**self.options(self._at))

            async def close() -> None:
                self._asyncs.pop(loop, None)
                await client.aclose()

            self._asyncs[loop] = client, _until_the_loop_ends(close)
            await anext(self._asyncs[loop][1])
        return self._asyncs[loop][0]

    @staticmethod
    def _judged(answer: httpx.Response, key: str) -> bytes:
        """Raises FileNotFoundError, NotPlain for what may not pass, or httpx.HTTPStatusError."""
        if answer.status_code == 404:
            raise FileNotFoundError(key)
        if answer.status_code in (413, 422):
            raise NotPlain(answer.json()["detail"])
        return answer.raise_for_status().content

    def _away(self, error: httpx.HTTPError, began: float) -> bool:
        """Whether to try again: a run whose result cannot be stored is rolled back by Prefect, Completed without it.

        began: by time.monotonic().
        """
        answer = getattr(error, "response", None)
        failing = answer is not None and answer.status_code >= 500 and time.monotonic() - began < FAILING
        return self.serves and (answer is None or failing)

    def _tried(self, method: str, key: str, content: bytes | None = None) -> bytes:
        began = time.monotonic()
        while True:
            try:
                return self._judged(self._client().request(method, f"/durable/storage/{key}", content=content), key)
            except httpx.HTTPError as error:
                if not self._away(error, began):
                    raise
            time.sleep(AGAIN)

    async def _atried(self, method: str, key: str, content: bytes | None = None) -> bytes:
        began = time.monotonic()
        while True:
            try:
                answer = await (await self._async_client()).request(method, f"/durable/storage/{key}", content=content)
                return self._judged(answer, key)
            except httpx.HTTPError as error:
                if not self._away(error, began):
                    raise
            await asyncio.sleep(AGAIN)

    def read(self, key: str) -> bytes:
        return self._tried("GET", key)

    def write(self, key: str, content: bytes) -> None:
        self._tried("PUT", key, content)

    async def aread(self, key: str) -> bytes:
        return await self._atried("GET", key)

    async def awrite(self, key: str, content: bytes) -> None:
        await self._atried("PUT", key, content)


class KeptClient(PrefectClient):
    """Prefect's, which is opened once and stays open: a new one for each submit is a new TLS connection each."""

    _keeping: Keeping | None = None

    async def __aenter__(self) -> Self:
        if not self._started:
            await super().__aenter__()
        if not self._keeping:
            self._keeping = _until_the_loop_ends(self.close)
            await anext(self._keeping)
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def close(self) -> None:
        await super().__aexit__(None, None, None)


def forget_closed(kept: dict[asyncio.AbstractEventLoop, Any]) -> None:
    """Drop what is of event loops that are closed."""
    for loop in [loop for loop in kept if loop.is_closed()]:
        del kept[loop]


def keep_clients() -> None:
    """From now on the submits of this process share a client for each event loop."""
    kept: dict[asyncio.AbstractEventLoop, KeptClient] = {}

    def get_client() -> KeptClient:
        loop = asyncio.get_running_loop()
        if loop not in kept:
            forget_closed(kept)
            kept[loop] = KeptClient(get_current_settings().api.url or "")
        return kept[loop]

    tasks.get_client = get_client  # type: ignore[assignment]  # Prefect's has arguments that it does not give itself


class RecordOverPort:
    """What records.Record is on the Prefect server's machine: lines go to the port, which writes them there.

    In the place of a lock there is a lease: a thread renews it, and another ends this process, with all that it runs,
    where that did not succeed in time. Threads, because a run that blocks the event loop is no reason to lose it.
    """

    path = None

    def __init__(self, at: str, name: str, **about: Any) -> None:
        keys = about.get("keys", [])
        if len(keys) > 1000 or max(map(len, keys), default=0) > 300:  # port/records.py takes no more
            raise ValueError("a task server on another machine has at most 1,000 keys, of 300 characters each")
        name = printable(name)[:100]
        self._at, self._name = at, name
        OverPort.serves = True
        # ENDED_PID: of the process that had this name before, from what keeps them.
        about["after"] = int(os.environ.get("ENDED_PID") or 0)
        self._about = {"n": 0, "server": name, "pid": os.getpid(), **about}
        self._unsent = [self._about]
        self._together = MOST  # lines in a request
        self._count = itertools.count(1)  # of lines: the port takes none twice, whatever became of its answer
        self._refused: dict[str, str] = {}  # runs that others have, and who
        self._lock = asyncio.Lock()
        self._more = asyncio.Event()  # there are lines to send
        self.over = asyncio.Event()  # nothing that runs here counts any more
        self.why_over = "that machine has ended its session. Try: starting it again"
        self._client: httpx.AsyncClient | None = None
        self._sending: asyncio.Task[None] | None = None
        self._lease = 0.0  # seconds
        self._deadline = Deadline(os.environ.get("LEASE_FILE"))
        self._left = threading.Event()

    def write(self, *, must: bool = False, **fields: Any) -> None:
        """Keep a line, which is sent soon. must: of no account here; take() waits."""
        if fields.get("event") == "down":
            return  # from here it looks the same when a cable is pulled; that machine's own task servers know
        self._unsent.append({"n": next(self._count), **fields})
        self._more.set()

    async def take(self, run: str, **fields: Any) -> str | None:
        """Say that this process takes a run; returns why it must not run it, if another one has it.

        Raises OSError where that cannot be said, or PermissionError when the session is over.
        """
        self.write(run=run, **fields)
        try:
            await self.sent()  # or _send() was quicker
            return self._refused.pop(run, None)
        except (OSError, asyncio.CancelledError):
            # It may have arrived, and the answer was lost, or nobody waits for it any more.
            self.write(run=run, event="end", how=How.REFUSED, state=fields.get("state"))
            raise

    async def sent(self) -> None:
        """Until all lines are there. Raises OSError while that is not possible."""
        async with self._lock:
            if not self._client:
                self._client = httpx.AsyncClient(**OverPort.options(self._at) | {"timeout": LINES})
                self._sending = asyncio.create_task(self._send())
            while lines := self._unsent[: self._together]:
                asked = now()
                try:
                    answer = await self._client.post("/durable/records", json=lines)
                except httpx.HTTPError as error:
                    raise OSError(str(error) or type(error).__name__) from None
                if answer.status_code == 401:
                    self.over.set()
                    raise PermissionError("that machine has ended this session")
                if answer.status_code == 409:  # it has started again, and lost what this process is
                    self._unsent.insert(0, self._about)
                elif answer.is_error and is_refusal(answer.status_code):
                    self._refuse(lines, answer)
                    continue
                if answer.is_error:
                    with contextlib.suppress(ValueError, KeyError):
                        raise OSError(f"the port answers: {answer.json()['detail']}")
                    raise OSError(f"the port answers {answer.status_code}")
                told = answer.json()
                del self._unsent[: len(lines)]
                self._refused |= told["refused"]
                self._renewed(told["lease"], asked)

    def _refuse(self, lines: list[dict[str, Any]], answer: httpx.Response) -> None:
        """The port will never take these lines. One by one, that which is wrong is dropped, and its run is not run."""
        if len(lines) > 1:
            self._together = 1
            return
        self._together = MOST
        (line,) = lines
        why = f"the port refuses it: HTTP {answer.status_code}"
        with contextlib.suppress(ValueError, KeyError, TypeError):
            why = f"the port refuses it: {answer.json()['detail']}"
        if line is self._about:  # nothing that this process does would count
            self.why_over = f"{why}. Try: another name, or fewer keys"
            self.over.set()
            raise PermissionError(why)
        logger.error(f"A line of {self._name} is dropped ({why}): {line}")
        if line.get("event") == "start":
            self._refused[line["run"]] = why
        del self._unsent[0]

    async def _send(self) -> None:
        """Send what take() did not wait for, until cancelled. Without it this process would look alive and be deaf."""
        try:
            await self._send_on()
        except Exception as error:
            self.why_over = f"its lines cannot be sent ({error!r}). Try: starting it again"
            self.over.set()

    async def _send_on(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            with contextlib.suppress(OSError):
                await self.sent()
            if self._unsent:
                await asyncio.sleep(0.5)
                self._more.set()

    # --- the lease -------------------------------------------------------------------------------

    def _renewed(self, lease: float, asked: float) -> None:
        """It lasts from when we asked: the other side counts from later on. asked: by lease.now()."""
        self._deadline.set(asked + lease)
        if not self._lease:
            self._lease = lease
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._renew, args=(loop,), daemon=True).start()
            threading.Thread(target=self._watch, daemon=True).start()

    def _renew(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask again and again; in a thread. Each try is short, for a packet that was lost is sent again late by TCP."""
        options = OverPort.options(self._at) | {"timeout": max(1.0, self._lease / 8)}
        client = httpx.Client(**options)
        pause = every = min(RENEW, self._lease / 4)
        while True:
            if self._left.wait(pause):
                return
            asked, wall = now(), time.time()
            try:
                answer = client.put("/durable/session")
                if answer.status_code == 401:
                    break
                told = answer.raise_for_status().json()
                lease, theirs = float(told["lease"]), float(told["now"])
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                client.close()
                client, pause = httpx.Client(**options), min(0.5, every)
                continue
            pause = every
            self._renewed(lease, asked)
            try:
                joining.need_same_clock(joining.difference(theirs, wall, time.time()), "the machine it joined")
            except joining.NotJoined as error:
                self.why_over = str(error)
                with contextlib.suppress(httpx.HTTPError):
                    client.delete("/durable/session")
                break
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self.over.set)

    def _watch(self) -> None:
        """End this process when its lease has passed, in a thread. What keeps it does the same from outside."""
        while not self._left.wait(TICK):
            if self._deadline.passed():
                why = f"{self._at} was not reached for {self._lease:g} s. What {self._name} ran runs again elsewhere"
                with contextlib.suppress(OSError):
                    os.set_blocking(2, False)  # who reads it may be stopped
                    os.write(2, f"error: {why}; it ends. Try: starting it again\n".encode())
                end_group(os.getpid())

    async def end(self) -> None:
        """Send the last lines, and leave."""
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.sent(), LAST)
        if self._sending:
            self._sending.cancel()
        self._left.set()
        if self._client:
            with contextlib.suppress(httpx.HTTPError):
                await self._client.delete("/durable/session", timeout=LAST)
            await self._client.aclose()

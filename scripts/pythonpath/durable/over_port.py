"""A task server, or who submits, on another machine than the Prefect server: files and records go over its port.

serve(…, records="https://HOST:PORT") and json_only("https://HOST:PORT"), in a process with the settings of at.py.
"""

import asyncio
import contextlib
import itertools
import os
import threading
from typing import Any, Self

import httpx
from prefect import tasks
from prefect.client.orchestration import PrefectClient
from prefect.settings import get_current_settings

from durable.plain import NotPlain

RENEW = 5  # seconds between two signs of life, at the most
PATIENCE = 20  # seconds that a file or a line may take
LAST = 5  # seconds for the last lines, at the end


class OverPort:
    """Files at the port, with the four methods of plain.Folder, on connections that are kept."""

    def __init__(self, at: str) -> None:
        self._at = at
        self._sync: httpx.Client | None = None
        self._asyncs: dict[int, httpx.AsyncClient] = {}  # one for each event loop
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

    def _async_client(self) -> httpx.AsyncClient:
        loop = id(asyncio.get_running_loop())
        if loop not in self._asyncs:
            self._asyncs[loop] = httpx.AsyncClient(**self.options(self._at))
        return self._asyncs[loop]

    @staticmethod
    def _judged(answer: httpx.Response, key: str) -> bytes:
        """Raises FileNotFoundError, NotPlain for what may not pass, or httpx.HTTPStatusError."""
        if answer.status_code == 404:
            raise FileNotFoundError(key)
        if answer.status_code in (413, 422):
            raise NotPlain(answer.json()["detail"])
        return answer.raise_for_status().content

    def read(self, key: str) -> bytes:
        return self._judged(self._client().get(f"/durable/storage/{key}"), key)

    def write(self, key: str, content: bytes) -> None:
        self._judged(self._client().put(f"/durable/storage/{key}", content=content), key)

    async def aread(self, key: str) -> bytes:
        return self._judged(await self._async_client().get(f"/durable/storage/{key}"), key)

    async def awrite(self, key: str, content: bytes) -> None:
        self._judged(await self._async_client().put(f"/durable/storage/{key}", content=content), key)


class KeptClient(PrefectClient):
    """Prefect's, which is opened once and stays open: a new one for each submit is a new TLS connection each."""

    async def __aenter__(self) -> Self:
        return self if self._started else await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        pass


def keep_clients() -> None:
    """From now on the submits of this process share a client for each event loop."""
    kept: dict[int, KeptClient] = {}

    def get_client() -> KeptClient:
        loop = id(asyncio.get_running_loop())
        if loop not in kept:
            kept[loop] = KeptClient(get_current_settings().api.url or "")
        return kept[loop]

    tasks.get_client = get_client


class RecordOverPort:
    """What records.Record is on the Prefect server's machine: lines go to the port, which writes them there."""

    path = None

    def __init__(self, at: str, name: str, **about: Any) -> None:
        self._at = at
        self._about = {"n": 0, "server": name, "pid": os.getpid(), **about}
        self._unsent = [self._about]
        self._count = itertools.count(1)  # of lines: the port takes none twice, whatever became of its answer
        self._refused: dict[str, str] = {}  # runs that others have, and who
        self._lock = asyncio.Lock()
        self._more = asyncio.Event()  # there are lines to send
        self._every = float(RENEW)
        self.over = asyncio.Event()  # that machine has ended this session: nothing that runs here counts any more
        self._client: httpx.AsyncClient | None = None
        self._renewing: asyncio.Task[None] | None = None

    def write(self, **fields: Any) -> None:
        """Keep a line, which is sent soon."""
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
            await self.sent()  # or _renew() was quicker
            return self._refused.pop(run, None)
        except (OSError, asyncio.CancelledError):
            # It may have arrived, and the answer was lost, or nobody waits for it any more.
            self.write(run=run, event="end", how="refused")
            raise

    async def sent(self) -> None:
        """Until all lines are there. Raises OSError while that is not possible."""
        async with self._lock:
            if not self._client:
                self._client = httpx.AsyncClient(**OverPort.options(self._at))
                self._renewing = asyncio.create_task(self._renew())
            while lines := self._unsent[:500]:
                try:
                    answer = await self._client.post("/durable/records", json=lines)
                except httpx.HTTPError as error:
                    raise OSError(str(error) or type(error).__name__) from None
                if answer.status_code == 401:
                    self.over.set()
                    raise PermissionError("that machine has ended this session")
                if answer.status_code == 409:  # it has started again, and lost what this process is
                    self._unsent.insert(0, self._about)
                if answer.is_error:
                    with contextlib.suppress(ValueError, KeyError):
                        raise OSError(f"the port answers: {answer.json()['detail']}")
                    raise OSError(f"the port answers {answer.status_code}")
                del self._unsent[: len(lines)]
                self._refused |= answer.json()["refused"]
                self._every = min(RENEW, answer.json()["lease"] / 4)

    async def _renew(self) -> None:
        """Send what is left, and a sign of life every few seconds, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), self._every)
            self._more.clear()
            with contextlib.suppress(OSError, httpx.HTTPError):
                if self._unsent:
                    await self.sent()
                elif self._client and (await self._client.put("/durable/session")).status_code == 401:
                    self.over.set()
            if self._unsent:
                await asyncio.sleep(0.5)
                self._more.set()

    async def end(self) -> None:
        """Send the last lines, and leave."""
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.sent(), LAST)
        if self._renewing:
            self._renewing.cancel()
        if self._client:
            with contextlib.suppress(httpx.HTTPError):
                await self._client.delete("/durable/session", timeout=LAST)
            await self._client.aclose()

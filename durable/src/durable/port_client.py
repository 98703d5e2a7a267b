"""A task server or a submitter on another machine than the Prefect server: files go over its port.

json_only("https://HOST:PORT"), in a process with the settings of join_command.py.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

import httpx
from prefect import tasks
from prefect.client.orchestration import PrefectClient
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings

from durable.json_limits import NotPlain

logger = get_logger("task_worker")

PATIENCE = 20  # seconds that a file may take: 10 MB at 4 Mbit/s
AGAIN = 0.5  # seconds between two tries, where a file is a run's: the port starts again in some seconds
TOO_MANY = 429  # the HTTP status where more was sent than one address may: later is right, however long that takes
LONGEST_PAUSE = 60  # seconds, whatever the port says
FAILING = 60  # seconds that the storage there may fail; where nobody answers, the lease ends


Keeping = AsyncGenerator[None]


async def _until_the_loop_ends(close: Callable[[], Awaitable[Any]]) -> Keeping:
    """Started in an event loop, it closes what is left to it before that loop closes: asyncio.run() ends generators.

    Else a program that calls asyncio.run() for each request would leave a TLS connection each time.
    """
    try:
        yield
    finally:
        await close()


class PortStorage:
    """Files at the port, with the four methods of storage.Folder, on connections that are kept."""

    serves = False  # whether this process is a task server: then it tries again until its lease ends

    def __init__(self, at: str) -> None:
        self._at = at
        self._sync: httpx.Client | None = None
        self._asyncs: dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, Keeping]] = {}
        self._lock = threading.Lock()
        self._slowed_down = False  # and was told

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
    def _content_of(answer: httpx.Response, key: str) -> bytes:
        """Raises FileNotFoundError, NotPlain for what may not pass, or httpx.HTTPStatusError."""
        if answer.status_code == 404:
            raise FileNotFoundError(key)
        if answer.status_code in (403, 413, 422):
            raise NotPlain(answer.json()["detail"])
        return answer.raise_for_status().content

    def _retry_after(self, error: httpx.HTTPError, began: float) -> float | None:
        """After how many seconds to try again, or None: a run whose result cannot be stored is rolled back by Prefect,
        Completed without it.

        began: by time.monotonic().
        """
        answer = getattr(error, "response", None)
        if answer is not None and answer.status_code == TOO_MANY:
            pause = AGAIN
            with suppress(ValueError):
                pause = min(LONGEST_PAUSE, max(AGAIN, float(answer.headers.get("Retry-After", AGAIN))))
            if not self._slowed_down:
                self._slowed_down = True
                logger.warning("the machine it joined takes no more files for now, so this one waits")
            return pause
        failing = answer is not None and answer.status_code >= 500 and time.monotonic() - began < FAILING
        return AGAIN if self.serves and (answer is None or failing) else None

    def _request(self, method: str, key: str, content: bytes | None = None) -> bytes:
        began = time.monotonic()
        while True:
            try:
                return self._content_of(self._client().request(method, f"/durable/storage/{key}", content=content), key)
            except httpx.HTTPError as error:
                if (pause := self._retry_after(error, began)) is None:
                    raise
            time.sleep(pause)

    async def _arequest(self, method: str, key: str, content: bytes | None = None) -> bytes:
        began = time.monotonic()
        while True:
            try:
                answer = await (await self._async_client()).request(method, f"/durable/storage/{key}", content=content)
                return self._content_of(answer, key)
            except httpx.HTTPError as error:
                if (pause := self._retry_after(error, began)) is None:
                    raise
            await asyncio.sleep(pause)

    def read(self, key: str) -> bytes:
        return self._request("GET", key)

    def write(self, key: str, content: bytes) -> None:
        self._request("PUT", key, content)

    async def aread(self, key: str) -> bytes:
        return await self._arequest("GET", key)

    async def awrite(self, key: str, content: bytes) -> None:
        await self._arequest("PUT", key, content)


class SharedClient(PrefectClient):
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


def share_clients() -> None:
    """From now on the submits of this process share a client for each event loop."""
    kept: dict[asyncio.AbstractEventLoop, SharedClient] = {}

    def get_client() -> SharedClient:
        loop = asyncio.get_running_loop()
        if loop not in kept:
            forget_closed(kept)
            kept[loop] = SharedClient(get_current_settings().api.url or "")
        return kept[loop]

    tasks.get_client = get_client  # type: ignore[assignment]  # Prefect's has arguments that it does not give itself

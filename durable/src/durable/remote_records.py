"""A task server on another machine than the Prefect server: what it writes into its record goes over the port, and so
does its lease.

serve(…, records="https://HOST:PORT"), in a process with the settings of join_command.py.
"""

import asyncio
import contextlib
import itertools
import os
import threading
import time
from typing import Any

import httpx
from prefect.logging.loggers import get_logger

from durable import joining
from durable.api_errors import is_permanent_status
from durable.lease import Deadline, end_group, now
from durable.load_sharing import Peers
from durable.port_client import PortStorage
from durable.run_history import How
from durable.text import printable

logger = get_logger("task_worker")

RENEW = 5  # seconds between two signs of life, at the most; else a quarter of the lease
TICK = 0.1  # seconds between two looks at the deadline: far less than any lease
LINES = 5  # seconds that lines may take: a quarter of the default lease
MOST = 500  # of them in a request: some 100 kB, well below the port's limit
LAST = 5  # seconds for the last lines, at the end: one try


class RemoteRecord:
    """What records.Record is on the Prefect server's machine: lines go to the port, which writes them there.

    Instead of a lock there is a lease: a thread renews it, and another ends this process, with all that it runs,
    where that did not succeed in time. Threads, because a run that blocks the event loop is no reason to lose it.
    """

    path = None

    def __init__(self, at: str, name: str, **about: Any) -> None:
        keys = about.get("keys", [])
        if len(keys) > 1000 or max(map(len, keys), default=0) > 300:  # port/records.py takes no more
            raise ValueError("a task server on another machine has at most 1,000 keys, of 300 characters each")
        name = printable(name)[:100]
        self._at, self._name = at, name
        PortStorage.serves = True
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
        self.end_reason = "that machine has ended its session. Try: start it again"
        self._client: httpx.AsyncClient | None = None
        self._sending: asyncio.Task[None] | None = None
        self._lease = 0.0  # seconds
        self._deadline = Deadline(os.environ.get("LEASE_FILE"))
        self._left = threading.Event()

    def write(self, *, must: bool = False, **fields: Any) -> None:
        """Keep a line, which is sent soon. must: of no account here; claim() waits."""
        if fields.get("event") == "down":
            return  # from here it looks the same when a cable is pulled; that machine's own task servers know
        self._unsent.append({"n": next(self._count), **fields})
        self._more.set()

    async def claim(self, run: str, **fields: Any) -> str | None:
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

    async def peers(self) -> Peers:
        """Who is there besides it, as the port says."""
        if not self._client:
            return Peers()
        try:
            reply = (await self._client.get("/durable/records/others")).raise_for_status().json()
            return Peers(bool(reply["free"]), bool(reply["rescuer"]))
        except (httpx.HTTPError, ValueError, KeyError, TypeError):  # it is unreachable, or of version 1.0
            return Peers()

    async def sent(self) -> None:
        """Until all lines are there. Raises OSError while that is not possible."""
        async with self._lock:
            if not self._client:
                self._client = httpx.AsyncClient(**PortStorage.options(self._at) | {"timeout": LINES})
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
                elif answer.is_error and is_permanent_status(answer.status_code):
                    self._refuse(lines, answer)
                    continue
                if answer.is_error:
                    with contextlib.suppress(ValueError, KeyError):
                        raise OSError(f"the port answers: {answer.json()['detail']}")
                    raise OSError(f"the port answers {answer.status_code}")
                reply = answer.json()
                del self._unsent[: len(lines)]
                self._refused |= reply["refused"]
                self._renewed(reply["lease"], asked)

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
            self.end_reason = f"{why}. Try: use another name, or fewer keys"
            self.over.set()
            raise PermissionError(why)
        logger.error(f"A line of {self._name} is dropped ({why}): {line}")
        if line.get("event") == "start":
            self._refused[line["run"]] = why
        del self._unsent[0]

    async def _send(self) -> None:
        """Send what claim() did not wait for, until cancelled. Without it this process would look alive and be deaf."""
        try:
            await self._send_on()
        except Exception as error:
            self.end_reason = f"its lines cannot be sent ({error!r}). Try: start it again"
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
        options = PortStorage.options(self._at) | {"timeout": max(1.0, self._lease / 8)}
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
                reply = answer.raise_for_status().json()
                lease, theirs = float(reply["lease"]), float(reply["now"])
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                client.close()
                client, pause = httpx.Client(**options), min(0.5, every)
                continue
            pause = every
            self._renewed(lease, asked)
            try:
                joining.need_same_clock(joining.difference(theirs, wall, time.time()), "the machine it joined")
            except joining.NotJoined as error:
                self.end_reason = str(error)
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
                    os.write(2, f"error: {why}; it ends. Try: start it again\n".encode())
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

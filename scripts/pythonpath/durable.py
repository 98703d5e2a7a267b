"""Task servers for Prefect 3.8 that can be stopped without losing runs, and that record who runs what.

Prefect's own `serve()` leaves the runs in flight Running for ever when it is told to stop, and a finished run has no
field that says which task server ran it. Take this file along and write

    from durable import serve

    serve(my_task, limit=4, grace=30, name="mailer-1", records="/var/lib/my-app/task-servers")

On SIGTERM or Ctrl-C the task server takes nothing new and finishes what it has in flight, for up to `grace` seconds;
what is not finished then, or at a second signal, goes back to the queue. Then it exits with 0. A run that went back
is started again from its beginning, so tasks should be safe to run twice.

`records` is a folder that all task servers share. Each appends to a file of its own there, a JSON object a line:
first what the server is, then each run's start and end. A line is written before the run starts, so the record
survives a `kill -9`.

Prefect makes a task's key from its code, its file's path and the Python version, and a run waits for ever when nobody
serves its key. Where the one who submits and the task server run from different folders, containers or Pythons, say

    @keyed("signups")
    @task
    def my_task(): ...

Nothing here belongs to the workshop kit.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRun
from prefect.client.subscriptions import Subscription
from prefect.events.worker import EventsWorker
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings
from prefect.states import Scheduled
from prefect.task_worker import TaskWorker
from websockets.exceptions import InvalidHandshake, WebSocketException

logger = get_logger("task_worker")
P = ParamSpec("P")
R = TypeVar("R")


def keyed(namespace: str, version: str = "1") -> Callable[[Task[P, R]], Task[P, R]]:
    """A decorator above `@task`: the key becomes `namespace.function-version`, wherever the code stands.

    Change the version when queued runs of the code before must not reach the code after. A copy made by
    `with_options` has a key of Prefect's own again. Wants a task server of this module: Prefect's computes the keys of
    what it serves anew, and drops the runs whose key it then does not find (seen in 3.8.8, task_worker.py).
    """

    def set_key(task: Task[P, R]) -> Task[P, R]:
        task.task_key = f"{namespace}.{task.fn.__name__}-{version}"
        return task

    return set_key


class Record:
    """The lines that one task server appends to its own file; does nothing without a folder."""

    def __init__(self, folder: str | os.PathLike[str] | None, name: str) -> None:
        self._file = None
        if folder:
            path = Path(folder)
            path.mkdir(parents=True, exist_ok=True)
            unique = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl"
            # One write() a line, unbuffered: a line is whole or absent, whatever happens to this process.
            self._file = (path / unique).open("ab", buffering=0)
            self.write(server=name, host=socket.gethostname(), pid=os.getpid())

    def write(self, **fields: Any) -> None:
        if self._file:
            self._file.write(json.dumps({**fields, "at": time.time()}).encode() + b"\n")


class DrainingTaskWorker(TaskWorker):
    """Prefect's TaskWorker, which also stops without losing a run and records what it runs."""

    def __init__(self, *tasks: Task[..., Any], limit: int | None, name: str, records: Any) -> None:
        super().__init__(*tasks, limit=limit)
        for copy, given in zip(self.tasks, tasks, strict=True):  # see keyed()
            copy.task_key = given.task_key
        self.name = name
        self._record = Record(records, name)
        self._parameters: dict[UUID, UUID | None] = {}  # of the runs in flight, to be able to give them back
        self._idle = asyncio.Event()
        self._idle.set()

    async def take_runs(self) -> None:
        """Receive runs and start them, until cancelled.

        Prefect's own loop acknowledges a run and then waits for a free place: a run that is acknowledged has left the
        server's queue, so stopping in between loses it. Here the place comes first. What the server has sent and we
        have not acknowledged goes back to its queue when the connection closes (server/api/task_runs.py).
        """
        runs = Subscription(
            model=TaskRun,
            path="/task_runs/subscriptions/scheduled",
            keys=self.task_keys,
            client_id=self.client_id,
            base_url=get_current_settings().api.url,
        )
        try:
            while True:
                place = object()
                if self._limiter:
                    await self._limiter.acquire_on_behalf_of(place)
                try:
                    run = await self._next(runs)
                finally:
                    if self._limiter:
                        self._limiter.release_on_behalf_of(place)
                # Nothing is awaited between here and the start, so a cancellation cannot fall in between.
                if self._limiter:
                    self._limiter.acquire_on_behalf_of_nowait(run.id)
                assert self._runs_task_group
                self._idle.clear()
                self._parameters[run.id] = run.state.state_details.task_parameters_id if run.state else None
                logger.info(f"Received task run: {run.id} - {run.name}")
                self._runs_task_group.start_soon(self._safe_submit_scheduled_task_run, run)
        finally:
            if runs._websocket:
                await runs._websocket.close()

    async def _next(self, runs: "Subscription[TaskRun]") -> TaskRun:
        """The next run. While the API is away or starting, keep trying; Prefect's own retry gives up on some errors."""
        told = False
        while True:
            try:
                return await anext(runs)
            except (OSError, InvalidHandshake, WebSocketException) as error:
                if getattr(getattr(error, "response", None), "status_code", 500) < 500:
                    raise  # 401, 403: waiting does not help
                if not told:
                    logger.warning(f"The Prefect API is away ({error}); trying again until it is back")
                    told = True
                runs._websocket = None
                await asyncio.sleep(0.1)

    async def _safe_submit_scheduled_task_run(self, task_run: TaskRun) -> None:
        self._record.write(run=str(task_run.id), event="start")
        try:
            await super()._safe_submit_scheduled_task_run(task_run)
        finally:
            self._record.write(run=str(task_run.id), event="end")
            self._parameters.pop(task_run.id, None)
            if not self._parameters:
                self._idle.set()

    async def give_back(self) -> None:
        """Put the runs in flight back into the queue, for another task server."""
        async with get_client() as client:
            for run_id, parameters in list(self._parameters.items()):
                state = Scheduled(message=f"{self.name} was stopped before it finished; back in the queue")
                state.state_details.deferred = True
                state.state_details.task_parameters_id = parameters
                await client.set_task_run_state(run_id, state, force=True)
                logger.info(f"Task run {run_id} went back to the queue")


async def aserve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
    grace: float = 30,
    name: str | None = None,
    records: str | os.PathLike[str] | None = None,
) -> None:
    """Serve the tasks until SIGTERM, SIGINT or `timeout` seconds; see the module's docstring for what is added.

    limit: runs at once. timeout, grace: seconds. name: who ran it, in the records (default: host-pid).
    status_server_port: refused with ValueError; it crashes Prefect 3.8.8's task server.
    """
    if status_server_port is not None:
        raise ValueError("status_server_port crashes the task server of Prefect 3.8.8")
    if get_current_settings().api.url is None:
        raise ValueError("a task server needs PREFECT_API_URL: start a Prefect server and set it")
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    worker = DrainingTaskWorker(*tasks, limit=limit, name=name, records=records)
    signals: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():  # only there can Python handle signals
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, signals.put_nowait, number)

    async with worker:
        logger.info(f"{worker.name} serves {' | '.join(sorted(task.name for task in worker.tasks))}")
        taking = asyncio.create_task(worker.take_runs())
        told = asyncio.create_task(signals.get())
        await asyncio.wait({taking, told}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            told.cancel()
            await taking  # raises what ended it
        taking.cancel()
        await asyncio.wait({taking})
        if worker._parameters:
            count = len(worker._parameters)
            logger.info(f"Stopping: taking nothing new, finishing {count} run(s), for up to {grace:g} s")
            if told.done():
                told = asyncio.create_task(signals.get())
            idle = asyncio.create_task(worker._idle.wait())
            await asyncio.wait({idle, told}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
        told.cancel()
        if worker._parameters:
            # A thread cannot be stopped from outside, so the process ends here, once everything it knows is sent.
            try:
                await asyncio.wait_for(worker.give_back(), 5)
            except Exception as error:
                logger.error(f"Could not give {len(worker._parameters)} run(s) back: {error!r}")
            await asyncio.to_thread(EventsWorker.drain_all, timeout=5)  # in a thread, where it waits
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    logger.info("Stopped; nothing is in flight")


def serve(*tasks: Task[..., Any], **options: Any) -> None:
    """The same from ordinary code; returns when the task server has stopped."""
    asyncio.run(aserve(*tasks, **options))

"""Puts back into the queue what was lost: runs whose task server died, and runs that the Prefect server forgot.

Prefect's queue is in the memory of its server (server/task_queue.py, issue #21218) and its states are in the database.
Nothing in Prefect compares the two, and nothing notices that a task server is dead. This does, through the public API.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterState, TaskRunFilterStateType
from prefect.client.schemas.objects import StateType, TaskRun
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed

from durable.calls import lacks_result, set_end, set_state
from durable.records import Process, Record, Records, Story
from durable.serving import line_on_page, nobody_listens, queued_again

SETTLE = 10  # seconds that the end of a run may take from its task server to Prefect's database
IDLE = 10  # seconds that a run waits beside free task servers before it counts as forgotten
PAGE = 200  # runs that Prefect's API returns at once
AT_ONCE = 4  # requests
WEEK = 7 * 24 * 3600


@dataclass
class LostRun:
    """A run that nobody runs and nobody will be sent, and why."""

    run: TaskRun
    why: str
    rescue: bool = False  # whether a task server died with it, which counts
    ended: dict[str, Any] | None = None  # its final state, where only Prefect does not know of it: see Start.ended_as


@dataclass
class Report:
    """What one look found and did."""

    lost: list[LostRun] = field(default_factory=list)  # all of them, as found
    put_back: list[LostRun] = field(default_factory=list)
    given_up: list[LostRun] = field(default_factory=list)
    ended: list[LostRun] = field(default_factory=list)  # those whose end Prefect was told of
    unsure: int = 0  # runs that may still report by themselves
    unserved: dict[str, int] = field(default_factory=dict)  # task key that no task server serves → runs that wait
    unknown: int = 0  # runs Pending or Running by something that keeps no record here
    strangers: list[str] = field(default_factory=list)  # task servers that are subscribed and keep no record here


@dataclass
class Seen:
    """What Prefect said in one look."""

    runs: list[TaskRun]  # under way
    waiting: list[TaskRun]
    served: set[str]  # the keys that task servers serve
    at: float  # seconds since 1970
    everything: bool  # whether `waiting` has all of them, or the newest only


async def runs_in(client: PrefectClient, *types: StateType, everything: bool = True, step: int = PAGE) -> list[TaskRun]:
    """The runs in states of these types, newest first; of `everything` False one page.

    step: how far a page is from the next. A run that leaves these states meanwhile moves the others up: with less than
    PAGE the pages overlap, so that none is missed.
    """
    wanted = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=list(types))))
    found: dict[object, TaskRun] = {}
    offset = 0
    while True:
        page = await client.read_task_runs(task_run_filter=wanted, sort=TaskRunSort.ID_DESC, limit=PAGE, offset=offset)
        found |= {run.id: run for run in page}
        offset += step
        if len(page) < PAGE or not everything:
            return list(found.values())


def strangers_among(identifiers: Iterable[str], processes: Iterable[Process]) -> list[str]:
    """Of task servers that are subscribed, by the names that Prefect has for them (host-pid), those without a record.

    What such a one runs nobody puts back: it has another folder, or none. A task server of another machine may have
    another host name in its record than there (sessions.py), so there the pid is enough.
    """
    known = {(process.host, process.pid) for process in processes}
    elsewhere = {process.pid for process in processes if process.lease}
    found = []
    for identifier in identifiers:
        host, _, pid = identifier.rpartition("-")
        if pid.isdigit() and (host, int(pid)) not in known and int(pid) not in elsewhere:
            found.append(identifier)
    return sorted(found)


class OneAtATime:
    """A lock of all processes with this file. It never blocks the event loop, and excludes the others in this process.

    fcntl's lock belongs to the process, and is gone when any handle of the file is closed: so there is one handle.
    """

    _known: ClassVar[dict[Path, "OneAtATime"]] = {}
    LOOK = 0.05  # seconds between two tries

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._here = threading.Lock()

    @classmethod
    def of(cls, path: Path) -> "OneAtATime":
        """Raises OSError if the file cannot be opened."""
        if path not in cls._known:
            cls._known[path] = cls(path)
        return cls._known[path]

    async def __aenter__(self) -> None:
        while not self._here.acquire(blocking=False):
            await asyncio.sleep(self.LOOK)
        try:
            while True:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except (BlockingIOError, PermissionError):
                    await asyncio.sleep(self.LOOK)
        except BaseException:
            self._here.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._here.release()


class Rescuer:
    """Compares the records in a folder with Prefect's states; see look() and find().

    name: of this process in the records; None for one that only ever calls find(), and so writes nothing.
    """

    def __init__(self, folder: str | os.PathLike[str], max_rescues: int = 3, name: str | None = "rescuer") -> None:
        if not get_current_settings().api.url:  # Prefect would start a server of its own, for this process
            raise ValueError("a rescuer needs PREFECT_API_URL, the address of the Prefect server")
        self.folder = Path(folder).resolve()
        self.max_rescues = max_rescues
        self.record = Record(self.folder if name else None, name or "")
        self.records = Records(self.folder, self.record.path)
        self._lock = OneAtATime.of(self.folder / "rescuer.lock") if name else None
        self._reached = time.time()  # since when the API has answered
        self._last_try: UUID | None = None  # the run that was put back for the last time
        self._was_down = 0.0  # when nobody listened at the API's address, since it answered last
        self._all_seen = 0.0  # when every waiting run was last looked at

    async def find(self) -> Report:
        """Only find what is lost, in `lost`; puts nothing back. Raises httpx.HTTPError or OSError as look() does."""
        async with get_client(httpx_settings={"timeout": 20}) as client:
            return (await self._find(client))[0]

    async def look(self) -> Report:
        """One look. Puts back the lost runs, and gives up those that a task server died with too often.

        Raises httpx.HTTPError or OSError when the API is away.
        """
        if not self._lock:
            raise ValueError("a Rescuer without a name only finds")
        async with self._lock:  # no matter who started the others
            try:
                async with get_client(httpx_settings={"timeout": 20}) as client:
                    return await self._look(client)
            except (httpx.HTTPError, OSError):
                await self._note_if_down()
                raise

    async def _note_if_down(self) -> None:
        self._reached = tried = time.time()
        address = urlsplit(get_current_settings().api.url or "")
        try:
            port = address.port or (443 if address.scheme == "https" else 80)
            await asyncio.to_thread(lambda: socket.create_connection((address.hostname, port), 1).close())
        except OSError as error:
            if nobody_listens(error):
                self.record.write(event="down", at=tried)
                self._was_down = tried

    async def _find(self, client: PrefectClient) -> tuple[Report, Seen]:
        report = Report()
        # First Prefect's states, then the records: what is taken from the queue in between is on record.
        runs = await runs_in(client, StateType.PENDING, StateType.RUNNING, StateType.PAUSED)
        began = time.time()
        if self._was_down:
            self.record.write(event="up")
            self.records.down, self._was_down = max(self.records.down, self._was_down), 0.0
        # One page of those that wait is always looked at; all of them every 10 s, and when a Prefect server has gone.
        self.records.read()
        everything = began - self._all_seen > SETTLE or self.records.down > self._all_seen - 1
        waiting = await runs_in(client, StateType.SCHEDULED, everything=everything)
        workers = await self._task_workers(client)
        served = {key for worker in workers for key in worker["task_keys"]}
        self.records.read()
        report.strangers = strangers_among(
            [worker["identifier"] for worker in workers], list(self.records.processes.values())
        )
        report.lost = [lost_run for run in runs + waiting if (lost_run := self._why_lost(run, began, report))]
        return report, Seen(runs, waiting, served, began, everything)

    async def _look(self, client: PrefectClient) -> Report:
        report, seen = await self._find(client)
        lost = report.lost
        given_up: list[LostRun] = []
        back: list[LostRun] = []
        ended: list[LostRun] = []
        alone = await self._alone(client, lost)
        for lost_run in lost:
            story = self.records.runs.get(str(lost_run.run.id)) or Story()
            last_try = lost_run.rescue and story.rescues == self.max_rescues - 1 > 0
            if lost_run.rescue and story.rescues >= self.max_rescues:
                given_up.append(lost_run)
            elif lost_run.ended and not lacks_result(lost_run.ended):
                ended.append(lost_run)
            elif last_try and not alone:
                report.unsure += 1
            elif lost_run.run.task_key not in seen.served:
                pass  # a full queue would block the server; it is not lost before somebody could run it
            else:
                back.append(lost_run)
                if last_try:
                    self._last_try, alone = lost_run.run.id, False
        some_at_once = asyncio.Semaphore(AT_ONCE)

        async def act(on: Callable[..., Awaitable[None]], lost_run: LostRun) -> None:
            async with some_at_once:
                with contextlib.suppress(ObjectNotFound):  # deleted meanwhile
                    await on(client, lost_run, report)

        acts = ((self._give_up, given_up), (self._put_back, back), (self._post_end, ended))
        all_of_them = [act(on, lost_run) for on, runs in acts for lost_run in runs]
        done = await asyncio.gather(*all_of_them, return_exceptions=True)
        await self._tell(client, report.put_back + report.given_up + report.ended)
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure
        for run in seen.waiting:
            queued = run.task_key not in seen.served and self._queued(run)
            if queued and run.state and seen.at - run.state.timestamp.timestamp() > IDLE / 2:
                report.unserved[run.task_key] = report.unserved.get(run.task_key, 0) + 1
        if seen.everything:
            self._all_seen = seen.at
            # What Prefect has seen end will not be asked for again.
            self.records.forget(seen.at - 3 * SETTLE, but={str(run.id) for run in seen.runs + seen.waiting})
            self.records.tidy(seen.at - WEEK)
        return report

    async def _alone(self, client: PrefectClient, lost: list[LostRun]) -> bool:
        """Whether no other run is on its last try. A task that kills its process takes others along, perhaps the same
        ones each time; so that these come through, the last try is made by one run after the other.
        """
        if not self._last_try or any(lost_run.run.id == self._last_try for lost_run in lost):
            return True
        try:
            state = (await client.read_task_run(self._last_try)).state
        except ObjectNotFound:
            return True
        return bool(state and state.is_final())

    @staticmethod
    async def _tell(client: PrefectClient, lost: list[LostRun]) -> None:
        for start in range(0, len(lost), PAGE):
            await client.create_logs(line_on_page(o.run, o.why) for o in lost[start : start + PAGE])

    async def _task_workers(self, client: PrefectClient) -> list[dict[str, Any]]:
        answer = await client._client.post("/task_workers/filter", json={})
        workers: list[dict[str, Any]] = answer.json()
        return workers

    @staticmethod
    def _queued(run: TaskRun) -> bool:
        """Whether the state is one that put the run into the server's queue. AwaitingRetry, of a run that a task
        server has in flight, is Scheduled too, but no deferred one.
        """
        return bool(run.state and run.state.is_scheduled() and run.state.state_details.deferred)

    def _why_lost(self, run: TaskRun, now: float, report: Report) -> LostRun | None:
        """The heart of it. None: somebody runs it or will be sent it, or it is too early to say."""
        story = self.records.runs.get(str(run.id)) or Story()
        if not run.state or story.running_on():
            return None
        if run.state.is_pending() and run.state.name == "NotReady":
            return None  # what it waited for has failed: Prefect ends it in this state, and would each time again
        queued, since = self._queued(run), run.state.timestamp.timestamp()
        state_id = str(run.state.id)
        starts = [start for start in story.starts if not queued or start.state == state_id]
        starts = [start for start in starts if start.how != "refused"] or starts
        if starts:
            last = max(starts, key=lambda start: start.at)
            if last.ended is None:
                why = f"{last.by.name} (pid {last.by.pid}) died while it had this run"
                if last.by.lease:
                    why = f"{last.by.name} was not heard of any more while it had this run"
                return LostRun(run, why, rescue=True)
            if now - max(last.ended, self._reached) < SETTLE:
                report.unsure += 1
                return None
            if last.how in ("refused", "given back", "unreadable"):
                return LostRun(run, f"{last.by.name} did not take it")
            why = f"it ended on {last.by.name}, and its end never reached the Prefect server"
            return LostRun(run, why, ended=last.ended_as)
        if not queued:
            report.unknown += 1
            return None
        if state_id in story.backs:
            if now - story.backs[state_id] < SETTLE:
                report.unsure += 1
                return None
            return LostRun(run, "what was putting it back did not finish")
        if since < self.records.down:
            return LostRun(run, "the Prefect server that had it in its queue is gone")
        # Who is connected and has a free place is sent a run within 10 ms, if there is one.
        able = [p for p in self.records.processes.values() if p.alive and p.up and run.task_key in p.keys]
        if able and all(p.free for p in able):
            if now - max(since, *(p.quiet_since for p in able)) > IDLE:
                return LostRun(run, f"it waited {now - since:.0f} s beside free task servers, so it is in no queue")
            report.unsure += 1
        return None

    async def _put_back(self, client: PrefectClient, lost_run: LostRun, report: Report) -> None:
        run, story = lost_run.run, self.records.runs.setdefault(str(lost_run.run.id), Story())
        assert run.state
        parameters = run.state.state_details.task_parameters_id or story.parameters
        if lost_run.rescue:
            story.rescues += 1
            message = f"Rescue {story.rescues} of {self.max_rescues}, back in the queue: {lost_run.why}"
        else:
            message = f"Back in the queue: {lost_run.why}"
        # Written before it is done: an entry of the old queue that turns up after all is refused by all. Then a last
        # look, for somebody who took it just before we wrote that.
        old = self._old_state(run, story)
        self.record.write(must=True, event="back", run=str(run.id), state=old, counted=lost_run.rescue)
        story.backs[old] = story.touched = time.time()
        self.records.read()
        if story.running_on():
            return
        await set_state(client, run.id, queued_again(message, parameters))
        lost_run.why = message
        report.put_back.append(lost_run)

    def _old_state(self, run: TaskRun, story: Story) -> str:
        """The state by which the run was queued last."""
        last = story.last()
        return str(run.state.id) if self._queued(run) and run.state else last.state if last else ""

    async def _give_up(self, client: PrefectClient, lost_run: LostRun, report: Report) -> None:
        story = self.records.runs[str(lost_run.run.id)]
        died = ", ".join(dict.fromkeys(start.by.name for start in story.starts if start.ended is None))
        lost_run.why = f"Given up after {self.max_rescues} rescues: the task servers that had this run died ({died})"
        await set_state(client, lost_run.run.id, Crashed(message=lost_run.why))
        report.given_up.append(lost_run)
        self.record.write(event="given up", run=str(lost_run.run.id))

    async def _post_end(self, client: PrefectClient, lost_run: LostRun, report: Report) -> None:
        """Tell Prefect how a run ended whose task server could not, rather than run it again."""
        assert lost_run.ended
        try:
            await set_end(client, lost_run.run.id, lost_run.ended)
        except ValueError:  # of another version, or damaged
            return await self._put_back(client, lost_run, report)
        report.ended.append(lost_run)

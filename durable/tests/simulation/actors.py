"""Who acts in the simulated world: task servers here and on other machines, and rescuers."""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

from durable import claiming, load_sharing, sessions
from durable.joining import CLOCKS
from durable.losses import LostRun, Run
from durable.reconcile import Reconciler
from durable.records import Record, Records
from durable.requeue import LATER
from durable.run_history import How
from simulation.prefect_model import FINAL, KEY, Entry, Subscription
from simulation.processes import Process, pause, sleep

TRIES = 1.0  # seconds between two tries where nobody is found
EVERY = 2.0  # seconds between two looks of a rescuer
GRACE = 3.0  # seconds that a task server finishes in when it is told to stop
LEAVING = 3.0  # seconds for its last events
DISK_FULL = 2.0  # seconds that a task server takes no run
MAX_RESCUES = 2
LINES = 5.0  # seconds that lines may take to a port
RETRY = 16.0  # seconds until a run that fails is tried again: longer than SETTLE, after which it would count as lost
ASK = 1.5  # seconds between two questions whether a run is called off
CANCELLED = {"type": "CANCELLED", "name": "Cancelled", "message": "", "data": None}
DONE = {"type": "COMPLETED", "name": "Completed", "message": "", "data": {"storage_key": "its-result"}}


class TaskServer(Process):
    """A task server of durable's: worker.py without Prefect."""

    def __init__(self, world: Any, name: str, machine: str, limit: int) -> None:
        super().__init__(world, machine)
        self.name, self.limit = name, limit
        self.record: Any = None
        self.in_flight: dict[UUID, Entry] = {}
        self.ended: set[str] = set()
        self.unsent = 0  # events that Prefect has not heard of yet
        self.stopping = False
        self.offered = float("-inf")  # when it left the queue to others
        self.connection: Subscription | None = None
        self.inbox: list[Entry] = []
        self.begin(self.serve())

    @property
    def deadline(self) -> float:
        """Until when it may run what it has taken, in seconds of world.now."""
        return float("inf")

    @property
    def is_full(self) -> bool:
        return self.alive and not self.frozen and len(self.in_flight) >= self.limit and not self.stopping

    @property
    def is_free(self) -> bool:
        return self.alive and not self.frozen and len(self.in_flight) < self.limit and not self.stopping

    async def open_record(self) -> None:
        disk = self.world.disk
        disk.pid = self.pid
        about = {"keys": [KEY], "limit": self.limit, "pid": self.pid, "host": self.machine}
        self.record = Record(None, self.name, files=disk, clock=self.wall, **about)
        self.others = Records("/records", self.record.path, files=disk, clock=self.world.time)

    def reaches(self) -> bool:
        return bool(self.world.prefect.up)

    async def serve(self) -> None:
        await pause(self.world.moment())
        await self.open_record()
        while not self.stopping:
            if not self.connection or not self.connection.open:
                await self.connect()
            elif len(self.in_flight) >= self.limit:
                await self.wait_for_a_slot()
            elif not self.inbox:
                await sleep()
            else:
                await self.receive(self.inbox.pop(0))

    async def wait_for_a_slot(self) -> None:
        """As worker._place()."""
        full = self.world.now
        while len(self.in_flight) >= self.limit and self.connection and self.connection.open and not self.stopping:
            await pause(0.5)
            free = self.others_are_free()
            if self.connection and load_sharing.should_leave_queue(
                free, self.world.now - full, self.world.now - self.offered
            ):
                self.offered = self.world.now
                self.world.prefect.close(self.connection)  # nothing on record: worker.Deliveries.rest()
                self.connection = None
                self.inbox.clear()
        while len(self.in_flight) >= self.limit and not self.stopping:
            await sleep()

    def others_are_free(self) -> bool | None:
        self.others.read()
        return load_sharing.peers(self.others.processes.values(), [KEY], self.record.path, self.wall()).free

    async def connect(self) -> None:
        await pause(self.world.moment())
        if not self.reaches():
            self.note_down()
            await pause(TRIES)
        elif not self.stopping:
            self.inbox.clear()
            self.connection = Subscription(self.delivered, f"{self.machine}-{self.pid}")
            self.record.write(event="up")
            self.world.prefect.subscribe(self.connection)

    def note_down(self) -> None:
        """Nobody listens at the Prefect server's address, so there is no queue."""
        self.record.write(event="down", at=self.wall())

    def delivered(self, entry: Entry) -> None:
        self.inbox.append(entry)
        self.world.after(0.0, self.wake)

    def disconnect(self) -> None:
        if self.connection:
            self.record.write(event="away")
            self.world.prefect.close(self.connection)
            self.connection = None
        self.inbox.clear()

    async def receive(self, entry: Entry) -> None:
        connection = self.connection
        await pause(self.world.moment())
        if connection is not self.connection:
            return  # closed meanwhile

        async def acknowledge() -> None:
            await pause(self.world.moment())
            if connection and connection.open and self.reaches():
                self.world.judge.acknowledged(entry.run, entry.state)
                self.world.prefect.acknowledge(connection)
            await pause(self.world.moment())

        try:
            why = await claiming.claim(self.record, str(entry.run), entry.state, "its-parameters", acknowledge)
        except OSError:
            self.disconnect()
            return await pause(DISK_FULL)
        if entry.run not in self.in_flight:
            self.in_flight[entry.run] = entry
            self.begin(self.run(entry, why))
        elif self.in_flight[entry.run].state != entry.state:
            self.record.write(run=str(entry.run), event="end", how=How.REFUSED, state=entry.state)

    async def run(self, entry: Entry, why: str | None) -> None:
        await pause(self.world.moment())
        self.others.read()
        history = self.others.runs.get(str(entry.run))
        if why := why or claiming.why_refuse(entry.state, self.ended, history):
            return self.end(entry, How.REFUSED)
        if abs(self.wall() - entry.at) > claiming.ASK_AFTER and self.reaches():  # as worker._why_refuse()
            await pause(self.world.moment())
            unsure = self.reaches() and not self.world.prefect.waits(entry.run)  # still_waiting.StillWaiting
            if unsure and claiming.why_outdated(entry.state, now := self.world.prefect.now(entry.run)):
                if now and now.cancelling:
                    self.world.prefect.set_state(entry.run, "CANCELLED", self.wall())
                return self.end(entry, How.REFUSED)
        if (behind := entry.at - self.wall()) > 0:  # as worker._wait_for_clock
            await pause(min(behind + 0.01, CLOCKS))
        self.world.judge.begins(self, entry)
        if entry.run in self.world.untellable:  # Prefect's engine is left by an exception, such as EventTooLarge
            return self.end(entry, How.RETURNED)
        self.tell(entry.run, "RUNNING")
        seconds, deadly = self.world.work[entry.run]
        if await self.cancelled_in(entry, seconds):
            self.tell(entry.run, "CANCELLED")
            self.world.judge.ends_called_off(entry.run)
            return self.end(entry, How.RETURNED, ended=CANCELLED)
        if deadly:
            return self.world.kill(self)
        if entry.run in self.world.failing:
            self.world.failing.discard(entry.run)
            return await self.queue_later(entry)
        self.tell(entry.run, "COMPLETED", DONE["data"])
        self.end(entry, How.RETURNED, ended=DONE)

    async def queue_later(self, entry: Entry) -> None:
        """It fails, and is to be tried again: as worker._requeue_later()."""
        due = self.wall() + RETRY
        self.tell(entry.run, "SCHEDULED", not_before=due)  # the engine's AwaitingRetry
        if entry.run not in self.in_flight:
            return  # leave() has given it back, just before
        self.end(entry, How.GIVEN_BACK)
        await self.lines_are_there()
        await pause(self.world.moment())
        if self.reaches() and self.world.prefect.should_still_run(entry.run, self.wall()):
            self.world.prefect.set_state(entry.run, "SCHEDULED", self.wall(), not_before=due)
            self.world.judge.waits_until(entry.run, due)

    async def cancelled_in(self, entry: Entry, seconds: float) -> bool:
        """Work for so long, or until it is called off: as cancellations.RunningCancellations."""
        while seconds > 0:
            await pause(min(seconds, ASK))
            seconds -= ASK
            if self.reaches() and seconds > 0 and entry.run in self.in_flight:  # and not given back meanwhile
                row = self.world.prefect.rows[entry.run]
                if row.type in claiming.CANCELLED_TYPES or claiming.was_cancelled(row.states):
                    return True
        return False

    def end(self, entry: Entry, how: How, **about: Any) -> None:
        if self.in_flight.pop(entry.run, None):
            self.record.write(run=str(entry.run), event="end", how=how, state=entry.state, **about)
            self.world.judge.ends(self, entry.run, how)
            self.begin(self.write_on())
        self.ended.add(entry.state)
        self.world.after(0.0, self.wake)

    async def write_on(self) -> None:
        """As worker.watch_timeouts(): what a full disk kept back."""
        while True:
            try:
                return await self.record.sent()
            except OSError:
                await pause(0.5)

    def tell(self, run: UUID, kind: str, result: Any = None, not_before: float = 0.0) -> None:
        self.unsent += 1
        self.begin(self._tell(run, kind, self.wall(), result, not_before))

    async def _tell(self, run: UUID, kind: str, at: float, result: Any, not_before: float) -> None:
        await pause(self.world.moment())
        while not self.reaches():
            await pause(TRIES)
        self.world.prefect.event(run, kind, at, result, not_before)
        self.unsent -= 1

    def stop(self) -> None:
        """SIGTERM."""
        if not self.stopping:
            self.stopping = True
            self.begin(self.leave())
            self.wake()

    async def leave(self) -> None:
        """As serving._serve() does: nothing new, then what is in flight, for GRACE seconds, then back to the queue."""
        if not self.record:
            return self.world.kill(self)
        self.disconnect()
        end = self.world.now + GRACE
        while self.in_flight and self.world.now < end:
            await pause(0.5)
        left = list(self.in_flight.values())
        for entry in left:
            self.end(entry, How.GIVEN_BACK)
        await self.lines_are_there()
        for entry in left:
            await pause(self.world.moment())
            if self.reaches() and self.world.prefect.should_still_run(entry.run, self.world.wall("a")):
                self.world.prefect.set_state(entry.run, "SCHEDULED", self.world.wall("a"), queued=True)
        end = self.world.now + LEAVING
        while self.unsent and self.world.now < end:
            await pause(0.5)
        self.world.kill(self)

    async def lines_are_there(self) -> None: ...

    def kill(self) -> None:
        if self.alive:
            super().kill()
            self.world.judge.gone(self)
            if self.record:
                self.world.judge.dies(self.record.path)
                self.world.disk.drop(self.record.path)
            if self.connection:
                self.world.prefect.close(self.connection)


class Session:
    """What the port on machine A knows of a task server elsewhere: sessions.py without its files."""

    def __init__(self, world: Any, server: "RemoteTaskServer") -> None:
        self.world, self.server, self.last_heartbeat = world, server, world.now
        self.alive = True
        disk = world.disk
        disk.pid = server.pid
        about = {"keys": [KEY], "limit": server.limit, "pid": server.pid, "host": server.machine, "lease": world.lease}
        self.record = Record(None, server.name, files=disk, clock=lambda: world.wall("a"), **about)
        self.records = Records("/records", files=disk, clock=world.time)
        world.sessions.append(self)

    def is_valid(self) -> bool:
        if self.alive and sessions.lease_expired(self.last_heartbeat, self.world.lease, self.world.now):
            self.world.judge.lease_ends(self.server)
            self.end()
        return self.alive

    def others_are_free(self) -> bool | None:
        """As the port's."""
        self.records.read()
        return load_sharing.peers(self.records.processes.values(), [KEY], self.record.path, self.world.wall("a")).free

    def records_say(self, run: str, state: str) -> str | None:
        """As the port's _why_refuse: whether another one has it."""
        self.records.read()
        history = self.records.runs.get(run)
        return history.why_refused(state, own=self.record.path) if history else None

    def end(self) -> None:
        if self.alive:
            self.alive = False
            self.world.sessions.remove(self)
            self.world.disk.drop(self.record.path)
            self.world.judge.dies(self.record.path)
            if self.server.connection:
                self.world.prefect.close(self.server.connection)


class RemoteTaskServer(TaskServer):
    """One on another machine: its lines and signs of life go to the port, in the Prefect server's process."""

    session: Session | None = None
    path = None  # of its record, here
    until = float("inf")

    @property
    def deadline(self) -> float:
        return self.until

    def others_are_free(self) -> bool | None:
        return self.session.others_are_free() if self.session and self.reaches() else None

    def may_live(self) -> bool:
        """As lease.Deadline.passed(), and record_over_port.RemoteRecord._watch(): it ends itself."""
        if self.alive and self.until < self.world.now:
            self.world.kill(self)
        return self.alive

    def reaches(self) -> bool:
        return bool(self.world.prefect.up and self.machine not in self.world.cut)

    def note_down(self) -> None:
        """From here it looks the same when a cable is pulled."""

    async def open_record(self) -> None:
        while True:
            asked = self.world.now
            await pause(self.world.moment())
            if self.reaches():
                break
            await pause(TRIES)
        for session in list(self.world.sessions):  # the process before this one is dead: serves(after=…)
            if session.server.name == self.name and session.server.machine == self.machine:
                session.end()
        self.session, self.until = Session(self.world, self), asked + self.world.lease
        self.record, self.others = self, Records("/records", files=self.world.nothing, clock=self.world.time)
        self.lines: list[dict[str, Any]] = []
        self.begin(self.renew())
        self.begin(self.send_on())

    async def renew(self) -> None:
        while True:
            await pause(self.world.lease / 4)
            asked = self.world.now
            await pause(self.world.moment())
            if self.reaches() and self.session:
                if not self.session.is_valid():
                    return self.world.kill(self)
                self.session.last_heartbeat = max(self.session.last_heartbeat, self.world.now)
                await pause(self.world.moment())
                if self.reaches():
                    self.until = max(self.until, asked + self.world.lease)

    # --- records.TaskServerRecord, as record_over_port.RemoteRecord -----------------------------------------

    def write(self, *, must: bool = False, **fields: Any) -> None:
        self.lines.append(fields)

    async def claim(self, run: str, **fields: Any) -> str | None:
        self.write(run=run, **fields)
        try:
            await self.sent()
            return self.session.records_say(run, fields["state"]) if self.session else None
        except OSError:
            self.write(run=run, event="end", how=How.REFUSED)
            raise

    async def sent(self) -> None:
        while self.lines:
            line = self.lines[0]
            await pause(self.world.moment())
            if not self.reaches():
                await pause(LINES)
                raise OSError("the port is away")
            if not self.session or not self.session.is_valid():
                self.world.kill(self)
                await sleep()
            if self.lines and self.lines[0] is line:  # and not sent meanwhile
                must = line.get("event") == "start"
                self.session.record.write(must=must, **line)  # type: ignore[union-attr]
                self.lines.pop(0)

    async def send_on(self) -> None:
        while True:
            await pause(0.5)
            with suppress(OSError):
                await self.sent()

    async def lines_are_there(self) -> None:
        with suppress(OSError):
            await self.sent()

    def kill(self) -> None:
        if self.alive:
            Process.kill(self)
            self.world.judge.gone(self)
            if self.connection and self.machine not in self.world.cut:
                self.world.prefect.close(self.connection)
            if self.stopping and self.session and not self.in_flight:  # it has said that it leaves
                self.session.end()


class Api:
    """reconcile.Api, by the model."""

    def __init__(self, rescuer: "RescuerProcess") -> None:
        self.world, self.prefect = rescuer.world, rescuer.world.prefect

    async def _asked(self) -> None:
        await pause(self.world.moment())
        if not self.prefect.up:
            raise ConnectionRefusedError

    def _runs(self, *kinds: str) -> list[Run]:
        rows = [row for row in self.prefect.rows.values() if row.type in kinds and not row.deleted]
        return [
            Run(
                row.id,
                KEY,
                row.state,
                LATER if row.not_before else row.type,
                row.at,
                row.queued,
                "its-parameters",
                row.type == "CANCELLING",
                not_before=row.not_before,
            )
            for row in rows
        ]

    async def under_way(self) -> list[Run]:
        await self._asked()
        runs = self._runs("RUNNING", "CANCELLING")
        await pause(self.world.moment())
        return runs

    async def waiting(self, everything: bool) -> list[Run]:
        await self._asked()
        runs = self._runs("SCHEDULED")
        await pause(self.world.moment())
        return runs

    async def later(self) -> list[Run]:
        await self._asked()
        return [run for run in self._runs("SCHEDULED") if run.not_before]

    async def task_servers(self) -> dict[str, set[str]]:
        await self._asked()
        return {each.identifier: {KEY} for each in self.prefect.subscriptions}

    async def is_over(self, run: UUID) -> bool:
        await self._asked()
        return self.prefect.rows[run].type in FINAL or self.prefect.rows[run].deleted

    async def cancel(self, run: UUID, message: str) -> bool:
        await self._asked()
        if self.prefect.rows[run].deleted:
            return False
        self.prefect.set_state(run, "CANCELLED", self.world.wall("a"))
        await pause(self.world.moment())
        return True

    async def requeue(self, run: UUID, message: str, parameters: str | None) -> bool:
        await self._asked()
        assert parameters == "its-parameters"
        if not self.prefect.should_still_run(run, self.world.wall("a")):
            return False
        self.world.judge.requeued(run, message)
        self.prefect.set_state(run, "SCHEDULED", self.world.wall("a"), queued=True)
        await pause(self.world.moment())
        return True

    async def crash(self, run: UUID, message: str) -> bool:
        await self._asked()
        self.prefect.set_state(run, "CRASHED", self.world.wall("a"))
        self.world.judge.given_up(run)
        return True

    async def end(self, run: UUID, end: dict[str, Any]) -> bool:
        await self._asked()
        self.prefect.set_state(run, end["type"], self.world.wall("a"), result=end["data"])
        return True

    async def tell(self, lost: list[LostRun]) -> None: ...

    async def together(self, acts: list[Coroutine[Any, Any, None]]) -> BaseException | None:
        failed: BaseException | None = None
        for act in acts:
            try:
                await act
            except OSError as error:
                failed = failed or error
        return failed


class RescuerProcess(Process):
    """A rescuer: rescuing.Rescuer without Prefect."""

    def __init__(self, world: Any) -> None:
        super().__init__(world, "a")
        self.record: Record | None = None
        self.begin(self.look_on())

    async def look_on(self) -> None:
        await pause(self.world.moment())
        disk = self.world.disk
        disk.pid = self.pid
        self.record = Record(None, "rescuer", files=disk, clock=self.wall, pid=self.pid, host="a")
        reconciler = Reconciler(
            Records("/records", self.record.path, files=disk, clock=self.world.time),
            self.record,
            MAX_RESCUES,
            self.wall,
        )
        api = Api(self)
        while True:
            await pause(EVERY)
            while self.world.looking not in (None, self) and self.world.one_at_a_time:
                await pause(0.5)
            self.world.looking = self
            try:
                await reconciler.look(api)
            except OSError:
                reconciler.note_unreachable(self.wall(), down=not self.world.prefect.up)
            self.world.looking = None

    def kill(self) -> None:
        super().kill()
        self.world.disk.drop(self.record.path if self.record else None)
        if self.world.looking is self:
            self.world.looking = None

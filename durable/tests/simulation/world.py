"""The world: time, a Prefect server, machines, who acts on them, and the steps that a schedule takes.

Time is a number: what happens next is the first entry of a heap. A schedule of two minutes takes milliseconds, and the
same seed gives the same world. Times are on a grid of half seconds, so that things often happen at the same moment.
"""

import heapq
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from simulation.actors import RemoteTaskServer, RescuerProcess, TaskServer
from simulation.judge import Judge, Wrong
from simulation.prefect_model import PrefectModel
from simulation.processes import Disk, Process

STEPS_UNTIL = 30.0  # seconds; then all is made whole again
QUIET = (
    700.0  # seconds in which every run must have ended after that; a clock that was set back adds its 300 to a delay
)
RESTART = 1.0  # seconds until what keeps a process starts it again
LEASE = 5.0  # seconds
DETECTED = 25.0  # seconds until a websocket on a cut cable counts as closed (ping_interval and ping_timeout of uvicorn)
ONE_AT_A_TIME = True  # whether a rescuer looks only while no other does
SERVERS = (("one", "a", 1), ("two", "a", 2), ("far", "b", 1))  # name, machine, limit


@dataclass(frozen=True, slots=True)
class Step:
    at: float
    what: str
    whom: str = ""
    number: float = 0.0

    def __str__(self) -> str:
        return f"{self.at:5.1f} s  {self.what} {self.whom} {self.number:g}".rstrip()


def schedule(seed: int) -> list[Step]:
    """The steps of a seed, in their order."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret

    def moment() -> float:
        return random.randrange(int(STEPS_UNTIL * 2)) / 2

    steps = []
    for number in range(random.randint(1, 5)):
        kinds = ("submit", "submit deadly", "submit failing", "submit untellable")
        what = random.choices(kinds, (65, 15, 15, 5))[0]
        at = moment() / 2
        steps.append(Step(at, what, str(number), random.randint(1, 16) / 2))
        if random.random() < 0.3:  # when somebody takes it, perhaps
            steps.append(Step(at + random.randrange(7) / 2, "kill", random.choice(SERVERS)[0]))
    for _ in range(random.randint(0, 6)):
        server = random.choice(SERVERS)[0]
        what, whom, number = random.choice(
            (
                ("kill", server, 0.0),
                ("kill", server, 0.0),
                ("stop", server, 0.0),
                ("freeze", server, random.randint(1, 24) / 2),
                ("kill", "rescuer", 0.0),
                ("kill", "prefect", random.randint(1, 8) / 2),
                ("cut", "b", random.randint(1, 24) / 2),
                ("clock", "a", float(random.choice((-300, -20, -2, 2, 20, 300)))),
                ("clock", "b", random.choice((-1.0, 1.0))),
                ("full disk", "a", float(random.randrange(200))),
            )
        )
        steps.append(Step(moment(), what, whom, number))
    if random.random() < 0.3:
        steps.append(Step(0.0, "second rescuer"))
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        runs = [step.whom for step in steps if step.what.startswith("submit")]
        at, run = moment(), random.choice(runs)
        if random.random() < 0.5:  # when somebody takes it, perhaps
            at = next(step.at for step in steps if step.whom == run) + random.randrange(7) / 2
            for name, *_ in random.choice((SERVERS, random.sample(SERVERS, 1))):
                steps.append(Step(at + random.randrange(7) / 2, "kill", name))
        steps.append(Step(at, random.choice(("cancel", "call off", "call off", "delete")), run))
    return sorted(steps, key=lambda step: step.at)


class World:
    def __init__(self, seed: int, steps: list[Step]) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._moments = self._random.choice(((0.0, 0.0, 0.0, 0.5, 1.0), (0.0, 0.5, 0.5, 1.0, 2.0)))
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._pids = 0
        self.lease, self.one_at_a_time = LEASE, ONE_AT_A_TIME
        self.disk, self.nothing = Disk(), Disk()
        self.prefect = PrefectModel()
        self.judge = Judge(self)
        self.sessions: list[Any] = []
        self.cut: set[str] = set()
        self.clocks = {"a": 0.0, "b": 0.0}  # seconds that each is ahead
        self.looking: Any = None  # the rescuer that looks
        self.work: dict[UUID, tuple[float, bool]] = {}  # how long each run takes, and whether it kills its process
        self.clock_was_set = False
        self.failing: set[UUID] = set()  # runs whose next try fails
        self.untellable: set[UUID] = set()  # runs of which Prefect refuses all events
        self.whole_since = 0.0  # since when Prefect was up and no cable was cut
        self.whole = False  # whether no step comes any more
        self.actors: dict[str, Process] = {}
        for name in [name for name, *_ in SERVERS] + ["rescuer"]:
            self.start(name)
        for step in steps:
            self.after(step.at, self.take, step)
        self.after(STEPS_UNTIL, self.make_whole)
        self.after(0.5, self.end_expired)

    # --- time --------------------------------------------------------------------------------------------

    def after(self, seconds: float, what: Callable[..., None], *with_: Any) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, what, with_))

    def time(self) -> float:
        """By a clock that nobody sets."""
        return self.now

    def moment(self) -> float:
        """How long something takes that takes next to no time."""
        return self._random.choice(self._moments)

    def wall(self, machine: str) -> float:
        return 1_000_000.0 + self.now + self.clocks[machine]

    def next_pid(self) -> int:
        """They come again, as in a small container."""
        self._pids += 1
        return 100 + self._pids % 4

    def run(self) -> None:
        """Until all runs have ended. Raises Wrong where a promise is broken."""
        while self._due:
            self.now, _, what, with_ = heapq.heappop(self._due)
            what(*with_)
            if self.whole and all(row.is_over for row in self.prefect.rows.values()):
                return self.judge.at_the_end()
            if self.now > STEPS_UNTIL + QUIET:
                self.judge.never_ended()

    # --- steps -------------------------------------------------------------------------------------------

    def take(self, step: Step) -> None:
        whom = self.actors.get(step.whom)
        if step.what.startswith("submit"):
            run = UUID(int=1 + int(step.whom))
            self.work[run] = step.number, step.what == "submit deadly"
            if step.what == "submit failing":
                self.failing.add(run)
            if step.what == "submit untellable":
                self.untellable.add(run)
            if self.prefect.up:
                self.prefect.create(run, self.wall("a"))
        elif step.what in ("cancel", "call off", "delete"):
            self.interrupt_run(UUID(int=1 + int(step.whom)), step.what)
        elif step.what == "second rescuer":
            self.start("second rescuer")
        elif step.what == "kill" and step.whom == "prefect":
            if self.prefect.up:
                self.prefect.kill()
                self.after(step.number, self.start_prefect)
        elif step.what == "kill" and whom and whom.alive:
            self.kill(whom)
        elif step.what == "stop" and isinstance(whom, TaskServer) and whom.alive and not whom.frozen:
            whom.stop()
        elif step.what == "freeze" and whom and whom.alive and not whom.frozen:
            whom.frozen = True
            self.after(step.number, self.thaw, whom)
        elif step.what == "cut" and not self.cut:
            self.cut.add(step.whom)
            self.after(step.number, self.heal)
            self.after(DETECTED, self.close_cut)
        elif step.what == "clock":
            self.clocks[step.whom] += step.number
            self.clock_was_set = True
            if step.whom == "a":
                self.clocks["b"] += step.number  # else it would be refused: joining.need_same_clock
        elif step.what == "full disk":
            self.disk.free = int(step.number)
            self.after(4.0, self.make_room)

    def interrupt_run(self, run: UUID, how: str) -> None:
        """Somebody sets it to Cancelled or Cancelling, or deletes it: a run that Prefect has and that has not ended."""
        if self.prefect.up and run in self.prefect.rows and not self.prefect.rows[run].is_over:
            self.judge.cancelled_at.setdefault(run, self.now)
            if how == "delete":
                self.prefect.delete(run)
            else:
                self.prefect.set_state(run, "CANCELLED" if how == "cancel" else "CANCELLING", self.wall("a"))

    def make_whole(self) -> None:
        """From now on nothing breaks, but what runs that kill their process break."""
        self.whole = True
        self.heal()
        self.make_room()
        for actor in self.actors.values():
            self.thaw(actor)

    def start(self, name: str) -> None:
        if "rescuer" in name:
            self.actors[name] = RescuerProcess(self)
            return
        machine, limit = next((machine, limit) for each, machine, limit in SERVERS if each == name)
        kind = RemoteTaskServer if machine != "a" else TaskServer
        self.actors[name] = kind(self, name, machine, limit)

    def kill(self, actor: Process) -> None:
        """And what keeps it starts it again."""
        if actor.alive:
            name = next(name for name, each in self.actors.items() if each is actor)
            actor.kill()
            self.after(RESTART, self.start, name)

    def thaw(self, actor: Process) -> None:
        if actor.frozen and actor.alive:
            actor.thaw()

    def heal(self) -> None:
        self.cut.clear()
        self.whole_since = self.now

    def close_cut(self) -> None:
        """The server has noticed by now whose websocket is dead."""
        for subscription in list(self.prefect.subscriptions):
            server = getattr(subscription.deliver, "__self__", None)
            if server and not server.alive:
                self.prefect.close(subscription)

    def make_room(self) -> None:
        self.disk.free = 10**9

    def start_prefect(self) -> None:
        self.prefect.up = True
        self.whole_since = self.now
        for session in self.sessions:  # Sessions.grant_restart_margin()
            session.last_heartbeat = self.now + LEASE
        for actor in self.actors.values():
            if isinstance(actor, TaskServer) and actor.connection:
                actor.connection.open = False
                actor.wake()

    def end_expired(self) -> None:
        """As the port's end_expired(): it looks twice a second for leases that have ended."""
        if self.prefect.up:
            for session in list(self.sessions):
                with suppress(OSError):
                    session.record.write_on()
                session.is_valid()
        self.judge.look()
        self.after(0.5, self.end_expired)


def simulate(seed: int, steps: list[Step] | None = None) -> Wrong | None:
    """One schedule; what is wrong with it, if anything is."""
    try:
        World(seed, schedule(seed) if steps is None else steps).run()
    except Wrong as wrong:
        return wrong
    return None


def shortest(seed: int) -> list[Step]:
    """The steps of a seed that fails, without those that it fails without."""
    steps = schedule(seed)
    fewer = True
    while fewer:
        fewer = False
        for number in range(len(steps)):
            rest = steps[:number] + steps[number + 1 :]
            if simulate(seed, rest):
                steps, fewer = rest, True
                break
    return steps

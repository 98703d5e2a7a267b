#!/usr/bin/env python3
"""Breaks example 6 while it works, and counts: submits runs while agents of chaos kill what they can.

N=300        how many runs to submit
SECONDS=60   for how long things break
SEED=…       repeats a run of chaos: the same faults at the same moments (default: another one each time)
MANUAL=1     nothing dies by itself; the board says which pids to kill
Exit 0 if every run came to an end and none was started twice while it was alive; 1 if not; 2 for bad input.
"""

import contextlib
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any, NoReturn

import httpx
from rich.console import Group
from rich.live import Live

import durable
from workshop_kit import database, prefect_api, processes, state_files, workshop
from workshop_kit.chaos.board import board
from workshop_kit.chaos.score import LIVE, Score, console, scoreboard
from workshop_kit.chaos.witness import Diary
from workshop_kit.needs import Needs
from workshop_kit.settings import settings
from workshop_kit.state_files import children

NEEDS = Needs(own="make chaos", part="CHAOS", same_port=True)

CANCELLED = "a run, cancelled"
FAULTS = {  # what can happen, and how often beside the others
    "task server, kill -9": 5,
    "task server, TERM": 3,
    "Prefect server, kill -9": 2,
    "Prefect server, TERM": 2,
    "database locked": 2,
    "a task that kills its process": 1,
    "a task that hangs": 1,
    "a task that raises": 1,
    "rescuer, kill -9": 1,
    CANCELLED: 2,
}
BAD = ("a task that kills its process", "a task that hangs", "a task that raises")
GAP = (1.5, 5.5)  # seconds between two faults
BURSTS = 8
LOCK = (2.0, 6.0)  # seconds that the database is locked
ENDED = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]


@dataclass
class Fault:
    at: float  # seconds after the beginning
    kind: str
    pick: float  # 0 to 1: which task server, how long


def plan(seed: int, seconds: float, kinds: dict[str, int] = FAULTS) -> list[Fault]:
    """The faults of this seed, in order."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    at, faults, deck = random.uniform(*GAP), [], []
    while at < seconds:
        if not deck:  # like cards: every kind comes before one comes too often
            deck = random.sample(list(kinds), counts=list(kinds.values()), k=sum(kinds.values()))
        faults.append(Fault(at, deck.pop(), random.random()))
        at += random.uniform(*GAP)
    return faults


class Chaos:
    kinds = FAULTS

    def __init__(self, number: int, seconds: float, seed: int, manual: bool) -> None:
        self.number, self.seconds, self.seed, self.manual = number, seconds, seed, manual
        self.score = Score()
        self.diary = self.witness()
        self.over = threading.Event()
        self.began = time.time()
        self.all_submitted = 0.0

    def witness(self) -> Diary:
        """Who tells what really happened."""
        return Diary()

    # --- the agents -------------------------------------------------------------------------------

    def kill(self, what: str, pid: int, number: signal.Signals, kind: str) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        self.score.deaths[pid] = time.time()
        self.score.faults[kind] += 1
        self.score.log(f"{number.name} to {what} (pid {pid})")

    def strike(self, fault: Fault) -> None:
        """One fault. Nothing happens where its target is not up at the moment."""
        target = fault.kind.partition(",")[0]
        if target in ("task server", "Prefect server", "rescuer"):
            there = children({"task server": "task_server", "Prefect server": "server"}.get(target, target))
            if not there:
                self.score.log(f"{target}: none is up to be killed")
                return
            name = list(there)[int(fault.pick * len(there))]
            number = signal.SIGTERM if fault.kind.endswith("TERM") else signal.SIGKILL
            self.kill(name, there[name], number, fault.kind)
        elif fault.kind == CANCELLED:
            threading.Thread(target=self.cancel, args=(fault,), daemon=True).start()
        elif fault.kind == "database locked":
            threading.Thread(target=self.lock_database, args=(fault,), daemon=True).start()
        else:
            threading.Thread(target=self.submit_one, args=("nobody", fault.kind), daemon=True).start()

    def cancel(self, fault: Fault) -> None:
        """One of the runs that have not ended: it waits, or runs, or its task server is dead. Else a new one."""
        there = list(self.score.pending)
        run = there[int(fault.pick * len(there))] if there else self.submit_one("nobody")
        if not run:
            return
        try:
            name = durable.cancel(run)
        except (httpx.HTTPError, OSError):
            self.score.log(f"{run} could not be cancelled: the Prefect server is unreachable")
            return
        if name in ("Cancelled", "Cancelling"):
            self.score.cancelled[run] = time.time()
            self.score.faults[fault.kind] += 1
            self.score.log(f"{name} {run}")

    def lock_database(self, fault: Fault) -> None:
        if settings().postgresql or (running := state_files.running_example()) and running.postgresql:
            return
        seconds = LOCK[0] + fault.pick * (LOCK[1] - LOCK[0])
        connection = sqlite3.connect(database.path(), timeout=10, isolation_level=None)
        try:
            connection.execute("begin exclusive")
            self.score.faults[fault.kind] += 1
            self.score.log(f"the database is locked for {seconds:.1f} s")
            self.over.wait(seconds)
            connection.execute("rollback")
        except sqlite3.Error as error:
            self.score.log(f"the database could not be locked: {error}")
        finally:
            connection.close()

    def agents(self) -> None:
        for fault in plan(self.seed, self.seconds, self.kinds):
            if self.over.wait(max(0.0, self.began + fault.at - time.time())):
                return
            self.strike(fault)

    # --- the work ----------------------------------------------------------------------------------

    def submit(self, task: Any, name: str) -> str:
        """delay(), again until it returns: what it raises for was not promised to anybody. The run's id; or nothing,
        when all is over.
        """
        while not self.over.is_set():
            try:
                run = str(task.delay(name).task_run_id)
            except (httpx.HTTPError, OSError):
                self.score.refused += 1
                self.over.wait(0.3)
                continue
            self.score.submitted[run] = time.time()
            self.score.pending[run] = None
            return run
        return ""

    def submit_one(self, name: str, kind: str = "") -> str:
        """A run of the lesson's task, or one that is bound to go wrong. Returns its id; nothing, when all is over."""
        import task_server

        tasks = {BAD[0]: task_server.poison, BAD[1]: task_server.hang, BAD[2]: task_server.fail}
        if (run := self.submit(tasks.get(kind, task_server.ship), name)) and kind:
            self.score.bad.add(run)
            self.score.faults[kind] += 1
            self.score.log(f"submitted {kind} ({run})")
        return run

    def submit_all(self) -> None:
        """In bursts, so that there is a queue to lose; all is submitted when two thirds of the time are over."""
        burst = max(1, self.number // BURSTS)
        for number in range(self.number):
            due = self.began + number // burst * self.seconds * 2 / 3 / BURSTS
            if self.over.wait(max(0.0, due - time.time())):
                return
            self.submit_one(f"parcel {number + 1}")
        self.all_submitted = time.time()

    def look(self) -> None:
        """Which runs have ended; asks for the oldest first."""
        self.diary.read()
        for run in prefect_api.of_these(list(self.score.pending), *ENDED):
            if self.score.pending.pop(run["id"], "?") is None:
                self.score.ended[run["state_type"]] += 1
                self.score.last_end = time.time()

    # --- what people see ---------------------------------------------------------------------------

    def board(self) -> Group:
        left = max(0.0, self.began + self.seconds - time.time())
        title = f"chaos, seed {self.seed}: {left:.0f} s left" if left else "chaos is over; waiting for the last runs"
        if not left and not self.all_submitted:
            title = f"chaos is over; still submitting, {len(self.score.submitted)} of {self.number}"
        if self.manual and left:
            title = f"{left:.0f} s left to kill what you like, in another terminal: make kill, or kill -9 PID"
        return board(title, self.score, self.diary)

    def watch_deaths(self, known: dict[str, int]) -> None:
        """With MANUAL=1: count what the room kills."""
        now = {name: pid for what in ("server", "task_server", "rescuer") for name, pid in children(what).items()}
        for name, pid in known.items():
            if not processes.started_at(pid):
                kind = {"server": "Prefect server", "task_server": "task server"}.get(name.partition(".")[0], "rescuer")
                self.score.faults[f"{kind}, killed by you"] += 1
                self.score.deaths[pid] = time.time()
                self.score.log(f"{name} (pid {pid}) died")
        known.clear()
        known.update(now)

    def run(self) -> bool:
        """Until every run has ended, or nothing has happened for long enough. False: something was lost or doubled."""
        rescued = bool(children("rescuer"))
        patience = (45 if rescued else 12) + 2 * float(os.environ["WORK_SECONDS"])
        threads = [self.submit_all] + ([] if self.manual else [self.agents])
        for target in threads:
            threading.Thread(target=target, daemon=True).start()
        known: dict[str, int] = {}
        printed = 0.0
        with Live(self.board(), console=console, auto_refresh=False, transient=True) as live:
            while True:
                if self.manual:
                    self.watch_deaths(known)
                with contextlib.suppress(OSError):  # the Prefect server is down: that is the idea
                    self.look()
                now = time.time()
                if LIVE:
                    live.update(self.board(), refresh=True)
                elif now - printed > 10:
                    printed = now
                    done, all_of_them = sum(self.score.ended.values()), len(self.score.submitted)
                    print(f"{now - self.began:.0f} s: {all_of_them} submitted, {done} ended", flush=True)
                quiet = now - max(self.score.last_end, self.all_submitted, self.began + self.seconds)
                over = self.all_submitted and now > self.began + self.seconds
                if over and (not self.score.pending or quiet > patience):
                    break
                time.sleep(0.25)
        self.over.set()
        return scoreboard(self.score, self.diary, self.seed, self.began, rescued)


def import_task_server() -> None:
    """The task_server.py of the example that runs, quietly: a mistake in it shows before anything is begun.

    Exits 2 with one line if no example runs.
    """
    running = state_files.running_example()
    if not running:
        workshop.fail("no example is running", "make status")
    sys.path.insert(0, str(running.code))
    import task_server  # noqa: F401

    # Not a line for each run, nor for each event that has to wait until the server is back.
    for name in ("prefect.tasks", "prefect.events.clients", "prefect._internal.concurrency"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def main(kind: type[Chaos], number: int) -> int:
    """Chaos for the example that runs. number: of runs, where N does not say it."""
    number = workshop.whole_number("N", number, 1, 100_000)
    os.environ["SECONDS"] = os.environ.get("CHAOS_SECONDS", "")  # see the Makefile
    seconds = workshop.whole_number("SECONDS", 60, 5, 3600)
    seed = workshop.whole_number("SEED", SystemRandom().randrange(1, 100_000), 0, 999_999_999)
    manual = bool(workshop.whole_number("MANUAL", 0, 0, 1))
    import_task_server()
    seeded = "" if manual else f", seed {seed} (make chaos SEED={seed} repeats it)"
    print(f"chaos for {seconds} s with {number} runs{seeded}", flush=True)
    return 0 if kind(number, seconds, seed, manual).run() else 1


def as_program(kind: type[Chaos], number: int) -> NoReturn:
    """The same as a program. Told to end, or its terminal closed: as Ctrl-C."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        sys.exit(main(kind, number))
    except KeyboardInterrupt:
        print("\nleft; the runs go on without us: make runs", file=sys.stderr)
        os._exit(130)


if __name__ == "__main__":
    as_program(Chaos, 300)

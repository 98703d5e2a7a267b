#!/usr/bin/env python3
"""Breaks example 7 while it works, and counts: kills and freezes what runs on this machine, for all that have joined.

N=100        how many runs to submit
SECONDS=60   for how long things break
SEED=…       repeats a run of chaos: the same faults at the same moments (default: another one each time)
MANUAL=1     nothing is broken by itself; the board says which cable to pull, and when to put it back
To a machine that has joined, a Prefect server that is frozen looks like a network that is split.
Exit 0 if every run came to an end and none was in flight twice under a lease; 1 if not; 2 for bad input.
"""

import itertools
import os
import signal
import threading
import time

from rich.console import Group
from rich.table import Table
from rich.text import Text

from durable.run_history import Process
from durable.sessions import LEASE
from durable.text import printable
from workshop_kit.chaos.chaos import CANCELLED, Chaos, Fault, as_program
from workshop_kit.chaos.score import COMPLETED
from workshop_kit.chaos.witness import LATE, Diary
from workshop_kit.commands.example_records import ExampleRecords, task_servers
from workshop_kit.state_files import children

LONGER, SHORTER = 1.5, 0.4  # leases
BETWEEN = 5.0  # seconds from one thing that the room does to the next


class DiaryOfRecords(Diary):
    """What the task servers' records say: on another machine nobody here can look."""

    def __init__(self) -> None:
        self._records = ExampleRecords()
        self._before = {run for run, story in self._records.read(docker=False).runs.items() if story.starts}
        self.doubled: list[str] = []  # runs that two live task servers have in flight at once
        self.read()

    def read(self) -> None:
        self.found = self._records.read(docker=False)
        for run, story in self.found.runs.items():
            if sum(start.ended is None and start.by.alive for start in story.starts) > 1 and run not in self.doubled:
                self.doubled.append(run)

    def repeated(self) -> int:
        """How many runs were begun more than once."""
        new = [story for run, story in self.found.runs.items() if run not in self._before]
        return sum(sum(start.how != "refused" for start in story.starts) > 1 for story in new)

    def begun_after(self, cancelled: dict[str, float]) -> list[str]:
        """The runs that a task server took, and did not refuse, more than LATE seconds after they were cancelled."""
        stories = {run: self.found.runs[run] for run in cancelled if run in self.found.runs}
        begun = {run: [start.at for start in story.starts if start.how != "refused"] for run, story in stories.items()}
        return [run for run, starts in begun.items() if any(at > cancelled[run] + LATE for at in starts)]

    def waits(self, deaths: dict[int, float]) -> list[float]:
        """Nothing: when a machine went away, only it knows."""
        return []

    def elsewhere(self) -> list[Process]:
        """The task servers of other machines."""
        return [server for server in task_servers(self.found) if server.lease]


class ChaosOnMachines(Chaos):
    kinds = {  # what can happen, and how often beside the others
        "Prefect server, kill -9": 2,
        "Prefect server, frozen for less than the lease": 2,
        "Prefect server, frozen for longer than the lease": 1,
        "task server, kill -9": 2,
        "task server, TERM": 1,
        "rescuer, kill -9": 1,
        CANCELLED: 1,
    }

    def __init__(self, number: int, seconds: float, seed: int, manual: bool) -> None:
        super().__init__(number, seconds, seed, manual)
        self.lease = max([server.lease for server in self.records.elsewhere()], default=LEASE)
        self.wish = ""  # what the room shall do now

    def witness(self) -> Diary:
        self.records = DiaryOfRecords()
        return self.records

    def strike(self, fault: Fault) -> None:
        if "frozen" not in fault.kind:
            return super().strike(fault)
        if server := children("server").get("server.1"):
            seconds = self.lease * (LONGER if "longer" in fault.kind else SHORTER)
            self.kill(f"server.1, for {seconds:.0f} s,", server, signal.SIGSTOP, fault.kind)
            self.over.wait(seconds)
            os.kill(server, signal.SIGCONT)
        return None

    def submit_one(self, name: str, kind: str = "") -> str:
        import task_server

        return self.submit(task_server.greet, name)

    def wishes(self) -> None:
        """With MANUAL=1: what the room does, one machine after the other."""
        for number in itertools.count():
            hosts = sorted({server.host for server in self.records.elsewhere()})
            if not hosts:
                self.wish = "no other machine has joined: make server AT=… there"
                if self.over.wait(1):
                    return
                continue
            host = hosts[number % len(hosts)]
            seconds = self.lease * (SHORTER if number % 3 == 1 else LONGER)
            self.ask(f"pull the cable of {host} now, or switch its Wi-Fi off: {seconds:.0f} s")
            self.over.wait(seconds)
            self.ask(f"{host}: put it back now")
            if self.over.wait(BETWEEN) or time.time() > self.began + self.seconds:
                return

    def ask(self, wish: str) -> None:
        self.wish = wish
        self.score.log(wish)

    def watch_deaths(self, known: dict[str, int]) -> None:
        """With MANUAL=1: count the leases that expired."""
        now = {server.name + " " + str(server.path): server.pid for server in self.records.elsewhere()}
        for name in known.keys() - now.keys():
            self.score.faults["a machine was away for too long, by you"] += 1
            self.score.log(f"the lease of {name.rpartition(' ')[0]} expired")
        known.clear()
        known.update(now)

    def board(self) -> Group:
        """What it looks like now."""
        left = max(0.0, self.began + self.seconds - time.time())
        title = f"chaos, seed {self.seed}: {left:.0f} s left" if left else "chaos is over; waiting for the last runs"
        if self.manual:
            title = f"{left:.0f} s left. {self.wish}"
        servers = Table("task server", "machine", "runs in flight", "last heartbeat")
        for server in sorted(task_servers(self.records.found), key=lambda each: each.name):
            heard = f"{time.time() - server.last_heartbeat:.0f} s ago" if server.lease else ""
            who = (Text(printable(server.name)), Text(printable(server.host)))  # not as rich's markup, either
            servers.add_row(*who, str(len(server.open) or ""), heard)
        runs = Table("submitted", "completed", "ended otherwise", "waiting or running", "started more than once")
        row = (len(self.score.submitted), self.score.ended[COMPLETED], self.score.given_up, len(self.score.pending))
        runs.add_row(*map(str, (*row, self.diary.repeated())))
        return Group(Text(printable(title)), servers, runs, *map(Text, self.score.news[-5:]))

    def run(self) -> bool:
        if self.manual:
            threading.Thread(target=self.wishes, daemon=True).start()
        try:
            return super().run()
        finally:  # Ctrl-C and a closed terminal, too: nothing stays frozen
            self.over.set()
            for server in children("server").values():
                os.kill(server, signal.SIGCONT)


if __name__ == "__main__":
    as_program(ChaosOnMachines, 100)

#!/usr/bin/env python3
"""For ex7_chaos.bats: breaks example 7 on four machines while it works, and judges by what a witness wrote.

machines_chaos.py MACHINES     on machine a, with the kit's environment, in the folder of programs/witnessed.
MACHINES is the folder with the home of each (MACHINES/a/home), its log (MACHINES/b.log) and its wrong clock
(MACHINES/b.clock: seconds). From the environment: WITNESS, a folder that is new; LAN, the switch's namespace;
LEASE_SECONDS; SEED; CHAOS_SECONDS (60) of faults; N (100) runs.
Exit 1 if a promise was broken: a line says by whom, and when.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

import httpx
from prefect.client.orchestration import get_client
from rich.table import Table

from workshop_kit import prefect_api, processes, state_files, workshop
from workshop_kit.chaos.chaos import BURSTS, Fault, plan
from workshop_kit.chaos.score import COMPLETED, console, in_words

FAULTS = {  # what can happen, and how often beside the others
    "unplugged, for longer than the lease": 3,
    "unplugged, for a moment": 3,
    "stopped, task server": 2,
    "stopped, keeper": 1,
    "stopped, both": 2,
    "kill -9, task server": 3,
    "kill -9, Prefect server": 1,
    "clock at a start, +300 s": 1,
    "clock at a start, -300 s": 1,
}
LONG = 40  # every so many runs, one lasts three leases: no other outlives its own on an unplugged machine
PATIENCE = 120  # seconds for the last runs
AWAKE = 0.5  # seconds that an attempt may go on without a lease, once its process is awake
TOLD = 0.06  # seconds between two marks, about
INFINITE = float("inf")
LEASE, LAN = float(os.environ.get("LEASE_SECONDS", "0")), os.environ.get("LAN", "")
WITNESS = Path(os.environ.get("WITNESS", ""))


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Attempt:
    """What one attempt to run something wrote; or a process itself, with "-" for the run."""

    id: str
    run: str
    machine: str
    pid: int
    marks: list[tuple[float, float]]  # when, and the deadline of its lease as it knew it
    ahead: float  # the seconds from CLOCK_BOOTTIME to its clock on the wall, at last
    ended: bool

    @property
    def began(self) -> float:
        return self.marks[0][0]

    @property
    def last(self) -> float:
        return self.marks[-1][0]

    def deadline(self, at: float) -> float:
        return next((deadline for when, deadline in reversed(self.marks) if when <= at), self.marks[0][1])


def attempts() -> list[Attempt]:
    found = []
    for path in WITNESS.iterdir():
        lines = [line.split() for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        if lines:
            run, machine, pid = lines[0][4:]
            marks = [(float(when), float(deadline)) for _, when, deadline, *_ in lines]
            what, _, _, ahead, *_ = lines[-1]
            found.append(Attempt(path.name, run, machine, int(pid), marks, float(ahead), what == "end"))
    return sorted(found, key=lambda attempt: attempt.began)


class Round:
    def __init__(self, machines: Path, seed: int, seconds: float, number: int) -> None:
        self.machines, self.seed, self.seconds, self.number = machines, seed, seconds, number
        self.faults: Counter[str] = Counter()
        self.busy: set[str] = set()  # machines: a fault each at a time
        self.freezes: list[tuple[int, float, float]] = []  # a task server's pid, from when, to when
        self.refusals = 0  # starts with a wrong clock that were refused with a line about it
        self.reported = 0  # runs whose end the rescuer told Prefect
        self.submitted: list[str] = []
        self.wrong: Counter[str] = Counter()  # promises, and how often they were broken
        self.lines: list[str] = []
        self.began = now()

    def tell(self, text: str) -> None:
        print(f"{now() - self.began:5.1f} s  {text}", flush=True)

    # --- the agent -----------------------------------------------------------------------------------

    def break_things(self) -> None:
        """The faults of the plan, each in a thread of its own; returns when all is as it was."""
        threads = []
        for fault in plan(self.seed, self.seconds, FAULTS):
            time.sleep(max(0.0, self.began + fault.at - now()))
            targets = "a" if "Prefect" in fault.kind else "abcd" if "kill" in fault.kind else "bcd"
            first = int(fault.pick * len(targets))
            if name := next((each for each in targets[first:] + targets[:first] if each not in self.busy), ""):
                self.busy.add(name)
                threads.append(threading.Thread(target=self.strike, args=(fault, name)))
                threads[-1].start()
            else:
                self.tell(f"{fault.kind}: left out, every machine is broken already")
        for thread in threads:
            thread.join()

    def strike(self, fault: Fault, name: str) -> None:
        what, _, how = fault.kind.partition(", ")
        seconds = LEASE * (0.1 + 0.35 * fault.pick if "moment" in how else 1.8 + 0.8 * fault.pick)
        for _ in range(30):  # up to 3 s, so that there is something to break
            if any(each.machine == name and not each.ended for each in self.at_work()):
                break
            time.sleep(0.1)
        self.tell(f"{name}: {fault.kind}" + (f" ({seconds:.1f} s)" if what in ("unplugged", "stopped") else ""))
        if what == "unplugged":
            done = self.unplug(name, seconds)
        elif what == "stopped":
            done = self.stop(
                name, ["keeper", "child"] if how == "both" else [how.replace("task server", "child")], seconds
            )
        elif what == "kill -9":
            done = self.kill(name, "server.1" if "Prefect" in how else "task_server.1")
        else:
            done = self.set_clock(name, how.removesuffix(" s"))
        self.tell(f"{name}: {fault.kind}: {'over' if done else 'could not be done'}")
        self.faults[fault.kind] += done
        self.busy.discard(name)

    def process(self, name: str, kept: str, role: str) -> int:
        found = state_files.kept_processes(self.machines / name / "home" / "run")
        return next((each.pid for each in found if (each.name, each.role) == (kept, role)), 0)

    def kill(self, name: str, kept: str) -> bool:
        if pid := self.process(name, kept, "child"):
            os.kill(pid, signal.SIGKILL)
        return bool(pid)

    def unplug(self, name: str, seconds: float) -> bool:
        for word, pause in (("down", seconds), ("up", 0.0)):
            subprocess.run(["ip", "-n", LAN, "link", "set", "dev", f"to-{name}", word], check=True)
            time.sleep(pause)
        return True

    def stop(self, name: str, roles: list[str], seconds: float) -> bool:
        pids = [self.process(name, "task_server.1", role) for role in roles]
        if not all(pids):
            return False
        started, began = [processes.started_at(pid) for pid in pids], now()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        if "child" in roles:
            self.freezes.append((pids[-1], began, now()))
        for pid, token in zip(pids, started, strict=True):
            if processes.started_at(pid) == token:  # not one that has its number by now
                os.kill(pid, signal.SIGCONT)
        return True

    def set_clock(self, name: str, wrong_by: str) -> bool:
        """For the next start of its task server; whether that was refused is told, and counted."""
        clock, log = self.machines / f"{name}.clock", self.machines / f"{name}.log"
        if not clock.exists():  # no C compiler here
            return False
        known = len(log.read_text(errors="replace"))
        self.kill(name, "task_server.1")
        clock.write_text(wrong_by)  # before the next start, and not for the one that is dead
        time.sleep(1.5 * LEASE)
        clock.write_text("0")
        lines = log.read_text(errors="replace")[known:].splitlines()
        refusal = next((line for line in lines if line.startswith("error: ") and "clock" in line), "")
        self.refusals += bool(refusal)
        self.tell(f"{name}: with a clock of {wrong_by} s it said: {refusal[:200] or 'nothing of a clock'}")
        return True

    # --- the work ------------------------------------------------------------------------------------

    def submit_all(self) -> None:
        """In bursts, so that there is a queue to lose; all is submitted when two thirds of the time are over."""
        sys.path.insert(0, os.getcwd())
        import task_server

        random = Random(self.seed)  # noqa: S311 - repeatable, not secret
        for number in range(self.number):
            due = self.began + number * BURSTS // self.number * self.seconds * 2 / 3 / BURSTS
            time.sleep(max(0.0, due - now()))
            seconds = random.uniform(0.2, 1.5) if number % LONG else 3 * LEASE
            while len(self.submitted) <= number:
                try:
                    self.submitted.append(str(task_server.greet.delay(f"number {number}", seconds).task_run_id))
                except (httpx.HTTPError, OSError):  # the Prefect server is down: nothing was promised
                    time.sleep(0.3)

    def wait(self, what: str, remaining: Callable[[], list[str]]) -> list[str]:
        """Until nothing remains, or for PATIENCE seconds; returns what does."""
        end, left = now() + PATIENCE, ["?"]
        while left and now() < end:
            time.sleep(0.5)
            with suppress(OSError):  # the Prefect server starts again
                left = remaining()
        self.tell(f"{what}: {len(left)} remain")
        return left

    def pending(self) -> list[str]:
        ended: set[str] = set()
        ended |= {run["id"] for run in prefect_api.of_these(self.submitted, COMPLETED)}
        return [run for run in self.submitted if run not in ended]

    def at_work(self) -> list[Attempt]:
        """The attempts that have written in the last second."""
        return [each for each in attempts() if each.run != "-" and each.last > now() - 1]

    def run(self) -> bool:
        submitting = threading.Thread(target=self.submit_all)
        submitting.start()
        self.break_things()
        submitting.join()
        seen: set[str] = set()

        def away() -> list[str]:
            seen.update(server["identifier"].rpartition("-")[0] for server in prefect_api.subscribed())
            return sorted(set("abcd") - seen)

        lost = self.wait("runs that have not completed", self.pending)
        self.wait("attempts at work", lambda: [each.id for each in self.at_work()])
        return self.judge(lost, self.wait("machines without a task server", away))

    # --- the judge -----------------------------------------------------------------------------------

    def broken(self, promise: str, who: str, *of: Attempt) -> None:
        self.wrong[promise] += 1
        ends_of_log = [
            f"{each.machine} (pid {each.pid}) {each.began - self.began:.2f}-{each.last - self.began:.2f} s, "
            f"lease until {each.deadline(each.last) - self.began:.2f} s"
            for each in of
        ]
        self.lines.append(f"{promise}: {who}" + "".join(f"; {each}" for each in ends_of_log))

    def awake(self, attempt: Attempt, since: float) -> float:
        """When its process was awake after that time: then, or at the end of a freeze over that."""
        ends = [end for pid, began, end in self.freezes if pid == attempt.pid and began < since < end]
        return max([since, *ends])

    def look_at_results(self, known: dict[str, Attempt], processes: dict[tuple[str, int], Attempt]) -> None:
        """Who wrote the result and the final state of each run, and did it have a lease when it did?"""
        files = {path.name: path for path in (self.machines / "a" / "home" / "port" / "storage").rglob("*")}
        ahead = time.time() - now()
        with get_client(sync_client=True) as client:
            for run in self.submitted:
                state = client.read_task_run(run).state
                if not state or not state.is_completed():
                    continue
                result = str(state.result(raise_on_failure=False)) if state.data else f"none ({state.name})"
                if result not in known or known[result].run != run:
                    self.broken("completed without its result", f"{run}, result {result}")
                    continue
                attempt = known[result]
                times = {  # on the clock of CLOCK_BOOTTIME
                    "result written": files[state.data.storage_key].stat().st_mtime - ahead,
                    "state": state.timestamp.timestamp() - attempt.ahead,
                }
                if state.name == "Cached":  # by another attempt, which found the result
                    del times["state"]
                elif self.reported_by_rescuer(run):  # its time is that of the telling
                    self.reported += 1
                    del times["state"]
                for what, at in times.items():
                    deadline = processes.get((attempt.machine, attempt.pid), attempt).deadline(at)
                    if at > deadline + TOLD:
                        when = f"{what} at {at - self.began:.2f} s, lease until {deadline - self.began:.2f} s"
                        self.broken("accepted after the lease", f"{run}, {when}", attempt)
                        break

    @staticmethod
    def reported_by_rescuer(run: str) -> bool:
        """Whether Prefect knows of the end only because the task server had it on record, and the rescuer read it."""
        lines = prefect_api.ask("/logs/filter", {"logs": {"task_run_id": {"any_": [run]}}}, timeout=10)
        return any("its end never reached" in line["message"] for line in lines)

    def judge(self, lost: list[str], away: list[str]) -> bool:
        everything = attempts()
        processes = {(each.machine, each.pid): each for each in everything if each.run == "-"}
        of_run: dict[str, list[Attempt]] = defaultdict(list)
        for each in everything:
            if each.run != "-":
                of_run[each.run].append(each)
        for run in lost:
            self.broken("lost", run, *of_run[run])
        for name in away:
            self.broken("task server away", name)
        late = [0.0]  # seconds
        for run, those in of_run.items():
            for one, other in combinations(those, 2):
                ends = [min(each.last, each.deadline(each.last)) for each in (one, other)]
                if (both := min(ends) - other.began) > 0:
                    self.broken("twice at once, with leases", f"{run}, for {1000 * both:.0f} ms", one, other)
            for each in those:  # whose lease is over, or whose run has another attempt since it was frozen
                ends = [each.deadline(each.last), *(next.began for next in those if next.began > each.began)]
                over = [self.awake(each, end) for end in ends]
                if ends[0] == INFINITE:
                    over = [awake for awake, end in zip(over, ends, strict=True) if awake > end]
                if over and each.last > min(over):
                    late.append(each.last - min(over))
                    if late[-1] >= AWAKE:
                        self.broken("awake without a lease", f"{run}, for {1000 * late[-1]:.0f} ms", each)
        self.look_at_results({each.id: each for those in of_run.values() for each in those}, processes)
        figures = {
            "faults": self.faults.total(),
            "submitted": len(self.submitted),
            "begun more than once": sum(len(those) > 1 for those in of_run.values()),
            "wrong clocks": sum(number for kind, number in self.faults.items() if "clock" in kind),
            "of them refused": self.refusals,
            "ends told by the rescuer": self.reported,
            "went on without a lease": len(late) - 1,
            "ms at the most, once awake": round(1000 * max(late)),
        }
        for promise in ("lost", "twice at once, with leases", "awake without a lease", "accepted after the lease"):
            figures[promise] = self.wrong[promise]
        figures |= {each: self.wrong[each] for each in ("completed without its result", "task server away")}
        faults, runs = Table("fault", "times", title=f"seed {self.seed}", title_justify="left"), Table("runs", "")
        for table, rows in ((faults, {kind: self.faults[kind] for kind in FAULTS}), (runs, figures)):
            for what, number in rows.items():
                table.add_row(what, str(number))
        console.print(faults, runs)
        print(*self.lines, f"seed {self.seed}: {in_words(figures)}", sep="\n")
        return not self.wrong


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    logging.getLogger("prefect.tasks").setLevel(logging.CRITICAL)  # not a line for each run
    numbers = {"SEED": (1, 0, 999_999_999), "CHAOS_SECONDS": (60, 5, 3600), "N": (100, 1, 10_000)}
    given = [workshop.whole_number(name, *limits) for name, limits in numbers.items()]
    return 0 if Round(Path(sys.argv[1]), *given).run() else 1


if __name__ == "__main__":
    sys.exit(main())

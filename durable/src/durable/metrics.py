"""`python -m durable metrics --records FOLDER` shows numbers for Prometheus at http://127.0.0.1:9400/metrics.

What waits, and what is lost, it asks Prefect's API; who is alive and what runs it reads in the records, each line once.
Of a run whose end is on record it asks the API for its state, once it has one, up to 200 in a request.

Counters begin with 0 at each start of this process: what is on record by then is not counted, and Prometheus' rate()
and increase() know what to do. While it lives they never go back. While the API is unreachable, durable_up is 0 and
the numbers from the API stay as they were.

Each look at the API is followed by a pause of 50 times the CPU time that it took, so however much waits, they take no
more than 2 % of a core. With 10,000 runs that wait, their numbers are some minutes old; those from the records are
never older than --every.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections import Counter as Count
from pathlib import Path
from typing import Any

import orjson
import prometheus_client
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from durable.api_errors import API_ERRORS, create_or_exit, remedy
from durable.losses import SETTLE
from durable.reconcile import PrefectStates, Report
from durable.records import Records
from durable.rescuer import PAGE, Rescuer
from durable.run_history import How, Process

SHARE = 50  # a look at the API is followed by a pause of so many times its CPU time: 2 % of a core at the most
LATE = 60  # seconds for which Prefect is asked for the state of a run that has ended on record: it follows in SETTLE
REMEMBER = 600  # seconds for which a run that was counted is not counted again: far longer than LATE
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)  # seconds that a run takes


class CountedRecords(Records):
    """Records that keep what the counters need of the lines that are new."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self.ended: set[str] = set()  # ids of runs that have ended, or were given up
        self.refused: set[str] = set()  # ids of runs that a task server did not begin: some were cancelled before
        self.rescued = 0
        self.given_up = 0

    def add_line(self, process: Process, line: dict[str, Any]) -> None:
        event, known = line.get("event"), self.runs.get(line.get("run", ""))
        again = event == "given up" and known is not None and line.get("state", "") in known.given_up
        super().add_line(process, line)
        if event == "given up" or (event == "end" and line.get("how") not in (How.REFUSED, How.GIVEN_BACK)):
            self.ended.add(line["run"])
        if event == "end" and line.get("how") == How.REFUSED:
            self.refused.add(line["run"])
        self.rescued += event == "back" and bool(line.get("counted"))
        self.given_up += event == "given up" and not again  # what was giving it up died, or the API was away


class Metrics(Rescuer):
    """What is shown, and what it is made from. Finds what is lost as a rescuer does, and changes nothing.

    folder: of the records. Raises ValueError without a PREFECT_API_URL.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder, name=None)
        self.records: CountedRecords = CountedRecords(self.folder)
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # what this costs: process_cpu_seconds_total
        self.up = Gauge("durable_up", "1 if the Prefect API and the records could be read, else 0", registry=registry)
        self.waiting = Gauge(
            "durable_runs_waiting", "Runs in the queue, which no task server has", ["task"], registry=registry
        )
        self.oldest = Gauge(
            "durable_runs_waiting_oldest_seconds", "How long the oldest of these waits", ["task"], registry=registry
        )
        self.unserved = Gauge(
            "durable_runs_unserved", "Of these, those whose key no task server serves", ["task"], registry=registry
        )
        self.running = Gauge("durable_runs_running", "Runs that a live task server has", registry=registry)
        self.alive = Gauge("durable_task_servers_alive", "Task servers that live, busy or not", registry=registry)
        self.lost = Gauge(
            "durable_runs_lost",
            "Runs that nobody has: their task server died (orphaned), or they are in no queue (forgotten)",
            ["kind"],
            registry=registry,
        )
        self.rescued = Counter(
            "durable_runs_rescued", "Runs requeued because a task server died with them", registry=registry
        )
        self.given_up = Counter(
            "durable_runs_given_up", "Runs set to Crashed, as too many task servers died with them", registry=registry
        )
        self.ended = Counter(
            "durable_runs_ended", "Runs that ended, by the type of their state", ["task", "state"], registry=registry
        )
        self.seconds = Histogram(
            "durable_run_seconds", "How long a run was Running", ["task"], buckets=BUCKETS, registry=registry
        )
        self._unknown: dict[
            str, float
        ] = {}  # ids of runs that have ended on record; when Prefect was first asked, or 0
        self._begun: set[str] = set()  # of these, those that a task server has run
        self._counted: dict[str, float] = {}  # ids of runs that were counted, and when
        self._tasks: set[str] = set()  # of which a run has ever waited
        self._dead: set[Path] = set()  # the records of processes that are known to be dead
        self._first = True

    def read_records(self) -> None:
        """Take in the lines that are new. Raises OSError."""
        self.records.read()
        lines = self.records
        dead = {path: process for path, process in lines.processes.items() if not process.alive}
        for path in dead.keys() - self._dead:  # with a run that had ended in Prefect, perhaps, and not on record
            lines.ended |= dead[path].open
        if not self._first:
            self.rescued.inc(lines.rescued)
            self.given_up.inc(lines.given_up)
            new = (lines.ended | lines.refused) - self._counted.keys() - self._unknown.keys()
            self._unknown |= dict.fromkeys(new, 0.0)
            self._begun |= lines.ended
        self._first, lines.rescued, lines.given_up = False, 0, 0
        lines.ended.clear()
        lines.refused.clear()
        self._dead = {path for path in dead if path.exists()}
        for path in dead.keys() - self._dead:  # a rescuer has tidied up
            del lines.processes[path]
        living = [process for process in lines.processes.values() if process.alive and process.keys]
        self.alive.set(len(living))
        self.running.set(sum(len(process.open) for process in living))

    async def ask(self, client: PrefectClient) -> None:
        """Ask the API for what waits, what is lost and what has ended. Raises what API_ERRORS names."""
        try:
            report, states = await self._find(client)
            self._show(report, states)
            await self._count_ended(client)
        except API_ERRORS:
            await self._note_if_down()
            raise
        under_way = {str(run.id) for run in states.runs + states.waiting}
        self.records.forget(3 * SETTLE, keep=under_way)

    def _show(self, report: Report, states: PrefectStates) -> None:
        since: dict[str, list[float]] = {task: [] for task in self._tasks}  # also those of which none waits now
        for run in states.waiting:
            history = self.records.runs.get(str(run.id))
            if run.queued and not (history and history.running_on()):
                since.setdefault(run.task_key, []).append(run.since)
        self._tasks |= since.keys()
        for task, times in since.items():
            self.waiting.labels(task).set(len(times))
            self.oldest.labels(task).set(max(0.0, states.at - min(times, default=states.at)))
            self.unserved.labels(task).set(report.unserved.get(task, 0))
        kinds = Count("orphaned" if lost_run.rescue else "forgotten" for lost_run in report.lost)
        for kind in ("orphaned", "forgotten"):
            self.lost.labels(kind).set(kinds[kind])

    async def _count_ended(self, client: PrefectClient) -> None:
        asked = list(self._unknown)
        for start in range(0, len(asked), PAGE):
            ids = asked[start : start + PAGE]
            # Not by the client's own method: it makes an object of each run, which takes ten times as long.
            wanted = {"task_runs": {"id": {"any_": ids}}, "limit": PAGE}
            answer = await client._client.post("/task_runs/filter", json=wanted)
            for run in orjson.loads(answer.content):
                # What was refused and has run elsewhere is counted by that end.
                ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") if run["id"] in self._begun else ("CANCELLED",)
                if run["state_type"] in ended:
                    self.ended.labels(run["task_key"], run["state_type"].lower()).inc()
                    if run["start_time"]:
                        self.seconds.labels(run["task_key"]).observe(run["total_run_time"])
                    self._counted[run["id"]] = time.monotonic()
                    del self._unknown[run["id"]]
        now = time.monotonic()
        first = {run: self._unknown.get(run, 0.0) or now for run in asked if run in self._unknown}
        self._unknown = {run: at for run, at in (self._unknown | first).items() if not at or now - at < LATE}
        self._begun &= self._unknown.keys()
        self._counted = {run: at for run, at in self._counted.items() if now - at < REMEMBER}

    async def for_ever(self, every: float) -> None:
        """Look every so many seconds, until cancelled. While the API or the folder is unreachable, durable_up is 0."""
        announced = False
        with contextlib.suppress(OSError):  # which ask() tells of, here and below
            self.read_records()
        reading = asyncio.create_task(self._read_on(every))
        try:
            # One for long: a new client costs 50 ms of CPU.
            async with get_client(httpx_settings={"timeout": 20}) as client:
                while True:
                    used = time.process_time()
                    try:
                        await self.ask(client)
                    except API_ERRORS as error:
                        self.up.set(0)
                        if not announced:
                            why = f"{type(error).__name__}: {error}".splitlines()[0]
                            what = f"the Prefect API or the records are unreachable ({why}): durable_up is 0; trying on"
                            print(f"metrics: {what}. Try: {remedy(error)}", flush=True)
                        announced = True
                    else:
                        self.up.set(1)
                        if announced:
                            print("metrics: the Prefect API is back", flush=True)
                        announced = False
                    await asyncio.sleep(max(every, SHARE * (time.process_time() - used)))
        finally:
            reading.cancel()

    async def _read_on(self, every: float) -> None:
        """By itself, for the API may take its time to answer, or not to."""
        while True:
            await asyncio.sleep(every)
            with contextlib.suppress(OSError):
                self.read_records()


def main(arguments: list[str]) -> int:
    """The command. Returns its exit code: 2 for bad input and for a port that is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m durable metrics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", default=os.environ.get("RECORDS"), help="their folder ($RECORDS)")
    parser.add_argument("--port", type=int, default=9400, help="9400")
    parser.add_argument(
        "--host", default="127.0.0.1", help="127.0.0.1; in a container 0.0.0.0: it asks nobody who they are"
    )
    parser.add_argument("--every", type=float, default=5, metavar="SECONDS", help="between looks (5)")
    options = parser.parse_args(arguments)
    if not options.records:
        parser.error("which folder? --records FOLDER, the one that the task servers have")
    if not 0 < options.port < 65536:
        parser.error(f"--port: {options.port} is no port")
    if not 0.5 <= options.every <= 3600:
        parser.error(f"--every: {options.every:g} is not a number of seconds from 0.5 to 3600")

    def begin() -> Metrics:
        Path(options.records).mkdir(parents=True, exist_ok=True)  # the task servers may come later
        return Metrics(options.records)

    metrics = create_or_exit(begin)
    try:
        # A series more of each, which nothing here needs.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        prometheus_client.start_http_server(options.port, options.host, metrics.registry)
    except OSError as error:
        what = f"cannot listen at {options.host}:{options.port} ({error.strerror})"
        print(f"error: {what}. Try: use another --port", file=sys.stderr)
        return 2
    print(f"metrics: http://{options.host}:{options.port}/metrics", flush=True)
    # A client that has been connected tries five more times, for a minute (_send_with_retry in 3.9.1's client/base.py):
    # durable_up would be that late. One more is for an answer 503; after that comes the next look.
    with contextlib.suppress(KeyboardInterrupt), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
        asyncio.run(metrics.for_ever(options.every))
    return 0

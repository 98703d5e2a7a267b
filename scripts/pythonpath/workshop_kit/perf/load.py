#!/usr/bin/env python3
"""The client of `make bench`: submits runs of example 2's own task, as the lesson does, and prints one line of JSON.

    load.py burst|map|latency|compute|behind N

It knows nothing of the kit: the tutorial's set-up and the kit's are measured with this same file, in the environment
that bench.py gives it. Times in seconds.
"""

import json
import logging
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

API = os.environ["PREFECT_API_URL"]
COMPLETED = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path: str, body: Any = None) -> Any:
    """The API's answer, over a connection of our own: what is measured is Prefect's client, not this."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {"Content-Type": "application/json"})  # noqa: S310
    for attempt in range(5):
        try:
            with _opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except OSError:  # the untuned server answers 503 when its database is locked
            if attempt == 4:
                raise
            time.sleep(1)
    return None


def completed() -> int:
    return ask("/task_runs/count", COMPLETED)


def wait_for(number: int) -> None:
    while completed() < number:
        time.sleep(0.2)


class Refusals(logging.Filter):
    """Counts the requests that Prefect's client had to send again, as it tells in its log at the level of DEBUG."""

    count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self.count += "Another attempt" in record.getMessage()
        return False


def burst(task: Any, number: int, how: str) -> dict[str, Any]:
    """Submit `number` runs; the seconds to the last Completed, and how long each delay() took."""
    before = completed()
    refusals = Refusals()
    client = logging.getLogger("prefect.client")
    client.setLevel(logging.DEBUG)
    client.addFilter(refusals)
    slow = 0
    slowest = 0.0
    began = time.perf_counter()
    if how == "map":
        task.map([f"name {count}" for count in range(number)], deferred=True)
    else:
        for count in range(number):
            start = time.perf_counter()
            task.delay(f"name {count}")
            took = time.perf_counter() - start
            slow += took > 1
            slowest = max(slowest, took)
    submitted = time.perf_counter() - began
    wait_for(before + number)
    seconds = time.perf_counter() - began
    rate = number / seconds
    return dict(submitted=submitted, seconds=seconds, rate=rate, slow=slow, slowest=slowest, refused=refusals.count)


def latency(task: Any, number: int) -> dict[str, Any]:
    """One run at a time on an idle system: from calling delay() to the moment its Running state names."""
    from datetime import datetime

    samples = []
    for count in range(number):
        done = completed()
        called = time.time()
        run_id = task.delay(f"name {count}").task_run_id
        wait_for(done + 1)
        states = ask(f"/task_run_states/?task_run_id={run_id}")
        running = next(state["timestamp"] for state in states if state["type"] == "RUNNING")
        samples.append(datetime.fromisoformat(running).timestamp() - called)
    return {"samples": samples}


def behind(task: Any, number: int) -> dict[str, Any]:
    """One run of `number` seconds, and a second later ten of 0.1: from their submission to the end of the tenth."""
    done = completed()
    task.delay(str(number))
    time.sleep(1)
    began = time.perf_counter()
    for _ in range(10):
        task.delay("0.1")
    wait_for(done + 10)
    seconds = time.perf_counter() - began
    wait_for(done + 11)
    return {"seconds": seconds}


def main() -> int:
    how, number = sys.argv[1], int(sys.argv[2])
    if how == "compute":
        from compute import compute as task
    elif how == "behind":
        from behind import take as task
    else:
        sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "examples" / "ex2_task_servers"))
        from task_server import my_background_task as task
    logging.getLogger("prefect.tasks").setLevel(logging.WARNING)  # a line for each run is not what is measured
    done = completed()
    task.delay("0" if how == "behind" else "the first, to warm up")
    wait_for(done + 1)
    ways = {"latency": latency, "behind": behind}
    found = ways[how](task, number) if how in ways else burst(task, number, how)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

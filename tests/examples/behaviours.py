#!/usr/bin/env python3
"""What Prefect promises of background tasks, tried out: run by behaviour.bats with TUNED=0 and with TUNED=1.

behaviours.py serve    serves the tasks below
behaviours.py try      submits them, checks each promise, and prints what the API knows of each run afterwards:
                       its states, its events, its counts. The same must be printed either way.
behaviours.py submit   submits one run in the settings of this process, and prints its id
behaviours.py read     reads each of 150 runs without a pause until its end, and prints how often one had no state
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import task
from prefect.futures import PrefectDistributedFuture
from prefect.settings import get_current_settings
from prefect.task_worker import serve
from prefect.tasks import task_input_hash

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
from workshop_kit import prefect_api

TRACES = Path(os.environ["WORKSHOP_HOME"]) / "traces"  # what the tasks themselves noticed


def notice(name: str) -> int:
    """Count how often something happened, over all processes."""
    with (TRACES / name).open("a") as file:
        file.write("x")
    return (TRACES / name).stat().st_size


@task
def plain(number: int, text: str = "default", *, options: dict[str, Any] | None = None):
    return {"number": number + 1, "text": text, "options": options, "when": timedelta(seconds=number)}


@task(retries=2, retry_delay_seconds=[0.2, 0.4])
def third_time_lucky():
    if notice("third_time_lucky") < 3:
        raise ValueError("not yet")
    return "lucky"


@task(retries=1)
def hopeless():
    raise KeyError("never")


@task(timeout_seconds=0.5)
def too_slow():
    time.sleep(5)


@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(minutes=5))
def remembered(number: int):
    notice("remembered")
    return number * 2


@task
async def asynchronous(number: int):
    await asyncio.sleep(0.05)
    return number + 1


@task(task_run_name="run for {name}", tags=["tagged", "twice"])
def named(name: str):
    return name


@task
def default_retries(ask: str):  # without a parameter Prefect sends no settings along
    return get_current_settings().tasks.default_retries


def note_hook(task, run, state):
    notice(f"hook-{state.name}")


@task(on_completion=[note_hook], on_failure=[note_hook])
def hooked(fail: bool):
    if fail:
        raise RuntimeError("as asked")


@task
def after(upstream: int):
    return upstream + 1


logging.getLogger("prefect.tasks").setLevel(logging.WARNING)
TASKS = [plain, third_time_lucky, hopeless, too_slow, remembered, asynchronous, named, default_retries, hooked, after]
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def ask(path: str, body: Any = None) -> Any:
    for _ in range(5):
        try:
            return prefect_api.ask(path, body, timeout=30)
        except OSError:  # untuned, the database may be locked
            time.sleep(1)
    raise SystemExit(f"no answer to {path}")


def wait_until(what: str, holds: Any, seconds: float = 40) -> None:
    patience = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > patience:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def type_of(future: Any) -> str | None:
    """The type of the run's state; untuned, on SQLite, a run has none between two writes of the server."""
    state = ask(f"/task_runs/{future.task_run_id}")["state"]
    return state and state["type"]


def ended(future: Any) -> dict[str, Any]:
    """The run as the API has it, once it has ended."""
    wait_until("the end of a run", lambda: type_of(future) in FINAL)
    return ask(f"/task_runs/{future.task_run_id}")


def states(future: Any) -> list[str]:
    found = ask(f"/task_run_states/?task_run_id={future.task_run_id}")
    return [state["name"] for state in sorted(found, key=lambda state: state["timestamp"])]


def events(future: Any) -> list[str]:
    wanted = {"filter": {"any_resource": {"id": [f"prefect.task-run.{future.task_run_id}"]}}, "limit": 50}
    found = ask("/events/filter", wanted)["events"]
    return [event["event"] for event in sorted(found, key=lambda event: event["occurred"])]


def check(holds: bool, what: str, seen: Any = "") -> None:
    if not holds:
        raise SystemExit(f"broken: {what}; seen: {seen}")


def main() -> None:
    TRACES.mkdir(parents=True, exist_ok=True)
    options = {"nested": [1, {"two": 2}], "none": None}
    tried: dict[str, Any] = {
        "plain": plain.delay(1, "Ω 'quoted' \n", options=options),
        "retried": third_time_lucky.delay(),
        "failed": hopeless.delay(),
        "timed out": too_slow.delay(),
        "async": asynchronous.delay(41),
        "named": named.delay("Ford"),
        "hook of a success": hooked.delay(False),
        "hook of a failure": hooked.delay(True),
    }
    first = remembered.delay(21)
    ended(first)
    tried |= {"computed": first, "cached": remembered.delay(21)}
    # The submitter's settings travel with the run: other settings, and then the same again.
    tried["settings"] = default_retries.delay("how many?")
    other = subprocess.run(
        [sys.executable, __file__, "submit"],
        env={**os.environ, "PREFECT_TASKS_DEFAULT_RETRIES": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    tried["other settings"] = PrefectDistributedFuture(UUID(other.stdout.strip()))
    tried["settings again"] = default_retries.delay("how many?")
    tried["after another"] = after.apply_async(kwargs={"upstream": 1}, wait_for=[tried["plain"]])
    for number, future in enumerate(plain.map(list(range(30)), deferred=True)):
        tried[f"mapped {number}"] = future

    runs = {name: ended(future) for name, future in tried.items()}
    # Prefect writes events down every 5 s or 20 events: each state has one.
    for future in tried.values():
        wait_until("the events", lambda future=future: len(events(future)) >= len(states(future)))

    result = tried["plain"].result(timeout=10)
    wanted = {"number": 2, "text": "Ω 'quoted' \n", "options": options, "when": timedelta(seconds=1)}
    check(result == wanted, "a result arrives as it was returned", result)
    check(tried["retried"].result(timeout=10) == "lucky", "a retried run has its result")
    check(runs["retried"]["run_count"] == 3, "it ran three times", runs["retried"]["run_count"])
    check("AwaitingRetry" in states(tried["retried"]), "it awaited its retries", states(tried["retried"]))
    check(states(tried["failed"])[-1] == "Failed" and runs["failed"]["run_count"] == 2, "retried once, then Failed")
    try:
        tried["failed"].result(timeout=10)
        check(False, "the exception reaches who asks for the result")
    except KeyError:
        pass
    check(states(tried["timed out"])[-1] == "TimedOut", "a timeout is TimedOut", states(tried["timed out"]))
    check(tried["async"].result(timeout=10) == 42, "async tasks run")
    check(runs["named"]["name"] == "run for Ford", "a run's own name", runs["named"]["name"])
    check(sorted(runs["named"]["tags"]) == ["tagged", "twice"], "tags", runs["named"]["tags"])
    check(states(tried["cached"])[-1] == "Cached", "the second of the same is Cached", states(tried["cached"]))
    check(tried["cached"].result(timeout=10) == 42 and notice("remembered") == 2, "and was not computed again")
    retries = [tried[name].result(timeout=10) for name in ("settings", "other settings", "settings again")]
    check(retries == [0, 7, 0], "the submitter's settings hold in the run", retries)
    check(tried["after another"].result(timeout=10) == 2, "wait_for")
    check(notice("hook-Completed") == 2 and notice("hook-Failed") == 2, "each hook was called once")
    for number in range(30):
        seen = states(tried[f"mapped {number}"])
        check(seen == ["Scheduled", "Pending", "Running", "Completed"], "each of many has every state, once", seen)

    for name, future in tried.items():
        run = runs[name]
        facts = [run["name"], run["run_count"], run["state_name"], run["total_run_time"] > 0, sorted(run["tags"])]
        facts += [run["state"]["message"], bool(run["start_time"]), bool(run["end_time"])]
        print(name, json.dumps(facts), states(future), events(future))


def read_to_the_end(number: int) -> list[str | None]:
    """Every answer, one after the other, to "what state has it?" from its submission to its end."""
    future, patience, answers = plain.delay(number), time.monotonic() + 40, []
    while not answers or answers[-1] not in FINAL:
        answers.append(type_of(future))
        if time.monotonic() > patience:
            raise SystemExit("the end of a run: not within 40 s")
    return answers


def read() -> None:
    with ThreadPoolExecutor(6) as readers:  # several, since what they shall not see is short
        answers = [answer for them in readers.map(read_to_the_end, range(150)) for answer in them]
    print(f"{answers.count(None)} without a state; read {len(answers)} times")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        TRACES.mkdir(parents=True, exist_ok=True)
        serve(*TASKS, limit=10)
    elif sys.argv[1:] == ["submit"]:
        print(default_retries.delay("how many?").task_run_id)
    elif sys.argv[1:] == ["read"]:
        read()
    else:
        main()

#!/usr/bin/env python3
"""Asks example 3's web app for a task, as a browser or another service would, and follows it to its end.

NAME=…   whom to greet (default Marvin), exactly as typed
"""

import sys
import time
from urllib.parse import urlencode

from durable.text import LINES, printable
from workshop_kit import examples, http_client, prefect_api, state_files, workshop
from workshop_kit.commands.promises import ENDED
from workshop_kit.commands.why_it_waits import why_it_waits
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(example=True, same_port=True)

LOOK = 0.1  # seconds between requests while the task runs
STILL = 3  # seconds that an app may go on saying "not yet" of a run that has ended
WELL = ("Completed", "Cached")


def key_of(run_id: str) -> str:
    """The key of a run's task; nothing when the API does not say."""
    try:
        return prefect_api.ask(f"/task_runs/{run_id}")["task_key"]
    except (OSError, KeyError):
        return ""


def main() -> int:
    name = workshop.typed("NAME", "Marvin")
    running = state_files.running_example()
    ex = examples.taking("make task").number
    if not running or running.ex != ex:
        workshop.fail(f"make task talks to example {ex}, which is not running", f"make ex{ex} (in another terminal)")
    answer = http_client.ask("POST", f"{settings().web}/task?{urlencode({'name': name})}", timeout=10)
    print(f"POST /task -> {answer.status}")
    if answer.status != 202:
        remedy = f"make check EX={ex}, which reads your code" if running.own_code else "make status"
        workshop.fail(f"the web app answered {answer.status}: {answer.text}", remedy, 1)
    run = answer.json()
    if missing := [key for key in ("task_run_id", "ui", "follow") if not isinstance(run, dict) or key not in run]:
        problem = f"POST /task answers without {' and '.join(missing)}: {answer.text[:100]}"
        workshop.fail(problem, 'return {"task_run_id": …, "ui": …, "follow": …} (its step 3.6)', 1)
    print(f"     task run {printable(run['task_run_id'])}\n     {printable(run['ui'])}", flush=True)
    state, next_notice, began, ended = "", 2.0, time.monotonic(), 0.0
    while True:
        answer = http_client.ask("GET", settings().web + run["follow"], timeout=10)
        body = answer.json()
        if not isinstance(body, dict):
            problem = f"GET {run['follow']} answers {answer.status} with {answer.text[:60]}, and no object"
            workshop.fail(problem, 'return {**answer, "result": …} (its step 3.7)', 1)
        if body.get("state") != state:
            state = body.get("state")
            print(f"GET {printable(run['follow'])} -> {answer.status} {printable(state)}", flush=True)
        if answer.status != 202:
            print(f"     {printable(body.get('result') or body.get('message') or body.get('detail'), keep=LINES)}")
            return 0 if answer.ok else 1
        ended = ended or (time.monotonic() if state in (*WELL, *ENDED) else 0.0)
        if ended and time.monotonic() - ended > STILL:
            problem = f"the run is {state}, and GET {run['follow']} still answers 202, which is: not yet"
            step = "3.7" if state in WELL else "3.8"
            workshop.fail(problem, f"write its step {step} (make learn EX={ex})", 1)
        if time.monotonic() - began > next_notice:
            why = why_it_waits(key_of(run["task_run_id"])) if state == "Scheduled" else "its end"
            print(f"     waiting ({next_notice:.0f} s) for {why}", flush=True)
            next_notice *= 2
        time.sleep(LOOK)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nleft; the task goes on without us: make runs", file=sys.stderr)
        sys.exit(130)
    except (OSError, ValueError) as error:
        workshop.fail(f"the web app does not answer properly ({type(error).__name__})", "make status", 1)

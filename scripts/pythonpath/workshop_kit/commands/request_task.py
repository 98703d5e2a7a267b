#!/usr/bin/env python3
"""Asks example 3's web app for a task, as a browser or another service would, and follows it to its end.

NAME=…   whom to greet (default Marvin), exactly as typed
"""

import sys
import time

import requests

from durable.text import LINES, printable
from workshop_kit import workshop
from workshop_kit.commands.check import ENDED
from workshop_kit.commands.why_it_waits import why_it_waits

LOOK = 0.1  # seconds between requests while the task runs
STILL = 3  # seconds that an app may go on saying "not yet" of a run that has ended
WELL = ("Completed", "Cached")


def key_of(run_id: str) -> str:
    """The key of a run's task; nothing when the API does not say."""
    try:
        return workshop.prefect(f"/task_runs/{run_id}")["task_key"]
    except (OSError, KeyError):
        return ""


def main() -> int:
    name = workshop.typed("NAME", "Marvin")
    running = workshop.running_example()
    if not running or running.ex != 3:
        workshop.fail("make task talks to example 3, which is not running", "make ex3 (in another terminal)")
    with requests.Session() as session:
        session.trust_env = False  # no proxy for this machine
        answer = session.post(f"{workshop.WEB}/task", params={"name": name}, timeout=10)
        print(f"POST /task -> {answer.status_code}")
        if answer.status_code != 202:
            remedy = "make check EX=3, which reads your code" if running.own_code else "make status"
            workshop.fail(f"the web app answered {answer.status_code}: {answer.text}", remedy, 1)
        run = answer.json()
        if missing := [key for key in ("task_run_id", "ui", "follow") if not isinstance(run, dict) or key not in run]:
            told = f"POST /task answers without {' and '.join(missing)}: {answer.text[:100]}"
            workshop.fail(told, 'returning {"task_run_id": …, "ui": …, "follow": …} (its step 3.6)', 1)
        print(f"     task run {run['task_run_id']}\n     {run['ui']}", flush=True)
        state, told, began, ended = "", 2.0, time.monotonic(), 0.0
        while True:
            answer = session.get(workshop.WEB + run["follow"], timeout=10)
            body = answer.json()
            if not isinstance(body, dict):
                told_so = f"GET {run['follow']} answers {answer.status_code} with {answer.text[:60]}, and no object"
                workshop.fail(told_so, 'returning {**answer, "result": …} (its step 3.7)', 1)
            if body.get("state") != state:
                state = body.get("state")
                print(f"GET {run['follow']} -> {answer.status_code} {state}", flush=True)
            if answer.status_code != 202:
                print(f"     {printable(body.get('result') or body.get('message') or body.get('detail'), keep=LINES)}")
                return 0 if answer.ok else 1
            ended = ended or (time.monotonic() if state in (*WELL, *ENDED) else 0.0)
            if ended and time.monotonic() - ended > STILL:
                told_so = f"the run is {state}, and GET {run['follow']} still answers 202, which is: not yet"
                remedy = "its step 3.7" if state in WELL else "its step 3.8"
                workshop.fail(told_so, f"writing {remedy} (make learn EX=3)", 1)
            if time.monotonic() - began > told:
                why = why_it_waits(key_of(run["task_run_id"])) if state == "Scheduled" else "its end"
                print(f"     waiting ({told:.0f} s) for {why}", flush=True)
                told *= 2
            time.sleep(LOOK)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nleft; the task goes on without us: make runs", file=sys.stderr)
        sys.exit(130)
    except (requests.RequestException, ValueError) as error:
        workshop.fail(f"the web app does not answer properly ({type(error).__name__})", "make status", 1)

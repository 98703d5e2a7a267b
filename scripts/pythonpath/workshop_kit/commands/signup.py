#!/usr/bin/env python3
"""Signs up at example 4, as a browser or another service would, and follows the three tasks to their end.

EMAIL=… NAME=…   who (with neither: a made-up user), exactly as typed
N=50             fifty made-up users, with a progress bar, and how the work was spread over the task servers
Exit 0 when all runs Completed, 1 when one did not, 2 for bad input.
"""

import os
import random
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from durable.text import printable
from workshop_kit import examples, http_client, state_files, workshop
from workshop_kit.commands import example_records
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(takes="make signup", same_port=True)

LOOK = 0.1  # seconds between looks at a user
FINAL = {"Completed", "Cached", "Failed", "Crashed", "Cancelled", "TimedOut"}
AT_ONCE = 4  # signups at the same time, with N=
NAMES = ["Arthur", "Ford", "Zaphod", "Trillian", "Slartibartfast", "Fenchurch", "Agrajag", "Eddie", "Benjy", "Lunkwill"]
console = Console(highlight=False, no_color=True)


def made_up() -> dict[str, str]:
    name = random.choice(NAMES)  # noqa: S311
    return {"email": f"{name.lower()}.{secrets.token_hex(4)}@example.com", "name": name}


def post(user: dict[str, str]) -> dict[str, Any]:
    """Sign the user up; the API's answer. Exits with one line when it refuses (2) or is not well (1)."""
    answer = http_client.ask("POST", f"{settings().web}/users", user, timeout=30)
    if answer.status == 201:
        return answer.json()
    detail = answer.json().get("detail", answer.text)
    if answer.status in (409, 422):
        workshop.fail(f"the API refuses: {detail}", "make signup EMAIL=you@example.com NAME=You")
    workshop.fail(f"the API answered {answer.status}: {detail}", "make status", 1)


def look(user_id: str) -> dict[str, Any]:
    return http_client.call("GET", f"{settings().web}/users/{user_id}", timeout=10)


def is_over(user: dict[str, Any]) -> bool:
    return all(run["state"] in FINAL for run in user["states"].values())


def follow_one(user: dict[str, str]) -> int:
    began = time.monotonic()
    found = post(user)
    who = f"{found['name']} <{found['email']}>"
    print(f"POST /users -> 201 in {1000 * (time.monotonic() - began):.0f} ms: {printable(who)}")
    print(f"     {settings().web}/users/{found['id']}", flush=True)
    shown: dict[str, str] = {}
    next_notice = 5.0
    while True:
        found = look(found["id"])
        for what, run in found["states"].items():
            if run["state"] != shown.get(what):
                ended = run["state"] in FINAL and run["message"]
                message = f": {printable(ended.splitlines()[0])}" if ended else ""
                print(f"{time.monotonic() - began:5.1f} s  {what:10} {printable(run['state'])}{message}", flush=True)
                shown[what] = run["state"]
                next_notice = time.monotonic() - began + 5
        if is_over(found):
            break
        if time.monotonic() - began > next_notice and "Scheduled" in shown.values():
            print(f"       waiting ({next_notice:.0f} s); is a task server up? make status", flush=True)
            next_notice *= 2
        time.sleep(LOOK)
    records = example_records.read_once()
    for what, run in found["states"].items():
        print(f"     {what:10} task run {run['id']}, on {printable(records.ran_on(run['id'])) or '?'}")
    print(f"     workspace of {len(found['workspace'])} things; the mailbox: {os.environ['INBOX_URL']}")
    return 0 if all(run["state"] in ("Completed", "Cached") for run in found["states"].values()) else 1


def follow_many(number: int) -> int:
    began = time.monotonic()
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    states: dict[str, str] = {}
    slowest = 0.0

    def timed_post(user: dict[str, str]) -> tuple[dict[str, Any], float]:
        start = time.monotonic()
        return post(user), time.monotonic() - start

    with Progress(*columns, console=console) as bars, ThreadPoolExecutor(AT_ONCE) as threads:
        signed_up = bars.add_task("signed up", total=number)
        done = bars.add_task("tasks done", total=3 * number)
        ids = []
        for user, seconds in threads.map(timed_post, (made_up() for _ in range(number))):
            ids.append(user["id"])
            slowest = max(slowest, seconds)
            bars.update(signed_up, completed=len(ids))
        signing = time.monotonic() - began
        # One after the other: they end roughly in the order in which they came, and the server has enough to do.
        for user_id in ids:
            while not is_over(user := look(user_id)):
                time.sleep(LOOK)
            states |= {run["id"]: run["state"] for run in user["states"].values()}
            bars.update(done, completed=len(states))
    seconds = time.monotonic() - began

    records = example_records.read_once()
    spread = Table("task server", "runs")
    for server, runs in sorted(Counter(records.ran_on(run_id) or "?" for run_id in states).items()):
        spread.add_row(server, str(runs))
    console.print(spread)
    well = sum(state in ("Completed", "Cached") for state in states.values())
    print(f"{number} users in {signing:.1f} s (slowest answer {1000 * slowest:.0f} ms)")
    print(f"{well} of {len(states)} task runs completed in {seconds:.1f} s: {len(states) / seconds:.1f} runs/s")
    return 0 if well == len(states) else 1


def main() -> int:
    number = workshop.whole_number("N", 1, 1, 10_000)
    user = made_up()
    given = [name for name in ("EMAIL", "NAME") if name in os.environ]
    if given and number > 1:
        workshop.fail(f"N={number} makes up its users, and {given[0]} is given", f"make signup N={number}")
    user |= {name.lower(): workshop.typed(name, "") for name in given}
    running = state_files.running_example()
    ex = examples.taking("make signup").number
    if not running or running.ex != ex:
        workshop.fail(f"make signup talks to example {ex}, which is not running", f"make ex{ex} (in another terminal)")
    return follow_one(user) if number == 1 else follow_many(number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nleft; the tasks go on without us: make runs", file=sys.stderr)
        os._exit(130)
    except BrokenPipeError:  # `make signup | head`
        os._exit(0)
    except (OSError, ValueError, KeyError) as error:
        workshop.fail(f"the API does not answer properly ({type(error).__name__})", "make status", 1)

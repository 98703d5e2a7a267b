"""Why runs wait, in a sentence with the command that helps: for all who show a run that is Scheduled."""

import re
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from durable.text import printable
from workshop_kit import prefect_api, state_files
from workshop_kit.commands import example_records
from workshop_kit.examples import EXAMPLES
from workshop_kit.settings import settings

RESTART = (
    "undo the change; or restart the task server started by hand (one of the kit's: save its file) and submit again"
)


def why_it_waits(task_key: str) -> str:
    """What one Scheduled run waits for, and the command that helps."""
    if settings().remote:
        return "a task server (make server)"
    servers = example_records.subscribed()
    task = task_key.rpartition("-")[0]
    running = state_files.running_example()
    if not servers and not running:
        ex = next((ex for ex, example in EXAMPLES.items() if task in example.keys), 2)
        return f"a task server, and no example is running any more (make ex{ex}, in another terminal)"
    if not any(key.startswith(task + "-") for server in servers for key in server["task_keys"]):
        return f"a task server that serves {task} (make server)"
    if not any(task_key in server["task_keys"] for server in servers):
        return f"a task server with this code: those that run have another version of {task}. Try: {RESTART}"
    if not (running and running.docker) and nobody_works(task_key):
        return "nothing: a task server is free, so it is in no queue (make rescue requeues it)"
    if held := held_by_parents(prefect_api.waiting_runs()):
        return f"a slot, and {held}"
    return "a task server that is free (make server adds one)"


def why_they_wait(runs: Iterable[dict[str, Any]]) -> str:
    """Of runs as the API gives them: why some will wait without end, in one sentence; empty if nothing is known."""
    listed = list(runs)
    return for_other_code(listed) or held_by_parents(listed) or for_what_failed(listed)


def due_in(state: dict[str, Any]) -> str:
    """Of the state of a run that waits until it is due, as the API gives it: ", next try in 58 s"; else empty."""
    due = state["state_details"].get("scheduled_time")
    if state["name"] not in ("AwaitingRetry", "Later") or not due:
        return ""
    seconds = max(0.0, datetime.fromisoformat(due).timestamp() - time.time())
    what = "begins" if (state["message"] or "").startswith("It is due at") else "next try"
    return f", {what} in {seconds:.0f} s"


def for_what_failed(runs: Iterable[dict[str, Any]]) -> str:
    """Of runs as the API gives them: one that never runs, as it was submitted with wait_for=[…] and that one failed."""
    for run in runs:
        # "Upstream task run '…' did not reach a 'COMPLETED' state." (task_engine.py of Prefect 3.9.1)
        if run["state"] and run["state"]["name"] == "NotReady":
            found = re.search("'([0-9a-f-]{36})'", run["state"]["message"] or "")
            which = found[1] if found else "another run"
            return f"{run['id']} waits for {which}, which failed: it will not run"
    return ""


def nobody_works(task_key: str) -> bool:
    """Whether all task servers for it have had a free slot for 2 s. If there is a run, they are sent it in 10 ms."""
    found = example_records.read_once()
    able = [server for server in example_records.task_servers(found) if server.up and task_key in server.keys]
    quiet_since = max((one.quiet_since for one in able), default=time.time())
    return all(one.free for one in able) and time.time() - quiet_since > 2


def held_by_parents(runs: Iterable[dict[str, Any]]) -> str:
    """`task.delay(…).result()` in a task: of runs as the API gives them, some wait for the slots of those that
    submitted them. Empty unless the task servers that work have no other runs; they will not get free.

    A free task server does not always help: Prefect sends a busy one a run ahead. Whether a run waits for those that it
    submitted cannot be seen, so the sentence says "if".
    """
    if settings().remote:
        return ""
    waiting = [run for run in runs if run["state"] and run["state"]["type"] == "SCHEDULED"]
    parents = {
        parent["id"]
        for run in waiting
        for parent in run["task_inputs"].get("__parents__", [])
        if time.time() - datetime.fromisoformat(run["state"]["timestamp"]).timestamp() > 2
    }
    if not parents:
        return ""
    busy = [server for server in example_records.task_servers(example_records.read_once()) if not server.free]
    if not busy or not all(server.open <= parents for server in busy):
        return ""
    return (
        "the slots are held by runs that submitted others, which wait for a slot: if they wait for the results, "
        "none of them ever ends. Try: use a task that does not wait for another; or more slots, such as LIMIT=4"
    )


def for_other_code(runs: Iterable[dict[str, Any]]) -> str:
    """Of runs as the API gives them: those that wait for a version of their task that no task server has, in one
    sentence. Empty if no run does: a task that nobody serves at all may get its task server later.

    A task's key has the file's path and the code in it: after a change it is another task.
    """
    if settings().remote:
        return ""
    waiting = [run["task_key"] for run in runs if run["state"] and run["state"]["type"] == "SCHEDULED"]
    if not waiting:
        return ""
    keys = {key for server in example_records.subscribed() for key in server["task_keys"]}
    tasks = {key.rpartition("-")[0] for key in keys}
    lost = Counter(key.rpartition("-")[0] for key in waiting if key not in keys and key.rpartition("-")[0] in tasks)
    if not lost:
        return ""
    which = ", ".join(f"{count} run(s) of {printable(task)}" for task, count in lost.items())
    what = "another version of it than the task servers have: changed since, or submitted from a copy of the file"
    return f"{which} wait for {what}. Try: {RESTART}"

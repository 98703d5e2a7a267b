"""What the kit tells a learner who runs a file by hand, in `make shell`: two mistakes that Prefect says nothing about.

Only for programs of one's own: the kit's scripts and what a Procfile starts say such things in their own way.
"""

import os
import sys
from pathlib import Path

submitted: set[str] = set()  # keys of the tasks whose runs this program has put into the queue


def is_own_program() -> bool:
    """Whether a person typed `python a_file.py`: not something of the kit, of .venv or of a Procfile."""
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    if not program or "TASK_SERVER_NAME" in os.environ or os.environ.get("REMOTE") == "1":
        return False
    kit = Path(os.environ.get("KIT", "/"))
    machinery = (kit / "scripts", kit / "durable", Path(sys.prefix))
    return not any(Path(program).resolve().is_relative_to(folder.resolve()) for folder in machinery)


def say(what: str) -> None:
    print(f"note: {what}", file=sys.stderr, flush=True)


def kits_server() -> str:
    """The API of the example that runs, or else of the kit's own port; empty outside of the kit."""
    from workshop_kit import state_files  # only now: most programs that import Prefect are the kit's own

    example = state_files.example_fields()
    return example["url"] + "/api" if "url" in example else os.environ.get("WORKSHOP_API_URL", "")


def name_wrong_server() -> None:
    """Before Prefect is imported: is PREFECT_API_URL the kit's? Without one Prefect starts a temporary server."""
    kits = kits_server()
    own = os.environ.get("PREFECT_API_URL", "").rstrip("/").replace("://localhost:", "://127.0.0.1:")
    if kits and own != kits:
        where = f"to {own}" if own else "to a temporary server that Prefect starts for this program alone"
        say(f"runs go {where}, and the kit's server is {kits}. Try: export PREFECT_API_URL={kits}")


def served_on_record() -> set[str]:
    """The keys of task servers that are connected by their records: one that is full leaves the queue to others."""
    from durable.records import Records

    try:
        found = Records(os.environ["RECORDS"])
        found.read()
    except (OSError, KeyError):  # none was ever written, or they are on another machine
        return set()
    return {key for each in found.processes.values() if each.connected for key in each.keys}


def name_unserved() -> None:
    """At the end: are there task servers for what was submitted, and with this very code?"""
    from workshop_kit.http_client import call

    try:
        servers = call("POST", os.environ["PREFECT_API_URL"] + "/task_workers/filter", {}, timeout=2)
        served = {key for server in servers for key in server["task_keys"]} | served_on_record()
    except (OSError, KeyError, ValueError):
        return
    tasks = {key.rpartition("-")[0] for key in served}
    for key in sorted(submitted - served):
        task = key.rpartition("-")[0]
        if task in tasks:
            say(
                f"the run waits: the task servers have another version of {task} than this program (changed since, or "
                "a copy). Try: restart the task server, or submit from the folder of its file"
            )
        else:
            say(f"the run waits: no task server serves {task} now. Try: python with its file, in another terminal")


def watch_submits(tasks) -> None:
    """After prefect.tasks: note what is put into the queue (`delay` and a deferred `map` end in `apply_async`)."""
    import atexit

    put = tasks.Task.apply_async

    def apply_async(self, *args, **options):
        future = put(self, *args, **options)
        if not submitted:
            atexit.register(name_unserved)
        submitted.add(self.task_key)
        return future

    tasks.Task.apply_async = apply_async

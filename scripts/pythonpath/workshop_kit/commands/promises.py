"""The promises that many examples make, each with a ✓, or a ✗ and a hint; for make check and an example's promises.py.

What was promised, and what of it is broken, is counted here. Nothing here changes anything.
"""

import socket
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

from durable.text import LINES, printable
from workshop_kit import database, examples, http_client, prefect_api, processes, state_files, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.why_it_waits import for_other_code, held_by_parents
from workshop_kit.findings import Promise, Said
from workshop_kit.settings import settings

ENDED = ("Failed", "Crashed", "Cancelled", "TimedOut")  # unsuccessful final states
NEWEST = 200  # runs that are looked at: as many as Prefect's API gives at once
broken: list[int] = []  # the numbers of the findings, see workshop_kit/findings.py
held: set[int] = set()  # and of what is ✓


def promise(holds: bool, said: Said | str, hint: str, number: int = 0) -> bool:
    """Print one promise; note it. number: of the finding, where it is not that of what is said."""
    number = number or getattr(said, "number", Promise.OTHER.number)
    text = printable(said)
    if holds:
        held.add(number)
        print(f"✓ {text}")
    else:
        broken.append(number)
        print(f"✗ {text}\n    {printable(hint, keep=LINES)}")
    return holds


def runs_of(task: str) -> list[dict[str, Any]]:
    """The task's runs among the newest of all, newest first. Raises OSError when the API is away."""
    page = prefect_api.ask("/task_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": NEWEST})
    # With SQLite and without the kit's tuning, a run has none for a moment between two states.
    return [run for run in page if run["state"] and run["task_key"].rpartition("-")[0] == task]


def was_called_directly(run_id: str) -> bool:
    """Whether the run never waited for a task server: its first state is another one than Scheduled."""
    states = http_client.call("GET", f"{settings().ui}/api/task_run_states/?task_run_id={run_id}")
    return bool(states) and min(states, key=lambda state: state["timestamp"])["type"] != "SCHEDULED"


def rows_of(ids: list[str]) -> int:
    """How many of these runs the database itself has."""
    listed = ",".join(f"'{UUID(run_id)}'" for run_id in ids)
    try:
        _, rows = database.ask(f"select count(*) from task_run where id in ({listed})", 1)  # noqa: S608 - UUIDs
    except database.Failed:
        return 0
    return rows[0][0]


def check_runs(task: str, how: str) -> list[dict[str, Any]]:
    """What holds in every example: runs completed, in the database too, with a page, none left behind."""
    runs = runs_of(task)
    done = [run for run in runs if run["state"]["type"] == "COMPLETED"]
    completed = promise(bool(done), Promise.RUNS_COMPLETED(task, len(done), NEWEST), how)
    if completed and not settings().joined:  # else the database and the pages are on the other machine
        ids = [run["id"] for run in done[:100]]
        promise(rows_of(ids) == len(ids), Promise.ROWS_OF_RUNS(), "make db")
        page, _ = http_client.page(f"{settings().ui}/runs/task-run/{ids[0]}")
        promise(page == 200, Promise.PAGE_OF_RUN(settings().ui, ids[0]), "make status")
    bad = [run for run in runs if run["state"]["type"] in ("FAILED", "CRASHED")]
    promise(not bad, Promise.NONE_FAILED(), f"make open: {bad[0]['id'] if bad else ''} and what its state says")
    return done


def on_this_host(identifier: str) -> bool:
    return identifier.rpartition("-")[0] == socket.gethostname()


def starting_again(seconds: float) -> list[str]:
    """The names of this machine's task servers that died, or were started, in the last seconds and do not serve yet."""
    servers = [server for server in example_records.subscribed() if not server["machine"]]
    serving = {server["identifier"].rpartition("-")[2] for server in servers}
    pids = state_files.children("task_server")
    missing = [name for name in state_files.kept_names("task_server") if str(pids.get(name)) not in serving]
    # One that has been away for longer stays away: its code has a mistake, or its keeper is gone.
    files = {name: settings().run / f"{name}.pids" for name in missing}  # `keep` writes it at each start
    return [name for name, file in files.items() if file.exists() and time.time() - file.stat().st_mtime < seconds]


def check_task_servers(task: str, wanted: int) -> None:
    servers = example_records.subscribed()
    serving = [server for server in servers if any(key.startswith(f"{task}-") for key in server["task_keys"])]
    own = [server["identifier"] for server in serving if not server["machine"]]
    text = Promise.SUBSCRIBED(task, example_records.counted(serving, wanted))
    promise(len(own) >= wanted, text, "make status, make server")
    pids = [name.rpartition("-")[2] for name in own if on_this_host(name)]
    if pids:  # one that is stopped (Ctrl-Z, kill -STOP) is sent runs, and does nothing
        stopped = [str(pid) for pid in processes.stopped(map(int, pids))]
        names = f"{', '.join(stopped)} stopped: kill -CONT {' '.join(stopped)}"
        promise(not stopped, Promise.NONE_STOPPED(), names)


def check_code_is_served(tasks: list[str]) -> None:
    """No run of these tasks waits for a task server that nobody has started, or for code as it was before a change."""
    keys = {key for server in example_records.subscribed() for key in server["task_keys"]}
    ours = [run for run in prefect_api.waiting_runs() if run["task_key"].rpartition("-")[0] in tasks]
    waiting = [run for run in ours if run["task_key"] not in keys]
    hint = for_other_code(waiting) or f"{len(waiting)} do: make server; or undo the change to the task's file"
    promise(not waiting, Promise.CODE_IS_SERVED(), f"{hint}. Or give up all runs: make clean")
    if held := held_by_parents(prefect_api.waiting_runs()):
        promise(False, Promise.NO_DEADLOCK(), held)


def lost_runs() -> list[list[str]]:
    """Of each run that is lost: its id, what it is (orphaned, forgotten), its task's key, and why.

    Raises OSError when that cannot be found out.
    """
    under_way = {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}, "sort": "ID_DESC"}
    if not prefect_api.ask("/task_runs/filter", under_way):
        return []
    running = state_files.running_example()
    # In Docker the records are in a volume, and their locks are held by containers.
    python = [*workshop.IN_CONTAINER, "python"] if running and running.docker else [sys.executable]
    done = subprocess.run([*python, "-m", "durable", "lost"], capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "which no task server serves" not in line:  # check_code_is_served() says that
            print(line, file=sys.stderr)
    if done.returncode not in (0, 1):
        raise OSError("the records cannot be read")
    return [line.split(" ", 3) for line in done.stdout.splitlines()]


def check_nothing_lost(tasks: list[str]) -> None:
    """Every run of these tasks has ended, is run by somebody who lives, or waits for somebody who is busy."""
    ours, others = [], []
    for run in lost_runs():
        (ours if run[2].rpartition("-")[0] in tasks else others).append(run)
    dead = [run_id for run_id, kind, _, _ in ours if kind == "orphaned"]
    hint = f"{', '.join(dead[:3])}: a task server was killed while it ran them: make rescue"
    promise(not dead, Promise.NONE_ORPHANED(), hint)
    lost = [(run_id, why) for run_id, kind, _, why in ours if kind == "forgotten"]
    hint = "; ".join(f"{run_id}: {why}" for run_id, why in lost[:2])
    hint += f" ({len(lost)} in all). Try: make rescue (in {examples.listed('RESCUER')} by itself, in 10 s)"
    promise(not lost, Promise.NONE_FORGOTTEN(), hint)
    if others:
        names = ", ".join(sorted({key.rpartition("-")[0] for _, _, key, _ in others}))
        print(f"- {len(others)} run(s) of another example were lost before ({names}). To forget them: make clean")


def check_spread(ids: list[str], how: str) -> None:
    """The newest runs were not all run by one task server, if they are twenty and there were two all the while."""
    found = example_records.read_once()
    share = {found.ran_on(run_id) for run_id in ids}
    text = Promise.SPREAD(len(ids), len(share))
    if len(ids) < 20 and len(share) == 1:
        print(f"- {len(ids)} run(s) are too few to be spread. To see it: {how}, with SERVERS=2 or more")
        return
    if len(share) == 1 and example_records.could_have_run(found, ids) < 2:
        print(f"- {text}; there were not two when the first began. To see them spread: {how}, with SERVERS=2 or more")
        return
    promise(len(share) > 1, text, f"{how}, with SERVERS=2 or more")

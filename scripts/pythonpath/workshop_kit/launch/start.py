#!/usr/bin/env python3
"""Runs an example in the foreground: honcho's classes on its Procfile, and one line when everything is ready.

    start.py EX            under honcho, in this terminal (called by scripts/example.sh, which checks first)
    start.py --background  the Prefect server alone, for example 1, until `make stop`
    start.py --server …    in place of this process, in a container: bin/prefect-server with what follows

honcho's own command line has no readiness, kills after 5 s whatever is still finishing its runs, ends with a
traceback when the terminal is closed, and lets .env overrule the shell; honcho_manager.py has what is ours.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from honcho.environ import expand_processes
from honcho.printer import Printer

from durable.files import write_whole
from durable.requeue import requeue_request
from workshop_kit import database, prefect_api, processes, procfile, state_files, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import ready
from workshop_kit.launch.honcho_manager import Manager
from workshop_kit.launch.output import say, terminal
from workshop_kit.prefect_patches import tuned
from workshop_kit.settings import settings


def revision(path: Path, how: str = "") -> str:
    """Which migration a SQLite database of Prefect's is at. how: SQLite's options. Raises sqlite3.Error if damaged."""
    with sqlite3.connect(path.as_uri() + how, uri=True, timeout=10) as connection:
        found = connection.execute("select version_num from alembic_version").fetchone()[0]
    connection.close()
    return found


def prepare_sqlite() -> dict[str, str]:
    """The migrated template if there is no database yet. Exits 2 if the one there is damaged.

    Returns what the Prefect server is to be told: it need not look for migrations and block types where
    launch/prepare_database.py has been.
    """
    path, template = database.path(), settings().venv / "workshop" / "prefect.db"
    found = "ok"
    try:
        if not path.exists():
            for leftover in path.parent.glob("prefect.db-*"):  # of a database that somebody deleted
                leftover.unlink()
            write_whole(path, template.read_bytes())
        with sqlite3.connect(path, timeout=10) as connection:
            found = connection.execute("pragma quick_check(1)").fetchone()[0]
        connection.close()
        current = revision(path) == revision(template, "?immutable=1")  # in an image nobody may write beside it
    except OSError as error:
        workshop.fail(
            f"cannot write {path}: {error.strerror}", "free some disk space, or make … WORKSHOP_HOME=/a/folder/of/yours"
        )
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        workshop.fail(f"the database {path} is damaged ({found})", "make clean (deletes the run data)")
    if not (settings().tuned and current):
        return {}
    needless = ("DATABASE_MIGRATE_ON_START", "REGISTER_BLOCKS_ON_START", "MEMOIZE_BLOCK_AUTO_REGISTRATION")
    return {f"PREFECT_SERVER_{setting}": "false" for setting in needless}


def prepare_database() -> dict[str, str]:
    """What the Prefect server, and nobody else, is told about its database. Exits 2 if that cannot be used."""
    if settings().remote:
        return {}
    if not (url := database.connection_url()):
        return prepare_sqlite()
    try:
        database.ask("select 1", 1)
    except database.Failed as error:
        workshop.fail(str(error), "fix the address in DB; or make … without DB, for SQLite")
    return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}


def tune() -> None:
    """Say it once if this is not the Prefect that prefect_patches/tuned.py is for; then all runs as it ships."""
    if settings().tuned and (found := version("prefect")) not in tuned.PREFECT:
        tuned_ones = " and ".join(tuned.PREFECT)
        say(f"Prefect is {found} here and the kit tunes only {tuned_ones}: it runs as it ships (TUNED=0)")
        os.environ["TUNED"] = "0"
        settings.cache_clear()


def watch_make() -> None:
    """End the example when make alone is killed, which tells us nothing, or is told to hang up: then it catches that
    signal no more, and waits for us.
    """
    make = os.getppid()
    caught = processes.caught_signals(make, "make")  # another program may change them
    while os.getppid() == make and processes.caught_signals(make, "make") == caught:
        time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGHUP)


def requeue_waiting_runs() -> None:
    """The Prefect server has forgotten its queue when it starts: give it the runs that still wait."""
    message = "Requeued after a restart of the Prefect server"
    try:
        runs = prefect_api.waiting_runs()
        for run in runs:
            state = requeue_request(message, run["state"]["state_details"].get("task_parameters_id"))
            prefect_api.ask(f"/task_runs/{run['id']}/set_state", {"state": state, "force": True}, timeout=60)
        if runs:
            say(f"requeued {len(runs)} run(s) that were still waiting")
    except OSError as error:
        say(f"cannot requeue the runs that are still waiting: {error}. Try: make stop, then start again")


def requeue_in_background() -> None:
    """requeue_waiting_runs while the task servers come up: the announcement waits for them, not for it."""
    threading.Thread(target=requeue_waiting_runs, daemon=True).start()


def claim(ex: int, servers: int, docker: bool = False) -> None:
    """Write run/example, which says that and what runs. Exits 2 if another terminal was quicker."""
    fields = {
        "ex": ex,
        "servers": servers,
        "remote": int(settings().remote),
        "url": os.environ.get("REMOTE_URL", settings().ui),
        "docker": int(docker),
        "ours": os.environ.get("OURS", "1"),
        "code": os.environ["CODE"],  # the folder whose files run: a learner's, or the example's
        "at": os.environ.get("JOIN_AT", ""),  # example 7: the port for other machines
        "llm": os.environ.get("LLM", ""),  # example 5's model, for those that join
        "database": "postgresql" if settings().postgresql else "sqlite",
    }
    try:
        state_files.claim_example(fields)
    except FileExistsError:
        workshop.fail("an example is being started in another terminal", "make status")
    if not os.environ.get("JOIN_AT"):  # who had joined example 7 has nothing to say here
        for mark in (settings().home / "task-servers").glob("*.leased"):
            mark.unlink()


def run_example(ex: int, servers: int) -> int:
    """Until Ctrl-C. Returns the exit code: 0 after a wanted end."""
    began = time.monotonic()
    claim(ex, servers)
    try:
        tune()
        handed = {"server": prepare_database()}  # by the Procfile's names
        os.environ.pop("DB", None)  # it holds a password
        handed["task_server"] = {name: os.environ.pop(name) for name in ("OPENAI_API_KEY",) if name in os.environ}
        os.environ["WORKSHOP_LAUNCHER"] = str(os.getpid())
        os.environ["WORKSHOP_BOLD"] = str(int(terminal.shows_bold()))
        lines = dict(procfile.commands(ex))
        if settings().remote:
            del lines["server"]
        if not os.environ.get("OWN_REDIS"):
            lines.pop("redis", None)
        if settings().remote or os.environ.get("RESCUE") == "0":
            lines.pop("rescuer", None)
        # The longest that a polite end takes: the runs in flight, then the server. After that honcho kills.
        manager = Manager(Printer(terminal, colour=terminal.shows_bold()), patience=settings().grace + 25)
        for process in expand_processes(lines, concurrency={"task_server": servers}):
            env = {**os.environ, **process.env, **handed.get(process.name.partition(".")[0], {})}
            # So no shell stays between us and `keep`, which looks after its parent.
            command = f"exec {process.cmd}" if process.cmd.startswith("keep ") else process.cmd
            manager.add_process(process.name, command, env=env, cwd=workshop.KIT)
        over = threading.Event()
        sys.stdout.flush()
        rescued = EXAMPLES[ex].rescuer  # it does that, and more
        announced = (ex, servers, began, over.is_set, (lambda: None) if rescued else requeue_in_background)
        threading.Thread(target=ready.announce, args=announced, daemon=True).start()
        if terminal.isatty():
            threading.Thread(target=terminal.watch, daemon=True).start()
        if "MAKELEVEL" in os.environ:
            threading.Thread(target=watch_make, daemon=True).start()
        manager.loop()
        over.set()
    finally:
        state_files.forget_example()
    return 0 if manager.returncode in (0, 130, 143) else 1


def start_background_server() -> int:
    """The Prefect server in a session of its own, logging to a file. Returns when it is healthy."""
    began = time.monotonic()
    tune()
    env = {**os.environ, **prepare_database()}
    env.pop("DB", None)
    say("starting a Prefect server in the background (make stop ends it)")
    log = settings().home / "logs" / "server.log"
    command = [sys.executable, "-P", "-m", "workshop_kit.launch.keep", "--name", "background-server"]
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [*command, "prefect-server"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def up() -> bool:
        return keeper.poll() is not None or prefect_api.healthy()

    ready.wait_for("the Prefect server", up, began, over=lambda: False)
    if keeper.poll() is not None:
        workshop.fail(f"the Prefect server did not start; its log is {log}", "make doctor", 1)
    return 0


def become_server(arguments: list[str]) -> NoReturn:
    """The Prefect server, on a database that is ready for it. arguments: of bin/prefect-server."""
    tune()
    os.environ.update(prepare_database())
    os.environ.pop("DB", None)
    os.execvp("prefect-server", ["prefect-server", *arguments])  # noqa: S606


if __name__ == "__main__":
    if sys.argv[1:2] == ["--server"]:
        become_server(sys.argv[2:])
    if sys.argv[1:] == ["--background"]:
        sys.exit(start_background_server())
    sys.exit(run_example(int(sys.argv[1]), int(sys.argv[2])))

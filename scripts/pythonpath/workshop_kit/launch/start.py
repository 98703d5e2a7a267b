#!/usr/bin/env python3
"""Runs an example in the foreground: honcho's classes on its Procfile, and one line when everything is ready.

    start.py EX            under honcho, in this terminal (called by scripts/example.sh, which checks first)
    start.py --background  the Prefect server alone, for example 1, until `make stop`
    start.py --server …    in place of this process, in a container: bin/prefect-server with what follows

honcho's own command line has no readiness, kills after 5 s whatever is still finishing its runs, ends with a
traceback when the terminal is closed, and lets .env overrule the shell; its Manager does the rest.
"""

import itertools
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import honcho.manager
from honcho.environ import expand_processes, parse_procfile
from honcho.printer import Printer

from durable.files import write_whole
from durable.putting_back import state_that_puts_back
from workshop_kit import database, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import ready
from workshop_kit.launch.output import Child, say, terminal
from workshop_kit.prefect_patches import tuned

GRACE = float(os.environ["GRACE"])
TUNED = os.environ.get("TUNED") == "1"
BOLD = "1"  # as ECMA-48 numbers it
TEMPLATE = Path(os.environ["VENV"], "workshop", "prefect.db")


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
    path = database.PATH
    found = "ok"
    try:
        if not path.exists():
            for leftover in path.parent.glob("prefect.db-*"):  # of a database that somebody deleted
                leftover.unlink()
            write_whole(path, TEMPLATE.read_bytes())
        with sqlite3.connect(path, timeout=10) as connection:
            found = connection.execute("pragma quick_check(1)").fetchone()[0]
        connection.close()
        current = revision(path) == revision(TEMPLATE, "?immutable=1")  # in an image nobody may write beside it
    except OSError as error:
        workshop.fail(
            f"cannot write {path}: {error.strerror}", "freeing some room, or make … WORKSHOP_HOME=/a/folder/of/yours"
        )
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        workshop.fail(f"the database {path} is damaged ({found})", "make clean (deletes the run data)")
    if not (TUNED and current):
        return {}
    settings = ("DATABASE_MIGRATE_ON_START", "REGISTER_BLOCKS_ON_START", "MEMOIZE_BLOCK_AUTO_REGISTRATION")
    return {f"PREFECT_SERVER_{setting}": "false" for setting in settings}


def prepare_database() -> dict[str, str]:
    """What the Prefect server, and nobody else, is told about its database. Exits 2 if that cannot be used."""
    if workshop.REMOTE:
        return {}
    if not database.CONNECTION_URL:
        return prepare_sqlite()
    try:
        database.ask("select 1", 1)
    except database.Failed as error:
        workshop.fail(str(error), "fixing the address in DB; or make … without DB, for SQLite")
    return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database.CONNECTION_URL}


def tune() -> None:
    """Say it once if this is not the Prefect that prefect_patches/tuned.py is for; then all runs as it ships."""
    global TUNED
    if TUNED and (found := version("prefect")) not in tuned.PREFECT:
        tuned_ones = " and ".join(tuned.PREFECT)
        say(f"Prefect is {found} here and the kit tunes only {tuned_ones}: it runs as it ships (TUNED=0)")
        TUNED = False
        os.environ["TUNED"] = "0"


class Threads:
    """What honcho's Manager needs of multiprocessing: here a thread, not a process, reads what each line prints.

    A process would have to be forked. One of spawn or forkserver (macOS, Python 3.14) has none of our signal handlers:
    it dies of the terminal's SIGHUP, and honcho would wait for its last word without end.
    """

    Queue = queue.SimpleQueue

    @staticmethod
    def Process(name, target, args):  # noqa: N802 - honcho's name for it
        events, _ignore_signals = args  # only a main thread can
        return threading.Thread(name=name, target=target, args=(events,), daemon=True)


honcho.manager.multiprocessing = Threads


class Manager(honcho.manager.Manager):
    """honcho's Manager; a second Ctrl-C tells the processes again, which skips finishing the runs in flight."""

    _end_noticed = False

    def __init__(self, printer: Printer) -> None:
        super().__init__(printer)
        self._colours = itertools.repeat(BOLD)  # of the names before the lines

    def terminate(self) -> None:
        # honcho itself calls this once when the first process has ended; every other call is a signal.
        if self._any_stopped() and not self._end_noticed:
            self._end_noticed = True
        elif self._terminating:
            self._killall()
        else:
            self.tell_joined()
        super().terminate()

    def tell_joined(self) -> None:
        """The task servers of `make server`, in other terminals, end with the example."""
        for kept in workshop.kept_processes():
            if kept.role == "keeper" and kept.name not in self._processes:
                os.kill(kept.pid, signal.SIGTERM)

    def loop(self) -> None:
        for number in (signal.SIGHUP, signal.SIGQUIT):  # a closed terminal, Ctrl-\: in good order too
            signal.signal(number, self.hang_up)
        super().loop()

    _held: int | None = None

    def _start(self) -> None:
        """honcho's. Until it knows all processes' ids its handlers fail with a KeyError."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
        self._handlers = {number: signal.signal(number, self.hold) for number in numbers}
        super()._start()

    def hold(self, number: int, _: object) -> None:
        self._held = number

    def _all_started(self) -> bool:
        if not super()._all_started():
            return False
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        if self._held:
            number, self._held = self._held, None
            os.kill(os.getpid(), number)
        return True

    _hung_up = False

    def hang_up(self, *_: object) -> None:
        # A closed terminal is noticed in up to three ways at once; only a person says a thing twice. And who has
        # pressed Ctrl-C, which make has heard too, did not mean a second one by that.
        if not self._hung_up and not self._terminating:
            self._hung_up = True
            os.kill(os.getpid(), signal.SIGTERM)


def signals_of_make(pid: int) -> str:
    """Those that this make catches, where a /proc tells; empty for another program, which may change them."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return ""
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return fields["SigCgt"] if fields["Name"].strip().endswith("make") else ""


def watch_make() -> None:
    """End the example when make alone is killed, which tells us nothing, or is told to hang up: then it catches that
    signal no more, and waits for us.
    """
    make = os.getppid()
    caught = signals_of_make(make)
    while os.getppid() == make and signals_of_make(make) == caught:
        time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGHUP)


def put_back_in_queue() -> None:
    """The Prefect server has forgotten its queue when it starts: give it the runs that still wait."""
    message = "Back in the queue after a restart"
    try:
        runs = workshop.waiting_runs()
        for run in runs:
            state = state_that_puts_back(message, run["state"]["state_details"].get("task_parameters_id"))
            workshop.prefect(f"/task_runs/{run['id']}/set_state", {"state": state, "force": True}, timeout=60)
        if runs:
            say(f"{len(runs)} run(s) that were still waiting are back in the queue")
    except OSError as error:
        say(f"could not put waiting runs back in the queue: {error}. Try: make stop, then start again")


def put_back_meanwhile() -> None:
    """put_back_in_queue while the task servers come up: the announcement waits for them, not for it."""
    threading.Thread(target=put_back_in_queue, daemon=True).start()


def claim(ex: int, servers: int, docker: bool = False) -> None:
    """Write run/example, which says that and what runs. Exits 2 if another terminal was quicker."""
    path = workshop.RUN / "example"
    try:
        with path.open("x") as file:
            fields = {"ex": ex, "pid": os.getpid(), "started": workshop.started_at(os.getpid()), "servers": servers}
            fields |= {"remote": int(workshop.REMOTE), "url": os.environ.get("REMOTE_URL", workshop.UI)}
            fields["docker"] = int(docker)
            fields["ours"] = os.environ.get("OURS", "1")
            fields["code"] = os.environ["CODE"]  # the folder whose files run: a learner's, or the example's
            fields["at"] = os.environ.get("JOIN_AT", "")  # example 7: the port for other machines
            fields["llm"] = os.environ.get("LLM", "")  # example 5's model, for those that join
            fields["database"] = "postgresql" if database.POSTGRESQL else "sqlite"
            file.writelines(f"{key}={value}\n" for key, value in fields.items())
    except FileExistsError:
        workshop.fail("an example is being started in another terminal", "make status")
    (workshop.RUN / "ready").unlink(missing_ok=True)
    if not os.environ.get("JOIN_AT"):  # who had joined example 7 has nothing to say here
        for mark in (workshop.HOME / "task-servers").glob("*.leased"):
            mark.unlink()


def procfile(ex: int) -> dict[str, str]:
    """What the example's Procfile runs: names and commands."""
    return parse_procfile((workshop.KIT / f"Procfile.ex{ex}").read_text()).processes


def run_example(ex: int, servers: int) -> int:
    """Until Ctrl-C. Returns the exit code: 0 after a wanted end."""
    began = time.monotonic()
    claim(ex, servers)
    try:
        tune()
        told = {"server": prepare_database()}  # by the Procfile's names
        os.environ.pop("DB", None)  # it holds a password
        told["task_server"] = {name: os.environ.pop(name) for name in ("OPENAI_API_KEY",) if name in os.environ}
        os.environ["WORKSHOP_LAUNCHER"] = str(os.getpid())
        os.environ["WORKSHOP_BOLD"] = str(int(terminal.shows_bold()))
        processes = procfile(ex)
        if workshop.REMOTE:
            del processes["server"]
        if not os.environ["OWN_REDIS"]:
            processes.pop("redis", None)
        if workshop.REMOTE or os.environ.get("RESCUE") == "0":
            processes.pop("rescuer", None)
        # The longest that a polite end takes: the runs in flight, then the server. After that honcho kills.
        honcho.manager.KILL_WAIT = GRACE + 25
        manager = Manager(Printer(terminal, colour=terminal.shows_bold()))
        for process in expand_processes(processes, concurrency={"task_server": servers}):
            env = {**os.environ, **process.env, **told.get(process.name.partition(".")[0], {})}
            # So no shell stays between us and `keep`, which looks after its parent.
            command = f"exec {process.cmd}" if process.cmd.startswith("keep ") else process.cmd
            manager.add_process(process.name, command, env=env, cwd=workshop.KIT)._child_ctor = Child
        over = threading.Event()
        sys.stdout.flush()
        rescued = EXAMPLES[ex].rescuer  # it does that, and more
        announced = (ex, servers, began, over.is_set, (lambda: None) if rescued else put_back_meanwhile)
        threading.Thread(target=ready.announce, args=announced, daemon=True).start()
        if terminal.isatty():
            threading.Thread(target=terminal.watch, daemon=True).start()
        if "MAKELEVEL" in os.environ:
            threading.Thread(target=watch_make, daemon=True).start()
        manager.loop()
        over.set()
    finally:
        (workshop.RUN / "example").unlink(missing_ok=True)
        (workshop.RUN / "ready").unlink(missing_ok=True)
    return 0 if manager.returncode in (0, 130, 143) else 1


def start_background_server() -> int:
    """The Prefect server in a session of its own, logging to a file. Returns when it is healthy."""
    began = time.monotonic()
    tune()
    env = {**os.environ, **prepare_database()}
    env.pop("DB", None)
    say("starting a Prefect server in the background (make stop ends it)")
    log = workshop.HOME / "logs" / "server.log"
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
        return keeper.poll() is not None or workshop.healthy()

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

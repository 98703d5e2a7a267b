#!/usr/bin/env python3
"""Stops what the kit started in this WORKSHOP_HOME, from any terminal. Standard library only: it needs no set-up.

stop.py             make stop: the example, its servers, the background server; says what it has stopped
stop.py sweep       what an example left behind when it was killed, unless one runs
stop.py kept NAME   what is kept under that name (background-server, task_server.3), or under NAME.1, NAME.2 …

Runs in flight finish first, for up to GRACE seconds; what does not end is killed. For containers it asks Docker, with
the environment that compose_settings of scripts/lib/containers.sh has made.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable

from workshop_kit import processes, state_files, waiting, workshop
from workshop_kit.settings import settings
from workshop_kit.state_files import BACKGROUND_SERVER, KEEPER, Kept


def say(text: str) -> None:
    print(text, file=sys.stderr)


def send(pid: int, number: int = signal.SIGTERM) -> None:
    """Send it a signal, if it still lives."""
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def end_politely(pid: int) -> None:
    """Stop what Ctrl-Z may have stopped already, with its whole group: it would hear nothing until it goes on."""
    send(pid)
    with contextlib.suppress(OSError):
        os.killpg(os.getpgid(pid), signal.SIGCONT)


def kill_hard(left: Iterable[Kept]) -> None:
    """Kill each of them, and a child's whole process group."""
    for kept in left:
        if kept.role != KEEPER:
            with contextlib.suppress(OSError):
                os.killpg(kept.pid, signal.SIGKILL)
        send(kept.pid, signal.SIGKILL)


def leftovers() -> list[Kept]:
    """Whatever lives of an example, now or before."""
    return [kept for kept in state_files.kept_processes() if kept.name != BACKGROUND_SERVER]


# --- containers -----------------------------------------------------------------------------------


def compose(*arguments: str) -> tuple[bool, str]:
    """Whether docker compose does it, and what it prints."""
    import subprocess  # only now: it takes milliseconds

    try:
        done = subprocess.run(["docker", "compose", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return False, ""
    return done.returncode == 0, done.stdout


def containers_left() -> list[str]:
    """The containers of this WORKSHOP_HOME, running or not; none where there is no Docker."""
    # Without the second, there were none when bash looked.
    if not (settings().run / "compose").exists() or "COMPOSE_PROJECT_NAME" not in os.environ:
        return []
    return compose("ps", "--all", "--quiet")[1].split()


def remove_containers() -> None:
    """Stop them in good order: the task servers finish their runs. The volumes stay. Exits 2 if that fails."""
    if not compose("down", "--remove-orphans", "--timeout", str(int(settings().grace) + 10))[0]:
        project = os.environ["COMPOSE_PROJECT_NAME"]
        workshop.fail("the containers could not be stopped", f"docker compose --project-name {project} down")
    (settings().run / "compose").unlink(missing_ok=True)


# --- what is asked for ----------------------------------------------------------------------------


def stop_kept(name: str) -> None:
    """Stop what is kept under that name, for sure."""
    if not (keeper := state_files.keeper_of(name)):
        return
    send(keeper)
    if not waiting.until_gone(settings().grace + 20, name, lambda: list(state_files.kept_as(name))):
        kill_hard(state_files.kept_as(name))
    (settings().run / f"{name}.pids").unlink(missing_ok=True)


def sweep() -> None:
    """Stop what an example left behind when it was killed, say so, and forget it. Nothing happens while one runs."""
    if state_files.example_fields():
        return
    (settings().run / "example").unlink(missing_ok=True)
    if containers_left():
        say("cleaning up the containers that an example left when it was killed")
        remove_containers()
    if left := leftovers():
        names = " ".join(sorted({kept.name for kept in left}))
        say(f"cleaning up what an example left when it was killed: {names}")
        keepers = {kept.name: kept.pid for kept in left if kept.role == KEEPER}
        for kept in left:
            # A keeper tells its children; of those whose keeper is dead nobody else does.
            if kept.role == KEEPER or kept.name not in keepers:
                send(kept.pid)
        if not waiting.until_gone(settings().grace + 10, "runs in flight to finish", leftovers):
            kill_hard(leftovers())
    for path in settings().run.glob("*.pids"):
        if not any(state_files.kept_as(path.stem)):
            path.unlink(missing_ok=True)


def stop_starting() -> bool:
    """End what is on its way to run an example, in another terminal: it may set up first. Whether there was one."""
    starting = settings().run / "starting"
    if not (pid := state_files.noted_process(starting)):
        return False
    end_politely(pid)
    waiting.until_gone(10, "it to end", lambda: [pid] if state_files.noted_process(starting) else [])
    return True


def stop_example(pid: int, started: str) -> None:
    """End the example that this launcher runs, with all that it keeps."""
    end_politely(pid)

    def launcher() -> list[int]:
        return [pid] if processes.started_at(pid) == started else []

    if not waiting.until_gone(settings().grace + 40, "the example to end", lambda: [*launcher(), *leftovers()]):
        send(pid, signal.SIGKILL)
        waiting.within(5, lambda: not launcher())


def stop() -> None:
    """Stop all, and say what it was."""
    stopped = []
    running = state_files.example_fields()
    if not running and stop_starting():
        stopped = ["an example that was starting"]
        running = state_files.example_fields()
    if running:
        stopped = [f"example {running['ex']}"]
        stop_example(int(running["pid"]), running["started"])
    if state_files.keeper_of(BACKGROUND_SERVER):
        stopped.append("the background Prefect server")
        stop_kept(BACKGROUND_SERVER)
    if containers_left():
        stopped.append("the containers")
        remove_containers()
    if leftovers():
        stopped.append("what was left over")
    sweep()
    say(f"stopped: {' and '.join(stopped)}" if stopped else "nothing was running")


def main(arguments: list[str]) -> None:
    workshop.end_without_a_word()
    home = settings().home
    if home.is_dir() and not os.access(home, os.R_OK | os.X_OK):
        workshop.fail(f"cannot read {home}", "run as the user who owns it")
    workshop.refuse_other_machine()
    match arguments:
        case []:
            stop()
        case ["sweep"]:
            sweep()
        case ["kept", name]:
            for each in [name, *state_files.kept_names(name)]:
                stop_kept(each)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

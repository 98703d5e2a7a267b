#!/usr/bin/env python3
"""Runs an example in containers, in the foreground: docker compose, its logs, and one line when everything is ready.

    containers.py EX SERVERS     (called by scripts/example.sh with DOCKER=1, which checks first)
    containers.py --server       one more task server for what runs (scripts/server.sh)

Ctrl-C, SIGTERM or a closed terminal stops the containers in good order: the task servers finish the runs in flight, for
up to GRACE seconds; the same again gives them back to the queue at once. The volumes stay until `make clean DOCKER=1`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from workshop_kit import state_files, workshop
from workshop_kit.launch import ready, start
from workshop_kit.launch.output import say, terminal, without_colours
from workshop_kit.settings import settings

COMPOSE = ["docker", "compose"]  # COMPOSE_FILE and COMPOSE_PROJECT_NAME are in the environment


def mark() -> Path:
    """The file that says that containers may be there: for `make stop`, if we are killed (lib/containers.sh)."""
    return settings().run / "compose"


def compose(*arguments: str, log: str) -> None:
    """Run docker compose in silence; exit 2 with the last line that it said when it fails."""
    path = settings().home / "logs" / f"docker-{log}.log"
    with path.open("wb") as output:
        command = subprocess.Popen(
            [*COMPOSE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us alone
        )
        while command.poll() is None:
            if stops:
                command.terminate()
            time.sleep(0.1)
    if command.returncode and not stops:
        with path.open("ab") as output:  # why a container did not come up, before they are gone
            subprocess.run(
                [*COMPOSE, "--ansi", "never", "logs", "--tail", "20"], stdout=output, stderr=output, check=False
            )
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] or ["no message"]
        own = [line.partition("error: ")[2].partition(" Try: ")[0] for line in lines if "| error: " in line]
        last = own[-1] if own else next((line for line in reversed(lines) if " | " not in line), lines[-1])
        subprocess.run([*COMPOSE, "down", "--timeout", "5"], capture_output=True, check=False)
        mark().unlink(missing_ok=True)
        workshop.fail(
            f"docker compose {arguments[0]} failed: {last[:200]}", f"fix it (more in {path}); or leave out DOCKER=1"
        )


stops: list[int] = []


def note_stop_signal(number: int, frame: object) -> None:
    stops.append(number)


def follow_logs() -> subprocess.Popen[bytes]:
    """Print what the containers say, until `docker compose logs` ends."""
    command = [*COMPOSE, "--ansi", "never", "logs", "--follow", "--since", "1s"]
    logs = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )

    def pump() -> None:
        assert logs.stdout
        for line in logs.stdout:
            say(without_colours(line.rstrip(b"\n"), terminal.shows_bold()))

    threading.Thread(target=pump, daemon=True).start()
    return logs


def stop(logs: subprocess.Popen[bytes] | None) -> None:
    """Stop and remove the containers; told again meanwhile, let the task servers give their runs back."""
    say("stopping the containers; the runs in flight finish first")
    heard = len(stops)
    grace = str(int(settings().grace) + 10)
    down = subprocess.Popen(
        [*COMPOSE, "down", "--remove-orphans", "--timeout", grace],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while down.poll() is None:
        if len(stops) > heard:
            heard = len(stops)
            subprocess.run([*COMPOSE, "kill", "--signal", "SIGTERM", "task-server"], capture_output=True, check=False)
        time.sleep(0.1)
    if logs:
        logs.terminate()
        logs.wait()
    if down.returncode == 0:
        mark().unlink(missing_ok=True)
        say("stopped; the data stays in the volumes (make clean DOCKER=1 removes them)")


def run_one_more() -> int:
    """A container with one more task server, until it ends or we are told to stop.

    Not `docker compose run` in the foreground: a Ctrl-C that it gets sometimes ends it alone, and the container goes on
    (one in eight here, Compose 2.26).
    """
    started = subprocess.run(
        [*COMPOSE, "run", "--rm", "--detach", "--no-deps", "task-server"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for us alone
    )
    if started.returncode:
        last = (started.stderr.strip().splitlines() or ["no message"])[-1]
        workshop.fail(f"docker compose run failed: {last[:200]}", "make status")
    container = started.stdout.split()[-1]
    logs = subprocess.Popen(["docker", "logs", "--follow", container], stdin=subprocess.DEVNULL, start_new_session=True)
    heard = 0
    while logs.poll() is None:  # they end with the container
        if len(stops) > heard:
            how = ["kill", "--signal", "SIGTERM"] if heard else ["stop", "--time", str(int(settings().grace) + 10)]
            heard = len(stops)
            subprocess.Popen(
                ["docker", *how, container],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        time.sleep(0.1)
    return 0


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, note_stop_signal)
    if sys.argv[1:] == ["--server"]:
        return run_one_more()
    ex, servers = int(sys.argv[1]), int(sys.argv[2])
    began = time.monotonic()
    if settings().remote and not os.environ["SECRET_API_KEY"]:  # it may be in the user's profile
        from prefect.settings import get_current_settings

        key = get_current_settings().api.key
        os.environ["SECRET_API_KEY"] = key.get_secret_value() if key else ""
    start.claim(ex, servers, docker=True)
    logs = None
    try:
        if terminal.isatty():
            threading.Thread(target=terminal.watch, daemon=True).start()
        say("building the image (a few minutes the first time)")
        compose("build", log="build")
        if not stops:
            say(f"starting the containers of the project {os.environ['COMPOSE_PROJECT_NAME']}")
            compose("up", "--detach", "--remove-orphans", "--scale", f"task-server={servers}", log="up")
        if not stops:
            logs = follow_logs()
            ready.announce(ex, servers, began, lambda: bool(stops), start.requeue_waiting_runs, in_containers=True)
        while not stops:
            time.sleep(0.2)
        stop(logs)
    finally:
        state_files.forget_example()
    return 0


if __name__ == "__main__":
    sys.exit(main())

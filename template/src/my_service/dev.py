"""`make dev`: every process here, started again when it dies and when code is saved. The tests use it, too."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import httpx

from my_service import settings

SOURCE = Path(__file__).parent
WEB, API = f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{settings.prefect_port}/api"
PREFECT = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(settings.prefect_port)]
PREFECT += ["--workers", "1"]  # each would have a queue of its own
COMMANDS = {"prefect": PREFECT, "app": ["my_service.api"], "task-server-1": ["my_service.tasks"]}
COMMANDS |= {"task-server-2": ["my_service.tasks"], "housekeeper": ["my_service.housekeeper"]}


def sources() -> dict[Path, bytes]:
    """The code as it is on the disk: a file's time says nothing that its content does not say better."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        with suppress(OSError):  # an editor's lock, which is a link to nowhere, or a file that has gone meanwhile
            found[path] = path.read_bytes()
    return found


class Stack:
    """A Prefect server, the app, two task servers and the housekeeper, as processes of this one."""

    def __init__(self, **environment: str) -> None:
        self.processes, home = dict[str, subprocess.Popen[bytes]](), settings.data.resolve() / "prefect"
        home.mkdir(parents=True, exist_ok=True)
        ours = {"PREFECT_API_URL": API, "PREFECT_HOME": str(home)}
        self.environment = os.environ | environment | ours | {"PYTHONPATH": str(SOURCE.parent)}
        # Of the shell, meant for something else: each worker of the Prefect server would have a queue of its own.
        self.environment.pop("WEB_CONCURRENCY", None)

    def start(self, name: str) -> None:
        command, environment = [sys.executable, "-m", *COMMANDS[name]], self.environment | {"APP_NAME": name}
        self.processes[name] = subprocess.Popen(
            command, env=environment, start_new_session=True
        )  # Ctrl-C is ours alone

    def keep(self, stopping: threading.Event, reload: bool = False) -> None:
        """Start everything, and again what has died, until told to stop; then stop it all."""
        announced, saved = False, sources()
        for name in COMMANDS:
            self.start(name)
        while not stopping.wait(0.5):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    print(f"{name} ended with {process.returncode}; starting it again", flush=True)
                    self.start(name)
            before, saved = saved, sources()
            if reload and saved != before:
                for name in self.processes.keys() - {"prefect"}:  # they finish what they run first
                    self.processes[name].terminate()
            if not announced and (announced := self.ready()):
                print(f"ready: {WEB}/docs and {API[:-4]}", flush=True)
        # Last the Prefect server, which hears how the runs ended.
        for group in (self.processes.keys() - {"prefect"}, {"prefect"}):
            for name in group:
                self.processes[name].terminate()
            for name in group:
                try:
                    self.processes[name].wait(settings.grace + 10)
                except subprocess.TimeoutExpired:
                    self.processes[name].kill()

    def ready(self) -> bool:
        """Whether the app answers and both task servers are subscribed."""
        try:
            subscribed = httpx.post(f"{API}/task_workers/filter", json={}, timeout=1).raise_for_status().json()
            return len(subscribed) == 2 and httpx.get(f"{WEB}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False


if __name__ == "__main__":
    for port, variable in ((settings.port, "APP_PORT"), (settings.prefect_port, "APP_PREFECT_PORT")):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"error: port {port} is in use. Try: {variable}={port + 10} make dev")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    Stack().keep(stop, reload=True)

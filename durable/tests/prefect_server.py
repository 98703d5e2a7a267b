"""A real Prefect server for the tests of the calls that durable makes: on a free port, with a database of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

TEMPLATE = Path(sys.prefix, "workshop", "prefect.db")  # which the kit's set-up has made; elsewhere it is made here


class PrefectServer:
    """Starts at once; killed and started again it is the same one, without its queue."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(folder), "PREFECT_API_URL": self.api, "PREFECT__SERVER_FINAL": "1",
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db",
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }  # fmt: skip
        if TEMPLATE.exists():
            shutil.copyfile(TEMPLATE, folder / "prefect.db")
        else:
            upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
            subprocess.run(upgrade, env=self._environment, check=True, capture_output=True)
        self.start()

    def start(self) -> None:
        app = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(self.port)]
        command = [sys.executable, "-m", "uvicorn", *app, "--log-level", "warning"]
        self.process = subprocess.Popen(command, env=self._environment)
        end = time.monotonic() + 180  # some seconds, on a machine with nothing else to do
        while not self.is_healthy():
            assert time.monotonic() < end and self.process.poll() is None, "the Prefect server does not come up"
            time.sleep(0.1)

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

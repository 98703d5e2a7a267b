"""Programs that a test starts with durable and without the kit, and waiting for what they do."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect_server import PrefectServer

SOURCE = Path(__file__).parents[1] / "src"
# What the kit's environment has, and others would not have set.
OF_THE_KIT = ("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "PYTHONWARNINGS")
# A task that notes that it has begun, for began(). All tests share a Prefect server, so the key is one of the test's
# folder: a run that another test has left could not be read here, and the task server would stand back from the queue.
WORK = """
import asyncio, os, sys, time
from durable import aserve, keyed, serve
from prefect import task

@keyed(os.path.basename(os.getcwd()))
@task
def work(seconds: float) -> float:
    with open("began", "a") as file:
        file.write("began\\n")
    time.sleep(seconds)
    return seconds
"""


def program(folder: Path, server: PrefectServer, code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Starts Python with that code in that folder, for that server."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_KIT} | {
        "PYTHONPATH": f"{SOURCE}:{folder}", "PREFECT_API_URL": server.api, "PREFECT_HOME": str(folder / "home"),
        "PREFECT_LOCAL_STORAGE_PATH": str(folder / "storage"),
    }  # fmt: skip
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT)


PATIENCE = 120  # seconds for what takes some on an idle machine; a busy one needed 30 to start a program


def until(what: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Waits for that. Fails after so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def began(folder: Path) -> int:
    """How many runs have begun, of tasks that write a line "began" into the file of that name."""
    return (folder / "began").read_text().count("began") if (folder / "began").exists() else 0


SUBMITS = "import tasks, sys\nprint('run:', getattr(tasks, sys.argv[1]).delay(int(sys.argv[2])).task_run_id)"


def submitted(folder: Path, server: PrefectServer, code: str, *arguments: str) -> UUID:
    """The id that the program prints behind "run: ", as SUBMITS does for a task of tasks.py and a number."""
    said = program(folder, server, code, *arguments).communicate(timeout=PATIENCE)[0]
    assert "run: " in said, said
    return UUID(next(line for line in said.splitlines() if line.startswith("run: ")).split()[1])


def state_of(run: UUID) -> State:
    """By the API of this process's settings."""

    async def read() -> State | None:
        async with get_client() as client:
            return (await client.read_task_run(run)).state

    return asyncio.run(read()) or State(type=StateType.PENDING, name="without a state")

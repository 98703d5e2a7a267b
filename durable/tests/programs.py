"""Programs that a test starts with durable and without the kit, and waiting for what they do."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from prefect_server import PrefectServer

SOURCE = Path(__file__).parents[1] / "src"
# What the kit's environment has, and others would not have set.
OF_THE_KIT = ("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "PYTHONWARNINGS")
# A task that notes that it has begun, for began().
WORK = """
import asyncio, sys, time
from durable import aserve, keyed, serve
from prefect import task

@keyed("tests")
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


def until(what: Callable[[], bool], seconds: float = 40) -> None:
    """Waits for that. Fails after so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def began(folder: Path) -> int:
    """How many runs have begun, of tasks that write a line "began" into the file of that name."""
    return (folder / "began").read_text().count("began") if (folder / "began").exists() else 0

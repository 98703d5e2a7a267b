"""The task that `make submit` and its kin send runs to, imported from the example's own file."""

import importlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

from prefect import Task

import workshop


def task_of_example() -> Task[..., Any]:
    """The task of the example that is running (with REMOTE=1 and none: of example 2). Exits 2 with one line if there
    is no such example, or its file cannot be imported.
    """
    logging.getLogger("prefect.tasks").setLevel(logging.WARNING)  # the id and the address are printed by us
    running = workshop.running_example()
    ex = running.ex if running else 2
    folder, module, name = workshop.EXAMPLES[ex]
    # By the physical path, as the task servers import it: a task's key is made from its file's path too.
    path = workshop.KIT / "examples" / folder
    sys.path.insert(0, str(path))
    os.environ.setdefault("LIMIT", "1")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:
        where = Path(f"examples/{folder}/{module}.py")
        workshop.fail(f"{where} cannot be imported: {error}", f"mending {where} and saving it")

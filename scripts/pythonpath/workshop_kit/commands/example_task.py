"""The task that `make submit` and its kin send runs to, imported from the example's own file."""

import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import httpx
from prefect import Task

from workshop_kit import examples, state_files, theirs, workshop
from workshop_kit.settings import settings


def run_to_the_end(main: Callable[[], int]) -> NoReturn:
    """Exit with main's code. Ctrl-C leaves the runs to the task servers (130). One line (2) when the API fails or the
    disk is full.
    """
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nleft; what was submitted goes on without us: make runs", file=sys.stderr)
        os._exit(130)
    except httpx.HTTPError as error:
        workshop.fail(f"the Prefect API failed: {error or type(error).__name__}", "make status")
    except OSError as error:  # the parameters of a run are a file
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        workshop.fail(
            f"the disk of {settings().home} is full, so no more was submitted",
            "free some disk space, then run the command again",
        )


def task_of_example() -> Task[..., Any]:
    """The task of the example that is running (with REMOTE=1 and none: of the first with task servers). Exits 2 with
    one line if there is no such example, or its file cannot be imported.
    """
    logging.getLogger("prefect.tasks").setLevel(logging.WARNING)  # the id and the address are printed by us
    running = state_files.running_example()
    example = examples.EXAMPLES[running.ex] if running else examples.first(lambda each: each.servers)
    module, name = example.task_file.removesuffix(".py"), example.tasks[0]
    if "make submit" not in example.submit:
        workshop.fail(f"example {example.number} takes its work from its web app", example.submit[0])
    # By the physical path, as the task servers import it: a task's key is made from its file's path too.
    path = running.code if running else example.folder
    sys.path.insert(0, str(path))
    os.environ.setdefault("LIMIT", "1")
    theirs.give_back(os.environ)
    own_code = running is not None and running.own_code
    if own_code:
        from workshop_kit.learners.no_serving import refuse_to_serve

        refuse_to_serve()
    try:
        task = getattr(importlib.import_module(module), name)
        if not isinstance(task, Task):
            raise TypeError(f"{name} is not a task: the line @task above it is missing")
        return task
    except Exception as error:
        if own_code:
            from workshop_kit.learners import mistakes  # what judges learners is only needed now

            if found := [finding for finding in mistakes.look(example.number, path) if finding.stops]:
                workshop.fail(f"{found[0].where}: {found[0].what}", found[0].remedy)
        where = workshop.shown(path / f"{module}.py")
        workshop.fail(f"{where} cannot be imported: {error}", f"fix {where} and save it")

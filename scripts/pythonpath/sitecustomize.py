"""Python runs this at the start of every process of the kit (scripts/env.sh puts this folder on PYTHONPATH).

The lessons say `from prefect.task_worker import serve`, as Prefect's documentation does. In the kit that name is the
`serve` of durable.py beside this file, which finishes its runs when it is stopped and records who ran what. Nothing
happens until a program imports Prefect.
"""

import os
import sys


def serve_durably(module):
    """After prefect.task_worker: exchange `serve` and `aserve`, also where a task calls them itself."""
    from functools import partial

    from prefect import Task

    import durable

    options = {
        "grace": float(os.environ.get("GRACE", "30")),
        "name": os.environ.get("TASK_SERVER_NAME"),
        "records": os.environ.get("RECORDS"),
    }
    module.serve = partial(durable.serve, **options)
    module.aserve = partial(durable.aserve, **options)
    Task.serve = lambda task: module.serve(task)


def quieten(module):
    """After prefect.main: a short program that sends its last events before it ends is no reason for a warning."""
    import logging

    logging.getLogger("EventsWorker").setLevel(logging.ERROR)


class AfterImport:
    """Finds the modules named here as usual, and calls the function once they are loaded."""

    waiting = {"prefect.task_worker": serve_durably, "prefect.main": quieten}

    def find_spec(self, name, path=None, target=None):
        then = self.waiting.pop(name, None)
        if then is None:
            return None
        import importlib.util

        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_then(module):
            load(module)
            then(module)

        spec.loader.exec_module = load_and_then
        return spec


sys.meta_path.insert(0, AfterImport())

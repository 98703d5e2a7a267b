"""The background tasks, and their task server: `python -m my_service.tasks`.

A run may be tried again, or run twice when a task server dies: so the effect of each counts once (store.do_once).
"""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, get_run_logger, task

from durable import json_only, keyed, serve
from my_service import RECORDS, STORAGE, settings, store

P = ParamSpec("P")
R = TypeVar("R")
json_only(str(STORAGE.resolve()))  # parameters and results: plain JSON in files, never pickles


def background(function: Callable[P, R]) -> Task[P, R]:
    """A task that is tried again later and later, with jitter so that a crowd of retries does not come at once.

    Its key is the same in every folder and container. Change the version when runs that wait must not reach new code.
    (No timeout: Prefect cannot interrupt a thread. Give each call in a task one of its own.)
    """
    job = task(retries=8, retry_delay_seconds=[0.2, 0.5, 1, 1, 2, 2, 2, 2], retry_jitter_factor=0.5)
    return keyed("my_service", version="1")(job(function))


@background
def send_welcome(user_id: str, email: str) -> str:
    return _do(user_id, "welcome", f"to {email}")


@background
def enrol(user_id: str, email: str) -> str:
    return _do(user_id, "enrolment", f"of {email}")


@background
def prepare_workspace(user_id: str, email: str) -> str:
    return _do(user_id, "workspace", f"for {email}")


def _do(user_id: str, what: str, detail: str) -> str:
    if not store.wait_for(user_id):
        return "nothing: the sign-up did not go through"
    time.sleep(settings.work_seconds)
    first = store.do_once(user_id, what, detail)
    get_run_logger().info("%s %s", what, detail if first else "was done before")
    return what


TASKS = {"welcome": send_welcome, "enrolment": enrol, "workspace": prepare_workspace}
if __name__ == "__main__":
    serve(*TASKS.values(), limit=settings.limit, grace=settings.grace, name=settings.name, records=str(RECORDS))

"""In a process that only imports a learner's file, nobody may start to serve: what happens instead of that.

Apart from the rest of this folder, which `make submit` does not import unless something is wrong.
"""

import asyncio
from collections.abc import Callable
from typing import Any

instead: list[Callable[..., Any]] = []  # the last: a module that was imported before keeps the names of the first


def instead_of_serving(function: Callable[..., Any]) -> None:
    """In this process, every serve calls this function instead."""
    from prefect import Task, task_worker

    import durable

    def serve(*tasks: Any, **given: Any) -> None:
        if asyncio._get_running_loop():
            raise RuntimeError("serve(…) cannot be called in an asynchronous function; there it is await aserve(…)")
        instead[-1](*tasks, **given)

    async def aserve(*tasks: Any, **given: Any) -> None:
        instead[-1](*tasks, **given)

    def serve_alone(task: Any) -> None:
        serve(task)

    instead.append(function)
    serve_alone.__qualname__ = "Task.serve"
    for module in (task_worker, durable):
        module.serve, module.aserve = serve, aserve
    task_worker.TaskWorker.start = lambda worker, *_, **__: aserve(*worker.tasks)
    Task.serve = serve_alone


class Served(Exception):
    """`serve` was reached by an import."""


def refuse_to_serve() -> None:
    """In this process, which imports a learner's task to submit it, a serve that is reached raises Served."""

    def reached(*tasks: Any, **given: Any) -> None:
        raise Served("it serves as soon as it is imported")

    instead_of_serving(reached)

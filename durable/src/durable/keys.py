"""Keys of tasks that depend neither on where their code is nor on the Python version."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Task

from durable import waiting

P = ParamSpec("P")
R = TypeVar("R")


class Keyed(Task[P, R]):
    """A task whose copies keep its key: Prefect's with_options() computes one from the code again."""

    def with_options(self, *args: Any, **options: Any) -> "Keyed[P, R]":
        """As Prefect's."""
        copy = super().with_options(*args, **options)
        return with_key(copy, self.task_key)


def with_key(task: Task[P, R], key: str) -> Keyed[P, R]:
    """That very task, with that key from now on."""
    task.__class__ = Keyed
    task.task_key = key
    return cast(Keyed[P, R], task)


def keyed(namespace: str, version: str = "1") -> Callable[[Task[P, R]], Task[P, R]]:
    """A decorator above `@task`: the key becomes `namespace.function-version`, wherever the code stands.

    So a namespace has one function of each name: serve() raises ValueError for two.
    Change the version when queued runs of the code before must not reach the code after. A copy made by
    `with_options` has the same key, so Prefect's own task server, which serves such copies, finds it, too.

    Raises TypeError without brackets and below @task, and ValueError for an empty namespace.
    """

    if callable(namespace):  # a task, or its function
        raise TypeError('keyed needs a namespace. Try: write @keyed("my-app")')
    if not isinstance(namespace, str) or not namespace.strip() or not str(version).strip():
        raise ValueError(f'keyed({namespace!r}) gives no key that others can share. Try: write @keyed("my-app")')
    waiting.install()

    def set_key(task: Task[P, R]) -> Task[P, R]:
        if not isinstance(task, Task):
            raise TypeError(f"{getattr(task, '__name__', task)!r} is not a task yet. Try: put @keyed(…) above @task")
        return with_key(task, f"{namespace}.{task.fn.__name__}-{version}")

    return set_key

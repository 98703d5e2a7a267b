"""The parameters of a run, which the task server looks at before Prefect's part of it does: they are read once."""

from typing import Any
from uuid import UUID

from prefect import task_worker
from prefect.results import ResultStore


class ReadOnce:
    """Replaces Prefect's read_parameters (task_worker.py): Prefect gets exactly what was looked at."""

    def __init__(self, read: Any) -> None:
        self._read = read
        self._known: dict[UUID, Any] = {}

    async def __call__(self, store: ResultStore, identifier: UUID) -> Any:
        """As Prefect's."""
        return self._known.pop(identifier) if identifier in self._known else await self._read(store, identifier)

    async def look(self, store: ResultStore, identifier: UUID) -> dict[str, Any]:
        """Read them for the next call; returns them by their names. Raises what reading them raises."""
        self._known[identifier] = await self._read(store, identifier)
        return self._known[identifier].get("parameters", {})  # type: ignore[no-any-return]

    def forget(self, identifier: UUID | None) -> None:
        """Nobody has called."""
        if identifier:
            self._known.pop(identifier, None)


def reader() -> ReadOnce:
    """The reader of this process, around Prefect's current function: json_format.use_storage() replaces that."""
    if not isinstance(task_worker.read_parameters, ReadOnce):
        task_worker.read_parameters = ReadOnce(task_worker.read_parameters)  # type: ignore[assignment]
    return task_worker.read_parameters  # type: ignore[return-value]

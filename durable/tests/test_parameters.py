"""A run's parameters are read once: by the look before it, for Prefect's part."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import task_worker

from durable.parameters import ReadOnce, reader


class Storage:
    def __init__(self) -> None:
        self.read: list[UUID] = []
        self.away = False

    async def __call__(self, store: Any, identifier: UUID) -> dict[str, Any]:
        if self.away:
            raise FileNotFoundError
        self.read.append(identifier)
        return {"parameters": {"of": identifier}}


def test_what_was_looked_at_is_what_prefect_gets_and_only_once() -> None:
    async def main() -> None:
        storage, store, one, two = Storage(), None, uuid4(), uuid4()
        read = ReadOnce(storage)
        await read.look(store, one)  # type: ignore[arg-type]
        await read.look(store, two)  # type: ignore[arg-type]
        assert await read(store, two) == {"parameters": {"of": two}}  # type: ignore[arg-type]
        assert await read(store, one) == {"parameters": {"of": one}}  # type: ignore[arg-type]
        assert storage.read == [one, two]
        await read(store, one)  # type: ignore[arg-type]
        assert storage.read == [one, two, one]

    asyncio.run(main())


def test_what_could_not_be_read_and_what_was_forgotten_is_read_again() -> None:
    async def main() -> None:
        storage, one = Storage(), uuid4()
        read: Any = ReadOnce(storage)
        storage.away = True
        with pytest.raises(FileNotFoundError):
            await read.look(None, one)
        storage.away = False
        await read.look(None, one)
        read.forget(one)
        read.forget(None)
        await read(None, one)
        assert storage.read == [one, one]

    asyncio.run(main())


def test_it_takes_the_place_of_whatever_prefects_function_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_worker, "read_parameters", first := Storage())
    assert reader() is reader() is task_worker.read_parameters
    asyncio.run(reader()(None, uuid4()))  # type: ignore[arg-type]
    monkeypatch.setattr(task_worker, "read_parameters", second := Storage())  # as json_format.use_storage() does
    asyncio.run(reader()(None, uuid4()))  # type: ignore[arg-type]
    assert len(first.read) == len(second.read) == 1

"""Where the parameters and results of runs are, when they are plain JSON: json_only("/var/lib/my-app/runs")."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect._internal.compatibility.blocks import call_explicitly_async_block_method, call_explicitly_sync_block_method
from prefect.blocks.core import Block

from durable import json_format, waiting
from durable.files import write_whole
from durable.port_client import PortStorage, share_clients


def json_only(where: str) -> None:
    """From now on the tasks of this process write and read plain JSON there, and nothing else: see json_format.py.

    where: a folder, the name of a block of Prefect's (s3-bucket/name), or a port for other machines (https://…).
    """
    waiting.install()
    if where.startswith("https://"):
        share_clients()
        json_format.use_storage(PortStorage(where))
    else:
        json_format.use_storage(open_storage(where))


def open_storage(storage: str) -> Any:
    """What reads and writes there. storage: a folder, or a block of Prefect's as type/name."""
    if re.fullmatch(r"[a-z0-9-]+/[\w-]+", storage):
        return BlockStorage(storage)
    return Folder(storage)


class Folder:
    """Files in a folder, each written beside its place first, so that nobody reads half of one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def read(self, key: str) -> bytes:
        """Raises FileNotFoundError."""
        return (self.path / key).read_bytes()

    def write(self, key: str, content: bytes, wanted: Callable[[], bool] = lambda: True) -> bool:
        """wanted: asked at the last moment; False leaves everything as it was. Raises OSError on a full disk."""
        place = self.path / key
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return write_whole(place, content, private=True, wanted=wanted)

    async def aread(self, key: str) -> bytes:
        return self.read(key)

    async def awrite(self, key: str, content: bytes) -> None:
        self.write(key, content)


class BlockStorage:
    """Any block of Prefect's that reads and writes, by its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loaded: Any = None

    def _block(self) -> Any:
        if self._loaded is None:
            self._loaded = Block.load(self._name, _sync=True)  # type: ignore[call-arg]  # Prefect's decorator takes it
        return self._loaded

    async def _ablock(self) -> Any:
        if self._loaded is None:
            self._loaded = await Block.aload(self._name)
        return self._loaded

    def read(self, key: str) -> bytes:
        return bytes(call_explicitly_sync_block_method(self._block(), "read_path", (key,), {}))

    def write(self, key: str, content: bytes) -> None:
        call_explicitly_sync_block_method(self._block(), "write_path", (key,), {"content": content})

    async def aread(self, key: str) -> bytes:
        return bytes(await call_explicitly_async_block_method(await self._ablock(), "read_path", (key,), {}))

    async def awrite(self, key: str, content: bytes) -> None:
        await call_explicitly_async_block_method(await self._ablock(), "write_path", (key,), {"content": content})

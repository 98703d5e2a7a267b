"""Files that are there as a whole or as they were before. Standard library only."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_whole(
    path: Path, content: str | bytes, *, private: bool = False, wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Write the file beside its place and move it there; of several that do so at once the last one's stays.

    private: its owner alone may read it. wanted: asked at the last moment; False leaves everything as it was, and is
    returned. Raises OSError, and then leaves nothing behind.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".new-{os.getpid()}-{os.urandom(4).hex()}")  # a name that nobody else has
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with open(number, "wb") as file:
            file.write(data)
        if not wanted():
            return False
        beside.replace(path)
        return True
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()

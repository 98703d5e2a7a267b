"""JSON of others: its size and its depth are looked at before anything reads it."""

from typing import Any

import orjson

LARGEST = 10_000_000  # bytes of one run's parameters, or of its result
DEEPEST = 64  # lists and objects inside each other


class NotPlain(ValueError):
    """What was read is not of the one shape that may travel; nothing of it was built."""


def parsed(content: bytes | str, largest: int = LARGEST) -> Any:
    """JSON as lists, dicts and plain values. Raises NotPlain: too large, too deep, or no JSON."""
    if len(content) > largest:
        raise NotPlain(f"it is larger than {largest:,} bytes")
    try:
        value = orjson.loads(content)  # has a limit of its own to the depth, 1,024
    except orjson.JSONDecodeError as error:
        raise NotPlain(f"it is no JSON ({error})") from None
    if not shallow(value):
        raise NotPlain(f"it is nested deeper than {DEEPEST}")
    return value


def shallow(value: Any) -> bool:
    """Whether no more than DEEPEST lists and objects are inside each other."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(DEEPEST):
        if not level:
            return True
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, list | dict)
        ]
    return not level

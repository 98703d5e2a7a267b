"""JSON of others: its size, how many values it has and its depth are looked at before anything reads it."""

from typing import Any

import orjson

LARGEST = 10_000_000  # bytes of one run's parameters, or of its result: what a machine without memory to spare reads
MOST = 200_000  # values in it: 10 MB of empty lists would keep a process busy for seconds
DEEPEST = 64  # lists and objects inside each other: more than data has, and less than exhausts a stack


class NotPlain(ValueError):
    """What was read is not of the one shape that may travel; nothing of it was built."""


def parsed(content: bytes | str, largest: int = LARGEST) -> Any:
    """JSON as lists, dicts and plain values. Raises NotPlain: too large, too many values, too deep, or no JSON.

    largest: in bytes. Of what may be smaller than LARGEST there may be as many values fewer, but 1,000 at the least.
    """
    most = max(1000, MOST * largest // LARGEST)
    content = content.encode() if isinstance(content, str) else content
    if len(content) > largest:
        raise NotPlain(f"it is larger than {largest:,} bytes")
    if has_many(content, most):
        raise NotPlain(f"it has more than {most:,} values")
    try:
        value = orjson.loads(content)  # has a limit of its own to the depth, 1,024
    except orjson.JSONDecodeError as error:
        raise NotPlain(f"it is no JSON ({error})") from None
    if not shallow(value):
        raise NotPlain(f"it is nested deeper than {DEEPEST}")
    return value


def has_many(content: bytes, most: int = MOST) -> bool:
    """Whether it has more values than that, without parsing it: some 40 ms for 10 MB."""

    def values(text: bytes) -> int:
        return text.count(b",") + text.count(b"[") + text.count(b"{")

    if values(content) <= most:
        return False
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 4 * most:  # two for each text, and each value may have a name
        return True
    outside = unescaped.split(b'"')[::2]
    return values(b"".join(outside)) > most


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

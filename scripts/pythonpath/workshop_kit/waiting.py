"""Waits for something by looking at it. launch/ready.py says meanwhile what it waits for."""

import sys
import time
from collections.abc import Callable, Sized


def within(seconds: float, true: Callable[[], object], every: float = 0.05) -> bool:
    """Whether it becomes true in so many seconds; looked at at once, and every so many seconds."""
    patience = time.monotonic() + seconds
    while not true():
        if time.monotonic() > patience:
            return False
        time.sleep(every)
    return True


def until_gone(seconds: float, what: str, left: Callable[[], Sized]) -> bool:
    """Whether nothing is left within so many seconds; says after 2 of them, and then every 5, what it waits for."""
    next_line = time.monotonic() + 2

    def gone() -> bool:
        nonlocal next_line
        there = len(left())
        if there and time.monotonic() >= next_line:
            print(f"waiting for {what} ({there} process(es) left)", file=sys.stderr)
            next_line = time.monotonic() + 5
        return not there

    return within(seconds, gone, every=0.1)

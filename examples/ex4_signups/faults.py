"""Example 4: faults on purpose, so that retries have something to do. FAIL_RATE is the share of requests that fail."""

import os
import random

FAIL_RATE = float(os.getenv("FAIL_RATE", "0.2"))


def draw() -> str | None:
    """None: this request goes well. "before": it fails, and nothing was done. "after": it was done, and the caller is
    told that it failed, as when a connection breaks at the wrong moment. Only an idempotent service survives that one.
    """
    if random.random() >= FAIL_RATE:  # noqa: S311 - a game, no secret
        return None
    return random.choice(["before", "after"])  # noqa: S311

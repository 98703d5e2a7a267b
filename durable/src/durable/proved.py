"""The versions of Prefect that durable was tried with. Standard library only."""

import re
import sys
from functools import cache
from importlib.metadata import version

# What the kit's suite and `make canary` have passed on. The wheel's metadata say the same.
LOWEST, NEWEST = "3.8.0", "3.9.1"


def is_proved(prefect: str) -> bool:
    """Whether this version is in the range, both ends included; 3.9.2rc1 counts as 3.9.2."""
    lowest, found, newest = ([int(part) for part in re.findall(r"\d+", each)[:3]] for each in (LOWEST, prefect, NEWEST))
    return lowest <= found <= newest


@cache  # once in a process
def warn_if_not_proved() -> None:
    """One line on stderr if the installed Prefect is outside of the range; no more, for a security fix cannot wait."""
    prefect = version("prefect")
    if not is_proved(prefect):
        what = f"durable is proved with Prefect {LOWEST} to {NEWEST}, and this is {prefect}; going on"
        print(f'warning: {what}. Try: pip install "prefect>={LOWEST},<={NEWEST}"', file=sys.stderr, flush=True)

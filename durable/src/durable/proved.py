"""The versions of Prefect that durable was tried with. Standard library only."""

import re
from importlib.metadata import version

# What all tests have passed on. The wheel's metadata say the same.
LOWEST, NEWEST = "3.8.0", "3.9.1"
_told = False  # whether this process has said so


def is_proved(prefect: str) -> bool:
    """Whether this version is in the range, both ends included; 3.9.2rc1 counts as 3.9.2."""
    lowest, found, newest = ([int(part) for part in re.findall(r"\d+", each)[:3]] for each in (LOWEST, prefect, NEWEST))
    return lowest <= found <= newest


def unproved() -> str | None:
    """One line if the installed Prefect is outside of the range; no more, for a security fix cannot wait.

    None the second time: once in a process is enough.
    """
    global _told
    prefect = version("prefect")
    if _told or is_proved(prefect):
        return None
    _told = True
    what = f"durable is proved with Prefect {LOWEST} to {NEWEST}, and this is {prefect}; going on"
    return f'{what}. Try: pip install "prefect>={LOWEST},<={NEWEST}"'

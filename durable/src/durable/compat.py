"""The versions of Prefect that durable supports. Standard library only."""

import re
from importlib.metadata import version

# All tests have passed on these. The metadata of the wheel say the same.
LOWEST, NEWEST = "3.8.0", "3.9.1"
_warned = False  # whether this process has printed the warning


def is_supported(prefect: str) -> bool:
    """Whether this version is in the range, both ends included; 3.9.2rc1 counts as 3.9.2."""
    lowest, found, newest = ([int(part) for part in re.findall(r"\d+", each)[:3]] for each in (LOWEST, prefect, NEWEST))
    return lowest <= found <= newest


def unsupported_warning() -> str | None:
    """One line if the installed Prefect is outside the range; only a warning, because a security fix cannot wait.

    None the second time: once per process is enough.
    """
    global _warned
    prefect = version("prefect")
    if _warned or is_supported(prefect):
        return None
    _warned = True
    what = f"durable is tested with Prefect {LOWEST} to {NEWEST}, and this is {prefect}; continuing"
    return f'{what}. Try: pip install "prefect>={LOWEST},<={NEWEST}"'

"""How a task server comes to its end, and why it cannot begin."""

import re
from enum import Enum

from prefect.settings import get_current_settings


class Refused(Exception):
    """The Prefect server expects another password or key, or something else answers: waiting does not help."""

    ADDRESS = "check PREFECT_API_URL, and the password in PREFECT_API_AUTH_STRING (or the key in PREFECT_API_KEY)"

    def __init__(self, why: object, remedy: str = ADDRESS) -> None:
        url = re.sub("//.*@", "//…@", str(get_current_settings().api.url))
        super().__init__(f"{url} refuses this task server ({why}). Try: {remedy}")


class Unusable(Refused, ValueError):
    """What a task server needs around it is not there: the address of a Prefect server, or a folder for its record."""

    def __init__(self, what: str, remedy: str) -> None:
        Exception.__init__(self, f"{what}. Try: {remedy}")


class SessionOver(Refused):
    """The machine that was joined has ended the session: what ran here runs again elsewhere."""

    def __init__(self, name: str, why: str) -> None:
        Exception.__init__(self, f"{name} ends, because what it runs no longer counts: {why}")


class Outcome(Enum):
    """How a task server came to its end."""

    DRAINED = "what was in flight has ended"
    GAVE_BACK = "what was in flight went back to the queue; it runs on in this process all the same"
    STUCK = "the same, and a run has outlived its timeout in a thread that nothing can interrupt"

"""The errors that a call to the Prefect API may raise, and what helps against each."""

import errno
import sys
from collections.abc import Callable
from typing import TypeVar

import httpx

T = TypeVar("T")

# ValueError: half an answer, which is no JSON.
API_ERRORS = (httpx.HTTPError, OSError, ValueError)
RETRYABLE = {408, 425, 429}  # too slow, too early, too many: the same request is right at another time


def is_permanent_status(status: int) -> bool:
    """Whether the same request will always be answered with this HTTP status."""
    return 400 <= status < 500 and status not in RETRYABLE


def is_permanent(error: Exception) -> bool:
    """Whether waiting is useless: 401, 404 and the like, or an address that is none."""
    answer = getattr(error, "response", None)
    return isinstance(error, httpx.UnsupportedProtocol) or (
        answer is not None and is_permanent_status(answer.status_code)
    )


def remedy(error: Exception) -> str:
    """What helps, for a line that ends "Try: …"."""
    if is_permanent(error):
        return "set the right PREFECT_API_URL, and PREFECT_API_AUTH_STRING if the server needs one"
    return "wait until the Prefect server and the records are there"


def is_server_down(error: BaseException) -> bool:
    """Whether a connection was refused, or its host is gone: no server, so no queue either. Slowness proves nothing."""
    # EHOSTUNREACH: a container that is not running has no address.
    return getattr(error, "errno", 0) in (errno.ECONNREFUSED, errno.EHOSTUNREACH)


def create_or_exit(make: Callable[[], T]) -> T:
    """Create what a command needs, a Rescuer or metrics; if that fails, print one line and exit with code 2."""
    try:
        return make()
    except ValueError as error:
        print(f"error: {error}. Try: export PREFECT_API_URL=http://127.0.0.1:4200/api", file=sys.stderr)
    except OSError as error:
        print(f"error: the folder of the records cannot be used ({error}). Try: use another --records", file=sys.stderr)
    sys.exit(2)

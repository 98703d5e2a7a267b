"""What a question to the Prefect API may raise, and what helps."""

import errno
import sys
from collections.abc import Callable
from typing import TypeVar

import httpx

T = TypeVar("T")

# ValueError: half an answer, which is no JSON.
AWAY = (httpx.HTTPError, OSError, ValueError)
LATER = {408, 425, 429}  # too slow, too early, too many: the same request is right at another time


def is_refusal(status: int) -> bool:
    """Whether an HTTP status says that the same request will never be answered otherwise."""
    return 400 <= status < 500 and status not in LATER


def refusal(error: Exception) -> bool:
    """Whether waiting does not help: 401, 404 and their like, or something that is not an address."""
    answer = getattr(error, "response", None)
    return isinstance(error, httpx.UnsupportedProtocol) or (answer is not None and is_refusal(answer.status_code))


def remedy(error: Exception) -> str:
    """What helps, for a line that ends "Try: …"."""
    if refusal(error):
        return "the right PREFECT_API_URL, and PREFECT_API_AUTH_STRING if the server needs one"
    return "again, once the Prefect server and the records are there"


def nobody_listens(error: BaseException) -> bool:
    """Whether a connection was refused, or its host is gone: no server, so no queue either. Slowness proves nothing."""
    # EHOSTUNREACH: a container that is not running has no address.
    return getattr(error, "errno", 0) in (errno.ECONNREFUSED, errno.EHOSTUNREACH)


def made(make: Callable[[], T]) -> T:
    """What a command begins with: a Rescuer, or metrics. Where it cannot be made that is one line, and exit code 2."""
    try:
        return make()
    except ValueError as error:
        print(f"error: {error}. Try: export PREFECT_API_URL=http://127.0.0.1:4200/api", file=sys.stderr)
    except OSError as error:
        print(f"error: the folder of the records cannot be used ({error}). Try: another --records", file=sys.stderr)
    sys.exit(2)

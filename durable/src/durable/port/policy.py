"""What may pass the port: the list, and what is looked at. Nothing here reads, writes or waits."""

import re
from enum import Enum
from typing import Any

from durable.json_format import need_plain_metadata
from durable.json_limits import NotPlain
from durable.port.operations import ID, OtherShape, need_shape, operation
from durable.tls import Refusal, short

BODY = 1_000_000  # bytes of a request to Prefect's API, or of a message on a websocket: values go through files
# What the pages of the UI ask for wherever they are, and this port tells nothing of.
NOTHING: dict[str, Any] = {
    "GET /api/admin/settings": {"server": {"analytics_enabled": False}},
    **{
        f"POST /api/{what}/filter": []
        for what in ("saved_searches", "deployments", "work_pools", "work_queues", "automations")
    },
    **{f"POST /api/{what}/count": 0 for what in ("deployments", "work_pools")},
    "POST /api/deployments/paginate": {"results": [], "count": 0, "limit": 0, "pages": 0, "page": 1},
}
# Both UIs: their files, and their own addresses, for each of which Prefect answers with index.html.
FILES = "((assets|fonts|ico)/)?[A-Za-z0-9_.@-]+[.](css|ico|js|png|svg|ttf|webmanifest)"
ADDRESSES = (
    "(artifacts|automations|blocks|concurrency-limits|dashboard|deployments|events|flows|runs|settings|task-runs"
    "|variables|work-pools)(/[A-Za-z0-9_.-]+)*"
)
PAGES = re.compile(f"(/v2)?(/({FILES}|{ADDRESSES})?)?|/ui-settings")
EVENTS = {"start", "end", "up", "away"}  # what a task server may write into its record
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")  # no set, in which nobody can look for a list


class Verdict(Enum):
    """What becomes of a request. Without a session there are the first two, and all else is refused."""

    FOR_ALL = "it passes"
    JOINS = "somebody who may know the code asks for a session"
    OWN = "it is the port's own: storage, records, sessions"
    PASSES = "it passes, as it is"
    LOOKED_AT = "it passes, when its body was looked at: need_plain_body()"
    NOTHING = "it is answered from NOTHING"
    REFUSED = "it is refused: it is not on the list"


def verdict(method: str, path: str) -> Verdict:
    """What becomes of a request. path: as ASGI has it, so decoded, and without what is asked behind a `?`."""
    if path == "/api/health" and method == "GET":
        return Verdict.FOR_ALL
    if path == "/durable/join" and method == "POST":
        return Verdict.JOINS
    if path.startswith("/durable/"):
        return Verdict.OWN
    if not path.startswith("/api/"):
        return Verdict.PASSES if method in ("GET", "HEAD") and PAGES.fullmatch(path) else Verdict.REFUSED
    if f"{method} {path}" in NOTHING:
        return Verdict.NOTHING
    if not operation(method, path):
        return Verdict.REFUSED
    return Verdict.PASSES if method == "GET" else Verdict.LOOKED_AT


def need_plain_body(path: str, body: Any) -> None:
    """Of a request that is LOOKED_AT. Raises NotPlain."""
    need_plain_states(body)
    if path.startswith("/api/events/"):
        need_no_patterns(body)


def need_known_shape(name: str, content: bytes) -> None:
    """Of a body or of a message on a websocket. name: of operations.py. Raises Refusal, 403 for what is not listed."""
    try:
        need_shape(name, content)
    except OtherShape as error:
        raise Refusal(403 if error.extra else 400, f"not of the shape that passes this port: {error}") from None


def need_plain_message(path: str, message: Any) -> None:
    """Of what comes in on one of the WEBSOCKETS. Raises NotPlain."""
    if path == "/api/events/in":
        need_plain_event(message)
    elif path == "/api/events/out":
        need_no_patterns(message)


def need_plain_states(value: Any) -> None:
    """Of what is passed on to Prefect. Raises NotPlain for a state, wherever it stands, with data that may not pass.

    Prefect takes the state of a run from an event's payload, too, and from the task run in it.
    """
    for name, each in value.items() if isinstance(value, dict) else ():
        if name.endswith("state") and isinstance(each, dict) and each.get("data") is not None:
            need_plain_metadata(each["data"])
        need_plain_states(each)
    for each in value if isinstance(value, list) else ():
        need_plain_states(each)


def need_plain_event(event: Any) -> None:
    """Of a message to /events/in. Raises NotPlain. The first may be Prefect's greeting, or, without one, an event."""
    name = event.get("event", "") if isinstance(event, dict) else None
    if not isinstance(name, str):
        raise NotPlain("it is no event")
    if name.startswith("prefect.") and not name.startswith("prefect.task-run."):
        raise NotPlain(f"events {name[:60]!r} are not a task server's")
    need_plain_states(event)


def need_no_patterns(question: Any) -> None:
    """Of a question for events. Raises NotPlain where it has `labels`, wherever they stand.

    Prefect takes what is asked for there as patterns, in its event loop (`matches` in server/events/schemas/events.py):
    Python's fnmatch takes 8 s to read 20,000 brackets, and four times as long for twice as many.
    """
    for name, each in question.items() if isinstance(question, dict) else ():
        if name == "labels" and each is not None:
            raise NotPlain("events are not found by their labels here")
        need_no_patterns(each)
    for each in question if isinstance(question, list) else ():
        need_no_patterns(each)


def needed_id(value: Any) -> str:
    """The id of a run or of a state. Raises Refusal for anything else."""
    if not isinstance(value, str) or not re.fullmatch(ID, value):
        raise Refusal(422, "no id of a run or a state")
    return value


def needed_end(value: Any) -> dict[str, Any]:
    """A final state, as api_calls.final_state_line() writes it, with plain data. Raises Refusal."""
    if not isinstance(value, dict) or value.get("type") not in ENDS or not isinstance(value.get("message"), str):
        raise Refusal(422, "no end of a run")
    if value.get("data") is not None:
        try:
            need_plain_metadata(value["data"])
        except NotPlain as error:
            raise Refusal(422, f"this may not pass: {error}") from None
    name = short(value.get("name"))
    return {"type": value["type"], "name": name, "message": value["message"][:2000], "data": value.get("data")}

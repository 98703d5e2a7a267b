"""Which operations of Prefect's API pass the port, of all that it has, and which shapes of their bodies.

asked.jsonl has what was asked while tests/machines and durable's own programs ran, and while a person went through the
pages of both UIs: a body for each shape that a body had.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prefect.server.api.server import create_app

from durable.port.operations import OPERATIONS
from durable.port.policy import NOTHING, Verdict, need_known_shape, need_plain_body, verdict
from durable.tls import Refusal

ID = "a1234567-89ab-cdef-0123-456789abcdef"
ASKED = [json.loads(line) for line in (Path(__file__).parent / "asked.jsonl").read_text().splitlines()]
OPEN = {
    "GET /api/admin/version",
    "GET /api/flow_runs/{id}",
    "GET /api/flow_runs/{id}/graph-v2",
    "GET /api/flows/{id}",
    "GET /api/health",
    "GET /api/task_run_states/",
    "GET /api/task_runs/{id}",
    "GET /api/ui/task_runs/{id}",
    "POST /api/artifacts/filter",
    "POST /api/events/count-by/event",
    "POST /api/events/count-by/time",
    "POST /api/events/filter",
    "POST /api/flow_runs/count",
    "POST /api/flow_runs/filter",
    "POST /api/flow_runs/paginate",
    "POST /api/flows/count",
    "POST /api/flows/filter",
    "POST /api/flows/paginate",
    "POST /api/logs/",
    "POST /api/logs/filter",
    "POST /api/task_runs/",
    "POST /api/task_runs/count",
    "POST /api/task_runs/filter",
    "POST /api/task_runs/history",
    "POST /api/task_runs/paginate",
    "POST /api/task_runs/{id}/set_state",
    "POST /api/task_workers/filter",
    "POST /api/ui/flow_runs/count-task-runs",
    "POST /api/ui/flow_runs/history",
    "POST /api/ui/flows/count-deployments",
    "POST /api/ui/flows/next-runs",
    "POST /api/v2/concurrency_limits/decrement-with-lease",
    "POST /api/v2/concurrency_limits/increment",
    "POST /api/v2/concurrency_limits/increment-with-lease",
    "POST /api/v2/concurrency_limits/leases/{id}/renew",
}


def prefects_operations() -> set[tuple[str, str]]:
    """Method and path of each, with {id} for what is filled in, but for the words by which it counts events."""
    found = set()
    for path, methods in create_app(final=True).openapi()["paths"].items():
        for word in ("day", "time", "event", "resource"):
            named = re.sub(r"\{[^}]*\}", "{id}", path.replace("{countable}", word))
            found |= {(method.upper(), f"/api{named}") for method in methods}
    return found


def test_of_all_that_prefect_has_exactly_these_operations_are_open() -> None:
    found: dict[Verdict, set[str]] = {verdict: set() for verdict in Verdict}
    for method, path in prefects_operations():
        found[verdict(method, path.replace("{id}", ID))].add(f"{method} {path}")
    closed, answered = found.pop(Verdict.REFUSED), found.pop(Verdict.NOTHING)
    assert set().union(*found.values()) == OPEN
    assert answered == NOTHING.keys() and len(closed) > 100


def test_no_other_word_for_an_id_opens_one() -> None:
    for method, path in prefects_operations():
        for word in ("filter", "count", "x", "..", "0") if "{id}" in path else ():
            tried = path.replace("{id}", word)
            listed = f"{method} {tried}" in OPEN | NOTHING.keys()
            assert (verdict(method, tried) is not Verdict.REFUSED) is listed, (method, tried)


def test_each_of_them_was_asked_and_what_was_asked_passes() -> None:
    assert {each["asked"] for each in ASKED} == OPERATIONS.keys()
    for each in ASKED:
        need_plain_body(each["asked"].split()[1], each["body"])
        need_known_shape(each["asked"], json.dumps(each["body"]).encode())


def body_of(operation: str, **more: Any) -> bytes:
    body = max((each["body"] for each in ASKED if each["asked"] == operation), key=lambda body: len(body or ""))
    return json.dumps(body | more).encode()


def status(operation: str, content: bytes) -> int:
    with pytest.raises(Refusal) as refused:
        need_known_shape(operation, content)
    return refused.value.status


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name.startswith("POST") and "logs/" not in name])
def test_a_field_that_nobody_asks_with_is_refused(operation: str) -> None:
    assert status(operation, body_of(operation, schema={"pattern": "^(a+)+$"})) == 403


def test_wrong_values_are_bad_requests() -> None:
    runs = "POST /api/task_runs/filter"
    for number in (2**63, 2**31, -1, 1.5, "1", True, None):
        assert status(runs, body_of(runs, offset=number)) == 400, number
    for text in ("%a%a%a", "a" * 101, 1, [], "\0" * 101):
        assert status(runs, body_of(runs, task_runs={"name": {"like_": text}})) == 400, text
    for ids in (["x"] * 1001, "x", {}, [["x"]], [1]):
        assert status(runs, body_of(runs, task_runs={"id": {"any_": ids}})) == 400, ids
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-01-01", "", 0):
        assert status(runs, body_of(runs, task_runs={"start_time": {"after_": moment}})) == 400, moment
    assert status(runs, body_of(runs, task_runs={"name": {"like": "a"}})) == 403
    run = "POST /api/task_runs/"
    assert status(run, body_of(run, name="n" * 900_000)) == 400
    assert status(run, body_of(run, tags=["t"] * 20_000)) == 400


def test_messages_have_their_shapes_too() -> None:
    path = "/api/task_runs/subscriptions/scheduled"
    for good in (
        {"type": "auth", "token": None},
        {"type": "subscribe", "keys": ["k"], "client_id": "c"},
        {"type": "ack"},
    ):
        need_known_shape(path, json.dumps(good).encode())
    names = {"name": ["prefect.task-run.Failed"], "prefix": None, "exclude_prefix": None, "exclude_name": None}
    since = {"since": "2026-11-30T05:19:34.935884Z", "until": "2027-11-30T05:20:34.935884Z"}
    asked = {"occurred": since, "event": names, "id": {"id": []}, "text": None, "order": "DESC", "resource": None}
    need_known_shape("/api/events/out", json.dumps({"type": "filter", "filter": asked}).encode())
    assert status(
        "/api/events/out", json.dumps({"type": "filter", "filter": asked | {"text": {"query": "x"}}}).encode()
    )
    for bad in ({}, [], {"type": "quit"}, {"type": "subscribe", "keys": [1], "client_id": "c"}):
        assert status(path, json.dumps(bad).encode()) in (400, 403), bad

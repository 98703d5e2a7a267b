"""What may pass the port, as a table: no application, no session, no network."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.json_limits import NotPlain
from durable.port.operations import OPERATIONS, WEBSOCKETS
from durable.port.policy import (
    EVENTS,
    NOTHING,
    Verdict,
    need_no_patterns,
    need_plain_body,
    need_plain_event,
    need_plain_message,
    need_plain_states,
    needed_end,
    needed_id,
    verdict,
)
from durable.tls import Refusal

ID = "a1234567-89ab-cdef-0123-456789abcdef"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "post", "")

# --- requests ---------------------------------------------------------------------------------------

FILLED = {name.replace("{id}", ID): shape for name, shape in OPERATIONS.items()}
TOLD_NOTHING = {
    "GET /api/admin/settings": {"server": {"analytics_enabled": False}},
    "POST /api/saved_searches/filter": [],
    "POST /api/deployments/filter": [],
    "POST /api/work_pools/filter": [],
    "POST /api/work_queues/filter": [],
    "POST /api/automations/filter": [],
    "POST /api/deployments/count": 0,
    "POST /api/work_pools/count": 0,
    "POST /api/deployments/paginate": {"results": [], "count": 0, "limit": 0, "pages": 0, "page": 1},
}
LISTED = {
    ("GET", "/api/health"): Verdict.FOR_ALL,
    **{tuple(name.split()): Verdict.LOOKED_AT if shape else Verdict.PASSES for name, shape in FILLED.items()},
    **{tuple(name.split()): Verdict.NOTHING for name in TOLD_NOTHING},
}
# Other paths than these, and some that a careless reader takes for the same.
NEIGHBOURS: list[Callable[[str], str]] = [
    lambda path: path + "\n",
    lambda path: path + "?",
    lambda path: path + "/.",
    lambda path: path + "/..",
    lambda path: path + "/../../admin/database/clear",
    lambda path: path + "%2f",
    lambda path: path + ";a",
    lambda path: path + "\0",
    lambda path: path + "/0",
    lambda path: path + "é",
    lambda path: path.replace("/api/", "/api//"),
    lambda path: path.replace("/api/", "/api/./"),
    lambda path: path.replace("/api/", "/api/../api/"),
    lambda path: path.replace("/api/", "/api/x/"),
    lambda path: path.replace("/api/", "/api/%2e%2e/api/"),
    lambda path: path.replace("/api/", "/api/api/"),
    lambda path: path.replace("/api/", "/api/\n"),
    lambda path: "/api" + path[4:].upper(),
    lambda path: f"/api/%{ord(path[5]):x}{path[6:]}",
    lambda path: f"/api/{path[5]}%2f{path[6:]}",
]
NEVER = [
    *(
        f"/api/{what}"
        for what in ("ready", "version", "hello", "csrf-token", "logs/out", "task_run_states", "openapi.json")
    ),
    *(f"/api/{what}" for what in ("observed-states", "v2/concurrency_limits/decrement", "ui/task_runs/count")),
    f"/api/flow_run_states/{ID}",
    f"/api/task_run_states/{ID}",
    f"/api/flow_runs/{ID}/graph",
    "/api/",
    "/api/admin",
    "/api/admin/",
    "/api/admin/settings/",
    "/api/admin/version/",
    "/api/admin/database/clear",
    "/api/admin/database/create",
    "/api/admin/database/drop",
    "/api/artifacts/",
    "/api/automations/",
    "/api/block_documents/filter",
    "/api/block_types/filter",
    "/api/collections/views/aggregate-worker-metadata",
    "/api/concurrency_limits/",
    "/api/concurrency_limits/filter",
    "/api/csrf-token/",
    "/api/deployments/",
    f"/api/deployments/{ID}",
    f"/api/deployments/{ID}/create_flow_run",
    "/api/events",
    "/api/events/",
    "/api/events/count-by/",
    "/api/events/count-by/Day",
    "/api/events/count-by/day/week",
    "/api/events/filter/next",
    "/api/flow_runs/",
    f"/api/flow_runs/{ID}/set_state",
    f"/api/flow_runs/{ID}/input",
    f"/api/flow_runs/{ID}/resume",
    f"/api/flow_runs/{ID}/graph-v3",
    f"/api/flow_runs/{ID}/graph/graph",
    "/api/flows/",
    f"/api/logs/{ID}",
    "/api/saved_searches/",
    "/api/task_runs",
    f"/api/task_runs/{ID}/",
    f"/api/task_runs/{ID}/graph/",
    f"/api/task_runs/{ID}/set_state/",
    f"/api/task_runs/{ID}/{ID}",
    "/api/task_run_states",
    "/api/templates/validate",
    "/api/ui/schemas/validate",
    "/api/ui/schemas/validate/",
    "/api/ui/task_runs/../schemas/validate",
    "/api/ui/task_runs",
    "/api/ui/task_runs/",
    "/api/ui/task_runs/Count",
    f"/api/ui/flow_runs/{ID}",
    "/api/v2/concurrency_limits/",
    "/api/v2/concurrency_limits/filter",
    f"/api/v2/concurrency_limits/{ID}",
    f"/api/v2/concurrency_limits/leases/{ID}",
    "/api/v2/concurrency_limits/leases/filter",
    "/api/variables/",
    "/api/variables/filter",
    "/api/work_pools/",
    "/api/work_pools/paginate",
    "/api/health/",
]
NO_IDS = [
    ID.upper(),
    *(ID.replace(part, part.upper()) for part in ("a1234567", "-89ab", "456789abcdef")),
    ID.replace("-", ""),
    ID.replace("-", "", 1),
    ID.replace("-cdef", "cdef"),
    ID[:-1],
    ID + "0",
    "{" + ID + "}",
    ID.replace("0", "g"),
    ID.replace("0", "\N{FULLWIDTH DIGIT ZERO}"),
    ID.replace("-", "%2d"),
    ID + "\n",
    ".." + ID[2:],
    "..",
    "",
]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_on_the_list_passes_with_its_own_method_alone(method: str) -> None:
    for path in {path for _, path in LISTED}:
        assert verdict(method, path) is LISTED.get((method, path), Verdict.REFUSED), (method, path)


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_of_what_is_on_the_list_do_not_pass(method: str) -> None:
    for (_, path), neighbour in product(LISTED, NEIGHBOURS):
        other = neighbour(path)
        assert other != path and verdict(method, other) is Verdict.REFUSED, (method, other)


@pytest.mark.parametrize("method", METHODS)
def test_what_else_prefect_has_does_not_pass(method: str) -> None:
    for path in [*NEVER, *WEBSOCKETS]:
        assert verdict(method, path) is Verdict.REFUSED, (method, path)


@pytest.mark.parametrize("wrong", NO_IDS)
def test_only_ids_pass_where_an_id_stands(wrong: str) -> None:
    for method, path in LISTED:
        if ID in path:
            assert verdict(method, path.replace(ID, wrong)) is Verdict.REFUSED, (method, path)
    with pytest.raises(Refusal) as refused:
        needed_id(wrong)
    assert refused.value.status == 422


def test_an_id_is_text() -> None:
    assert needed_id(ID) == ID
    for wrong in (None, 1, [ID], {"id": ID}, ID.encode()):
        with pytest.raises(Refusal):
            needed_id(wrong)


@given(st.sampled_from(METHODS), st.lists(st.sampled_from(["api", "ui", "admin", "task_runs", "", ".", "..", "a", ID])))
def test_nothing_passes_that_has_dots_or_begins_with_an_empty_part(method: str, parts: list[str]) -> None:
    path = "/api/" + "/".join(parts)
    if {".", ".."} & set(parts) or parts[:1] == [""]:
        assert verdict(method, path) is Verdict.REFUSED


def test_what_the_pages_ask_for_is_answered_with_nothing() -> None:
    assert NOTHING == TOLD_NOTHING


@pytest.mark.parametrize("method", METHODS)
def test_the_ports_own_requests_never_pass_on(method: str) -> None:
    joins = Verdict.JOINS if method == "POST" else Verdict.OWN
    assert verdict(method, "/durable/join") is joins
    for path in ("", "join/", "join\n", "/join", "JOIN", "records", "session", f"storage/{ID}", "../api/admin/version"):
        assert verdict(method, f"/durable/{path}") is Verdict.OWN


@pytest.mark.parametrize("method", METHODS)
def test_pages_are_only_read(method: str) -> None:
    passes = Verdict.PASSES if method in ("GET", "HEAD") else Verdict.REFUSED
    for path in ("/", "/runs", "/assets/index-1_a.js", "/v2", "/v2/", "/v2/dashboard", f"/v2/runs/task-run/{ID}", ""):
        assert verdict(method, path) is passes, path
    for path in ("/ui-settings", "/completed.svg", "/v2/fonts/Geist-VariableFont_wght.ttf", "/v2/ico/a.png"):
        assert verdict(method, path) is passes, path
    for path in (
        "/docs",
        "/redoc",
        "/openapi.json",
        "/docs/oauth2-redirect",
        "/api",
        "/durable",
        "//api/flows/",
        "/API/",
    ):
        assert verdict(method, path) is Verdict.REFUSED, path


def test_these_websockets_and_no_others_pass() -> None:
    assert {"/api/task_runs/subscriptions/scheduled", "/api/events/in", "/api/events/out"} == WEBSOCKETS.keys()


# --- bodies and messages ----------------------------------------------------------------------------

PLAIN = {
    "storage_key": ID,
    "expiration": None,
    "serializer": {"type": "plain", "task": "k"},
    "prefect_version": "3.9.1",
}
NOT_PLAIN = [
    PLAIN | {"serializer": {"type": "pickle"}},
    PLAIN | {"serializer": {"type": "json", "object_decoder": "os.system"}},
    PLAIN | {"storage_block_id": ID},
    PLAIN | {"storage_key": "../../etc/passwd"},
    PLAIN | {"type": "result"},
    {},
    [],
    [PLAIN],
    "gASVAA==",
    0,
    False,
]
STATES = ("state", "initial_state", "validated_state", "state.state", "_state")
Way = list[tuple[str | None, bool]]


def inside(value: Any, way: Way) -> Any:
    """The value, deeper: for each step of the way in an object, by that name, or in a list; first in there or last."""
    for name, first in way:
        if name is None:
            value = [value, 0, {}] if first else [[{"a": None}], "a", value]
        else:  # the others' names are longer than any on the way
            others = {"beside it": [{"a": None}], "beside that": 0}
            value = {name: value} | others if first else others | {name: value}
    return value


def ways(names: st.SearchStrategy[str]) -> st.SearchStrategy[Way]:
    return st.lists(st.tuples(st.none() | names, st.booleans()), max_size=60)  # DEEPEST is 64


any_ways = ways(st.sampled_from(["payload", "task_run", "data", "labels_", *STATES]) | st.text(max_size=5))
harmless = ways(st.sampled_from(["payload", "states", "State", "label", "Labels"]) | st.text("abc", max_size=5))


@given(any_ways, st.sampled_from(STATES), st.sampled_from(NOT_PLAIN))
def test_a_state_with_other_data_does_not_pass_wherever_it_stands(way: Way, name: str, data: Any) -> None:
    body = inside({"type": "COMPLETED", name: {"type": "COMPLETED", "data": data}}, way)
    for path in ("/api/task_runs/", "/api/logs/", "/api/events/filter", "/api/ui/task_runs/count"):
        with pytest.raises(NotPlain):
            need_plain_body(path, body)
    with pytest.raises(NotPlain):
        need_plain_states(body)
    event = {"event": "prefect.task-run.Completed", "payload": body}
    for look in (need_plain_event, lambda message: need_plain_message("/api/events/in", message)):
        with pytest.raises(NotPlain):
            look(event)


@given(harmless, st.sampled_from(STATES), st.sampled_from([PLAIN, None]))
def test_a_state_with_plain_data_passes_and_so_does_what_is_no_state(way: Way, name: str, data: Any) -> None:
    for value in ({name: {"type": "COMPLETED", "data": data}}, {name: {}}, {name: "RUNNING"}, {"data": 1}, {name: [1]}):
        body = inside(value, way)
        need_plain_states(body)
        for path in ("/api/task_runs/", "/api/events/filter"):
            need_plain_body(path, body)
        need_plain_event({"event": "prefect.task-run.Completed", "payload": body})


@given(any_ways, st.sampled_from([{"a": "["}, {}, [], "", "[", 0, False, ["a"]]))
def test_a_question_by_labels_does_not_pass_wherever_they_stand(way: Way, labels: Any) -> None:
    question = inside({"id": ["x"], "labels": labels}, way)
    with pytest.raises(NotPlain):
        need_no_patterns(question)
    for path in ("/api/events/filter", "/api/events/count", "/api/events/count-by/day"):
        with pytest.raises(NotPlain):
            need_plain_body(path, question)
    with pytest.raises(NotPlain):
        need_plain_message("/api/events/out", question)


@given(harmless)
def test_other_questions_pass_and_labels_elsewhere(way: Way) -> None:
    for plain in ({"id": ["x"], "labels": None}, {"label": {"a": "["}}, ["labels"], {"a": "labels"}):
        question = inside(plain, way)
        need_no_patterns(question)
        need_plain_body("/api/events/filter", question)
        need_plain_message("/api/events/out", question)
    labels = inside({"labels": {"a": "["}}, way)
    need_plain_body("/api/task_runs/filter", labels)
    need_plain_message("/api/events/in", {"event": "mine", "payload": labels})


def test_a_task_server_sends_events_of_task_runs_and_its_own() -> None:
    for name in ("prefect.task-run.Completed", "prefect.task-run.", "mine", "prefect", "prefect-mine", ""):
        need_plain_event({"event": name})
        need_plain_message("/api/events/in", {"event": name})
    need_plain_event({"type": "auth", "token": None})  # Prefect's greeting
    for name in ("prefect.flow-run.Completed", "prefect.task-run", "prefect.task-runs.x", "prefect.", "prefect.log"):
        with pytest.raises(NotPlain):
            need_plain_event({"event": name})
        with pytest.raises(NotPlain):
            need_plain_message("/api/events/in", {"event": name})
    wrong: list[Any] = [None, [], "prefect.task-run.x", 1, {"event": None}, {"event": ["mine"]}, [{"event": "mine"}]]
    for event in wrong:
        with pytest.raises(NotPlain):
            need_plain_event(event)


def test_nothing_is_looked_for_on_the_other_websockets() -> None:
    for path in ("/api/task_runs/subscriptions/scheduled", "/api/logs/out"):
        need_plain_message(path, {"type": "auth", "labels": {"a": "["}})
    need_plain_message("/api/events/out", {"event": "prefect.flow-run.Completed"})


# --- lines of a task server -------------------------------------------------------------------------


def test_an_end_is_final_and_its_data_plain() -> None:
    for kind, data in product(("COMPLETED", "FAILED", "CRASHED", "CANCELLED"), (None, PLAIN)):
        end = {"type": kind, "name": "n", "message": "m", "data": data}
        assert needed_end(end | {"more": 1}) == end
    assert needed_end(end | {"message": "m" * 3000})["message"] == "m" * 2000
    assert needed_end({"type": "FAILED", "name": "n", "message": ""})["data"] is None
    wrong: list[Any] = [None, [], "COMPLETED", {}]
    wrong += [
        end | {"type": kind}
        for kind in ("RUNNING", "SCHEDULED", "PENDING", "PAUSED", "CANCELLING", "", None, ["FAILED"], {})
    ]
    wrong += [end | {"message": message} for message in (None, 1, ["m"])]
    wrong += [end | {"name": name} for name in (None, 1, "\x1b", "n" * 101)]
    wrong += [end | {"data": data} for data in NOT_PLAIN]
    for each in wrong:
        with pytest.raises(Refusal) as refused:
            needed_end(each)
        assert refused.value.status == 422


def test_a_task_server_writes_these_events() -> None:
    assert {"start", "end", "up", "away"} == EVENTS

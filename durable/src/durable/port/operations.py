"""The list of what may pass to Prefect's API: each operation with its method, its path and the shape of its body.

It is what was asked in a test run, and nothing else: by Prefect's client in task servers and submitters, by durable, by
the commands of the workshop kit, and by both of Prefect's UIs on the pages about runs. What Prefect's client asks in a
new version is refused, and said once on the port's terminal. A shape has bounds wherever Prefect has none.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Count = Annotated[int, Field(ge=0, lt=2**31)]
Word = Annotated[str, Field(max_length=1000)]
Words = Annotated[list[Word], Field(max_length=1000)]
Ids = Annotated[list[UUID], Field(max_length=1000)]
Part = Annotated[str, Field(max_length=100, pattern="^[^%]*$")]  # of a name: SQLite reads %a%a%a… for ever
Seconds = Annotated[float, Field(ge=0, le=10_000_000)]
# Others are none in Prefect's database, or in one of its time zones.
Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 2, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC))]
Number = Annotated[int, Field(ge=0, lt=2**31)] | Seconds


class Shape(BaseModel):
    """All that a body may have."""

    model_config = ConfigDict(extra="forbid", strict=True)


# --- questions about runs ---------------------------------------------------------------------------


class Criterion(Shape):
    """What one field of a run is to be. Prefect knows which of these a field has."""

    operator: Literal["and_", "or_"] | None = None
    any_: Words | None = None
    not_any_: Words | None = None
    all_: Words | None = None
    like_: Part | None = None
    after_: Moment | None = None
    before_: Moment | None = None
    ge_: Count | None = None
    is_null_: bool | None = None
    exists_: bool | None = None


class OfState(Shape):
    operator: Literal["and_", "or_"] | None = None
    type: Criterion | None = None
    name: Criterion | None = None


class Chosen(Shape):
    """Runs, flows, log lines or artifacts."""

    operator: Literal["and_", "or_"] | None = None
    id: Criterion | None = None
    name: Criterion | None = None
    tags: Criterion | None = None


class Runs(Chosen):
    state: OfState | None = None
    start_time: Criterion | None = None
    end_time: Criterion | None = None
    expected_start_time: Criterion | None = None


class TaskRuns(Runs):
    flow_run_id: Criterion | None = None
    subflow_runs: Criterion | None = None


class FlowRuns(Runs):
    parent_flow_run_id: Criterion | None = None


class AboutRuns(Shape):
    flows: Chosen | None = None
    flow_runs: FlowRuns | None = None
    task_runs: TaskRuns | None = None
    deployments: None = None


class Asked(AboutRuns):
    sort: Word | None = None
    limit: Count | None = None
    offset: Count = 0
    page: Count = 1


class History(AboutRuns):
    history_start: Moment
    history_end: Moment
    history_interval_seconds: Annotated[int, Field(ge=1, le=10_000_000)]


class OfRun(Shape):
    operator: Literal["and_", "or_"] | None = None
    flow_run_id: Criterion | None = None
    task_run_id: Criterion | None = None


class LogLines(OfRun):
    level: Criterion | None = None


class Artifacts(OfRun):
    key: Criterion | None = None
    type: Criterion | None = None


class AskedForLogs(Shape):
    logs: LogLines | None = None
    sort: Word | None = None
    limit: Count | None = None
    offset: Count = 0


class AskedForArtifacts(Shape):
    artifacts: Artifacts | None = None
    sort: Word | None = None
    limit: Count | None = None
    offset: Count = 0


class OfFlowRuns(Shape):
    flow_run_ids: Ids


class OfFlows(Shape):
    flow_ids: Ids


class Nothing(Shape):
    pass


# --- questions about events -------------------------------------------------------------------------


class Between(Shape):
    since: Moment
    until: Moment


class EventNames(Shape):
    name: Words | None = None
    exclude_name: Words | None = None
    prefix: Words | None = None
    exclude_prefix: Words | None = None


class Resource(Shape):
    id: Words | None = None
    id_prefix: Words | None = None
    labels: None = None  # patterns, which Prefect reads in its event loop: see need_no_patterns()


class EventIds(Shape):
    id: Ids | None = None


class Events(Shape):
    occurred: Between | None = None
    order: Literal["ASC", "DESC"] | None = None
    event: EventNames | None = None
    any_resource: Resource | None = None
    resource: Resource | None = None
    related: Resource | None = None
    id: EventIds | None = None
    text: None = None


class AskedForEvents(Shape):
    filter: Events | None = None
    limit: Annotated[int, Field(ge=0, le=50)] | None = None


class CountedEvents(Shape):
    filter: Events
    time_unit: Literal["week", "day", "hour", "minute", "second"] | None = None
    time_interval: Annotated[float, Field(ge=1, le=10_000_000)] | None = None


# --- runs and their states --------------------------------------------------------------------------


class StateDetails(Shape):
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    child_flow_run_id: UUID | None = None
    scheduled_time: Moment | None = None
    cache_key: Word | None = None
    cache_expiration: Moment | None = None
    deferred: bool | None = None
    untrackable_result: bool = False
    pause_timeout: Moment | None = None
    pause_reschedule: bool = False
    pause_key: Word | None = None
    run_input_keyset: None = None
    refresh_cache: bool | None = None
    retriable: bool | None = None
    transition_id: UUID | None = None
    task_parameters_id: UUID | None = None
    traceparent: Word | None = None
    deployment_concurrency_lease_id: UUID | None = None


StateType = Literal[
    "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"
]


class NewState(Shape):
    type: StateType
    name: Word | None = None
    message: Annotated[str, Field(max_length=100_000)] | None = None
    state_details: StateDetails | None = None
    data: Any = None  # need_plain_states() has looked at it


class Policy(Shape):
    max_retries: Count | None = None
    retries: Count | None = None
    retry_delay: Number | Annotated[list[Number], Field(max_length=1000)] | None = None
    retry_delay_seconds: Number | None = None
    retry_jitter_factor: Number | None = None


class Input(Shape):
    input_type: Literal["task_run", "flow_run", "parameter", "constant"]
    id: UUID | None = None
    name: Word | None = None
    type: Word | None = None


class NewRun(Shape):
    name: Word
    task_key: Word
    dynamic_key: Word
    flow_run_id: None = None
    task_version: Word | None = None
    cache_key: Word | None = None
    cache_expiration: Moment | None = None
    tags: Annotated[list[Word], Field(max_length=100)] = []
    labels: dict[Word, Word | bool | Number] = {}
    empirical_policy: Policy | None = None
    task_inputs: dict[Word, Annotated[list[Input], Field(max_length=1000)]] = {}
    state: NewState | None = None


class SetState(Shape):
    state: NewState
    force: bool = False


class LogLine(Shape):
    name: Word
    level: Count
    message: str
    timestamp: Moment
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


# --- limits of concurrency --------------------------------------------------------------------------


class Holder(Shape):
    type: Literal["flow_run", "task_run", "deployment"]
    id: UUID


class TakenSlots(Shape):
    names: Words
    slots: Annotated[int, Field(ge=1, lt=2**31)]
    mode: Literal["concurrency", "rate_limit"]


class LeasedSlots(TakenSlots):
    lease_duration: Annotated[int, Field(ge=60, le=86_400)]
    holder: Holder | None = None


class Renewal(Shape):
    lease_duration: Annotated[int, Field(ge=60, le=86_400)]


class Lease(Shape):
    lease_id: UUID


# --- the list ---------------------------------------------------------------------------------------

LOG_LINES = 100  # in a request: Prefect puts them into its database for 50 ms, and does nothing else meanwhile
# By method and path, as in Prefect's OpenAPI schema. None: it has no body.
OPERATIONS: dict[str, Any] = {
    "GET /api/admin/version": None,
    "GET /api/flows/{id}": None,
    "GET /api/flow_runs/{id}": None,
    "GET /api/flow_runs/{id}/graph-v2": None,
    "GET /api/task_runs/{id}": None,
    "GET /api/task_run_states/": None,
    "GET /api/ui/task_runs/{id}": None,
    "POST /api/task_runs/": NewRun,
    "POST /api/task_runs/{id}/set_state": SetState,
    "POST /api/task_runs/count": Asked,
    "POST /api/task_runs/filter": Asked,
    "POST /api/task_runs/history": History,
    "POST /api/task_runs/paginate": Asked,
    "POST /api/task_workers/filter": Nothing,
    "POST /api/logs/": Annotated[list[LogLine], Field(max_length=LOG_LINES)],
    "POST /api/logs/filter": AskedForLogs,
    "POST /api/v2/concurrency_limits/increment": TakenSlots,
    "POST /api/v2/concurrency_limits/increment-with-lease": LeasedSlots,
    "POST /api/v2/concurrency_limits/decrement-with-lease": Lease,
    "POST /api/v2/concurrency_limits/leases/{id}/renew": Renewal,
    "POST /api/artifacts/filter": AskedForArtifacts,
    "POST /api/events/filter": AskedForEvents,
    "POST /api/events/count-by/event": CountedEvents,
    "POST /api/events/count-by/time": CountedEvents,
    "POST /api/flows/count": Asked,
    "POST /api/flows/filter": Asked,
    "POST /api/flows/paginate": Asked,
    "POST /api/flow_runs/count": Asked,
    "POST /api/flow_runs/filter": Asked,
    "POST /api/flow_runs/paginate": Asked,
    "POST /api/ui/flow_runs/count-task-runs": OfFlowRuns,
    "POST /api/ui/flow_runs/history": Asked,
    "POST /api/ui/flows/count-deployments": OfFlows,
    "POST /api/ui/flows/next-runs": OfFlows,
}


# --- messages on a websocket ------------------------------------------------------------------------


class Greeting(Shape):
    type: Literal["auth"]
    token: Word | None = None


class Subscribe(Shape):
    type: Literal["subscribe"]
    keys: Words
    client_id: Word


class Acknowledged(Shape):
    type: Literal["ack"]


class Follow(Shape):
    type: Literal["filter"]
    filter: Events


QUEUE = "/api/task_runs/subscriptions/scheduled"
EVENTS_IN = "/api/events/in"
# None: policy.need_plain_event() looks at them.
WEBSOCKETS: dict[str, Any] = {
    QUEUE: Greeting | Subscribe | Acknowledged,
    EVENTS_IN: None,
    "/api/events/out": Greeting | Follow,
}

# --- looking ----------------------------------------------------------------------------------------

SHAPES = {name: TypeAdapter(shape) for name, shape in (OPERATIONS | WEBSOCKETS).items() if shape is not None}
PATHS = {name: re.compile(re.escape(name).replace(r"\{id\}", ID)) for name in OPERATIONS}


class OtherShape(ValueError):
    """What was asked has not the shape of its operation. extra: it has a field that is not on the list."""

    def __init__(self, why: str, extra: bool) -> None:
        super().__init__(why)
        self.extra = extra


def operation(method: str, path: str) -> str | None:
    """Which of OPERATIONS it is. path: as ASGI has it, so decoded, and without what is asked behind a `?`."""
    # By re.escape a space is "\ ", and `name` has one: a method with one is none of these.
    return next((name for name, pattern in PATHS.items() if pattern.fullmatch(f"{method} {path}")), None)


def need_shape(name: str, content: bytes) -> None:
    """Of a body, or of a message on a websocket: JSON. name: of OPERATIONS or WEBSOCKETS. Raises OtherShape."""
    if name not in SHAPES:
        return
    try:
        SHAPES[name].validate_json(content)
    except ValidationError as error:
        first, extra = error.errors(include_url=False, include_input=False)[0], False
        for each in error.errors(include_url=False, include_input=False):
            if each["type"] == "extra_forbidden":
                first, extra = each, True
                break
        where = ".".join(map(str, first["loc"]))[:100]
        raise OtherShape(f"{where}: {first['msg']}"[:200], extra) from None

"""Example 4: the API. A request creates a user and returns at once; three background tasks do the rest."""

import errno
from typing import Annotated
from uuid import UUID

import httpx
import redis
from fastapi import HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import PREFECT_API_URL
from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

import users
from body_limit import BodyLimit
from signup_tasks import TASKS
from users import User


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: EmailStr
    # \p{C}: control characters have no place in a name, nor in an email's header.
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^\P{C}*$")]


class RunState(BaseModel):
    id: UUID
    state: str = "Unknown"
    message: str | None = None


class UserDetails(User):
    workspace: list[str]
    states: dict[str, RunState] = Field(description="of the three task runs")


class Problem(BaseModel):
    detail: str


app = FastAPIOffline(
    title="User signups",
    responses={code: {"model": Problem} for code in (404, 405, 422, 503, 507)},
)
app.add_middleware(BodyLimit, limit=16 * 1024)


@app.post("/users", status_code=201, responses={409: {"model": Problem}})
def sign_up(new: NewUser) -> User:
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1).raise_for_status()  # away? say so before anything begins
    try:
        user_id = users.claim(new.email)
    except users.AddressTaken:
        raise HTTPException(409, f"{new.email} is registered already") from None
    try:
        runs = {what: task.delay(str(user_id), new.email).task_run_id for what, task in TASKS.items()}
    except Exception:
        users.release(new.email)
        raise
    # Last, so that a user is either there with three runs, or not at all: the tasks wait for this.
    user = User(id=user_id, email=new.email, name=new.name, runs=runs)
    try:
        users.create(user)
    except users.AddressTaken:
        raise HTTPException(503, "the Prefect API was too slow; try again in a moment") from None
    return user


@app.get("/users")
def newest_users(limit: Annotated[int, Query(ge=1, le=200)] = 20) -> list[User]:
    return users.newest(limit)


@app.get("/users/{user_id}")
def read_user(user_id: UUID) -> UserDetails:
    user = users.get(user_id)
    if not user:
        raise HTTPException(404, "no such user")
    states = states_of([user])
    return UserDetails(
        **user.model_dump(),
        workspace=users.workspace(user_id),
        states={what: states[run_id] for what, run_id in user.runs.items()},
    )


def states_of(those: list[User]) -> dict[UUID, RunState]:
    """The state of every task run of these users, at most 66 of them, by the run's id."""
    ids = [run_id for user in those for run_id in user.runs.values()]
    chosen = TaskRunFilter(id=TaskRunFilterId(any_=ids))
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1)  # hangs? the client below would try for half a minute
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(task_run_filter=chosen, sort=TaskRunSort.ID_DESC, limit=200) if ids else []
    # With SQLite and without the kit's tuning, a run has none for a moment between two states.
    found = {run.id: RunState(id=run.id, state=run.state.name, message=run.state.message) for run in runs if run.state}
    return {run_id: found.get(run_id, RunState(id=run_id)) for run_id in ids}


@app.get("/health")
def health() -> dict[str, str]:
    users.store.ping()
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1).raise_for_status()
    return {"status": "ok"}


def what_is_wrong(error: RequestValidationError | ValidationError) -> str:
    """One line for the first of pydantic's findings, such as `name: String should have at least 1 character`."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "the body: is no valid JSON"
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "the body"
    if first["type"] == "string_pattern_mismatch":
        return f"{where}: has characters that no name has"
    return f"{where}: {first['msg']}"


@app.exception_handler(RequestValidationError)
def say_what_is_wrong(request: Request, error: RequestValidationError):
    return JSONResponse({"detail": what_is_wrong(error)}, 422)


@app.exception_handler(StarletteHTTPException)
def say_it_in_one_line(request: Request, error: StarletteHTTPException):
    if error.status_code == 400:  # FastAPI's answer to JSON that cannot be decoded at all
        return JSONResponse({"detail": "the body: is no valid JSON"}, 422)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


@app.exception_handler(redis.RedisError)
def store_is_away(request: Request, error: redis.RedisError):
    return JSONResponse({"detail": "the user store does not answer; try again in a moment"}, 503)


@app.exception_handler(redis.ResponseError)
def store_refuses(request: Request, error: redis.ResponseError):
    return JSONResponse({"detail": f"the user store refuses: {error}"}, 503)  # its disk is full, or its memory


@app.exception_handler(httpx.HTTPError)
def prefect_is_away(request: Request, error: httpx.HTTPError):
    return JSONResponse({"detail": "the Prefect API does not answer; try again in a moment"}, 503)


@app.exception_handler(OSError)
def disk_is_full(request: Request, error: OSError):
    if error.errno != errno.ENOSPC:
        raise error
    return JSONResponse({"detail": f"the tasks' parameters cannot be stored: {error.strerror}"}, 507)

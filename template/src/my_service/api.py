"""The web app: a request creates a user, hands three tasks over and answers at once. `python -m my_service.api`"""

import sqlite3
from typing import Annotated
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.logging.configuration import setup_logging
from prefect.settings import get_current_settings
from pydantic import BaseModel, StringConstraints

from durable import cancel
from my_service import settings, store
from my_service.tasks import TASKS

app, log = FastAPI(title="my_service"), get_logger("app")
ADDRESS = StringConstraints(pattern=r"^[^@\s\p{C}]+@[^@\s\p{C}]+\.[^@\s\p{C}]+$", max_length=254, to_lower=True)
NAME = StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^\P{C}*$")  # no line breaks


class NewUser(BaseModel, extra="forbid"):
    email: Annotated[str, ADDRESS]
    name: Annotated[str, NAME]


def ask_prefect() -> None:
    """Raises httpx.HTTPError after 1 s. Prefect's client would try for half a minute, and somebody waits here."""
    httpx.get(f"{get_current_settings().api.url}/health", timeout=1).raise_for_status()


@app.post("/users", status_code=201)
def sign_up(new: NewUser) -> dict[str, str | dict[str, UUID]]:
    ask_prefect()  # before anything begins
    try:
        # The user is there when the block ends. The tasks wait for that; where it fails they do nothing.
        with store.new_user(new.email, new.name) as user_id:
            runs = {what: task.delay(user_id, new.email).task_run_id for what, task in TASKS.items()}
    except store.AddressTaken:
        raise HTTPException(409, f"{new.email} is registered already") from None
    log.info("signed up %s", user_id)
    return {"id": user_id, "runs": runs}


@app.get("/runs/{run_id}")
def read_run(run_id: UUID) -> dict[str, str]:
    ask_prefect()
    try:
        with get_client(sync_client=True) as client:
            state = client.read_task_run(run_id).state
    except ObjectNotFound:
        raise HTTPException(404, "no such run") from None
    return {"state": (state and state.name) or "Unknown", "message": (state and state.message) or ""}


@app.delete("/runs/{run_id}", status_code=202)
def cancel_run(run_id: UUID) -> dict[str, str]:
    """Cancelled: it waited, and never begins. Cancelling: its task server ends it within seconds."""
    ask_prefect()
    try:
        state = cancel(run_id)
    except ObjectNotFound:
        raise HTTPException(404, "no such run") from None
    if state not in ("Cancelled", "Cancelling"):
        raise HTTPException(409, f"it has ended: {state}")
    return {"state": state}


@app.get("/health")
def health() -> dict[str, str]:
    ask_prefect()
    return {"status": "ok"}


@app.exception_handler(httpx.HTTPError)
@app.exception_handler(sqlite3.OperationalError)
def is_away(request: Request, error: Exception) -> JSONResponse:
    log.warning("503 for %s: %r", request.url.path, error)
    what = "the user store" if isinstance(error, sqlite3.Error) else "the Prefect API"
    return JSONResponse({"detail": f"{what} does not answer; try again in a moment"}, 503)


if __name__ == "__main__":
    setup_logging()
    uvicorn.run(app, host=settings.host, port=settings.port, workers=1, log_config=None)

"""Example 3: a web app that hands work to a task server and answers at once."""

from uuid import UUID

import httpx
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, SerializationError
from prefect.settings import PREFECT_API_URL

# 1. From your own first_fastapi_task_server.py, import the task.

app = FastAPIOffline(title="Example 3")  # FastAPI, whose /docs page needs no network


@app.get("/")
def root():
    return {"message": "Hello World"}


@app.get("/task", status_code=202)
@app.post("/task", status_code=202)
def submit_task(name: str = "Marvin"):
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1)  # away? say so now, not after many tries
    # 2. Submit a run of the task with `delay`. It returns a future; its `task_run_id` is what a caller asks with later.
    # 3. In the place of this error, return {"task_run_id": …, "ui": …, "follow": f"/task/{…}"}. The page in the UI is
    #    url_for(future), from prefect.utilities.urls.
    raise HTTPException(501, f"steps 2 and 3 are to be written, {name}")


@app.get("/task/{task_run_id}")
def read_task(task_run_id: UUID):
    httpx.get(f"{PREFECT_API_URL.value()}/health", timeout=1)
    with get_client(sync_client=True) as client:
        try:
            run = client.read_task_run(task_run_id)
        except ObjectNotFound:
            raise HTTPException(404, "no such task run") from None
    if run.task_key.rpartition("-")[0] != "my_fastapi_task":
        raise HTTPException(404, "no such task run")  # there is, but of another task: not ours to show

    if not run.state:  # with SQLite: for a moment, between two states
        return JSONResponse({"state": "Pending", "result": None}, 202)

    answer = {"state": run.state.name, "result": None}
    # 4. If run.state.is_completed(), return the answer with run.state.result() for its result. That raises
    #    MissingResult (from prefect.exceptions), or ValueError, when the result is no longer there: answer 410 then.
    # 5. If run.state.is_final() in another way, it failed: answer 500, with run.state.message.
    return JSONResponse(answer, 202)


@app.exception_handler(httpx.TransportError)
def prefect_is_away(request: Request, error: httpx.TransportError):
    return JSONResponse({"detail": "the Prefect API does not answer; is its server running?"}, 503)


@app.exception_handler(SerializationError)
def cannot_be_stored(request: Request, error: SerializationError):
    return JSONResponse({"detail": str(error)}, 500)  # a parameter that pickle does not take: an upload, a connection

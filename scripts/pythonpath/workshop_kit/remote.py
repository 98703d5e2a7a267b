#!/usr/bin/env python3
"""With REMOTE=1: exits 2 with one line unless the user's own Prefect API is set and answers; prints its address."""

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import TaskRunSort
from prefect.settings import get_current_settings

from workshop_kit import workshop


def check() -> str:
    """The address of the API. Exits 2 with one line without one, or if it refuses us or does not answer in 5 s."""
    url = get_current_settings().api.url
    if not url:
        workshop.fail(
            "REMOTE=1, but neither PREFECT_API_URL nor a Prefect profile of yours names a server",
            "make … REMOTE=1 PREFECT_API_URL=https://your-server/api",
        )
    try:
        with get_client(sync_client=True, httpx_settings={"timeout": 5}) as client:
            client.read_task_runs(limit=1, sort=TaskRunSort.ID_DESC)
    except httpx.HTTPStatusError as error:
        what = f"REMOTE=1: {url} answers {error.response.status_code}"
        workshop.fail(what, "set PREFECT_API_KEY, or PREFECT_API_URL to the right address")
    except Exception as error:  # every transport error: what counts is that nobody answers
        what = f"REMOTE=1: {url} does not answer ({type(error).__name__})"
        workshop.fail(what, "use another PREFECT_API_URL, or leave out REMOTE=1")
    return url


def subscribed() -> list[str] | None:
    """The names (host-pid) of the task servers that are subscribed there; None where the API does not tell."""
    try:
        with get_client(sync_client=True) as client:
            return [server["identifier"] for server in client._client.post("/task_workers/filter", json={}).json()]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    print(check())

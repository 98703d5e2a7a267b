"""Runs of which Prefect can be told nothing, or that are too large to be sent: they end and say why, beside others."""

import time
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from prefect_server import PrefectServer
from programs import program, state_of, until

TASKS = """
from durable import keyed, serve
from prefect import task

@keyed("untellable")
@task
def tiny() -> int:
    return 1
"""
SERVES = "from tasks import *\nserve(tiny, limit=2, name='one', records='records')"


def created(server: PrefectServer, name: str) -> UUID:
    """A run as anybody may create one."""
    state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"deferred": True}}
    body = {"name": name, "task_key": "untellable.tiny-1", "dynamic_key": str(uuid4()), "state": state}
    for _ in range(10):
        answer = httpx.post(f"{server.api}/task_runs/", json=body, timeout=30, trust_env=False)
        if answer.status_code != 503:  # the database is busy, and Prefect's client asks again
            break
        time.sleep(1)
    assert answer.status_code == 201, answer.text[:300]
    return UUID(answer.json()["id"])


@pytest.mark.long
def test_runs_with_names_of_a_megabyte_fail_and_say_why(tmp_path: Path, server: PrefectServer) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    large = [created(server, "n" * size) for size in (900_000, 2_000_000)]  # no event; no message of a websocket
    small = created(server, "small")
    serving = program(tmp_path, server, SERVES)
    try:
        until(lambda: all(state_of(run).is_final() for run in (small, *large)), 90)
    finally:
        serving.terminate()
    assert state_of(small).is_completed()
    said = serving.communicate(timeout=30)[0]
    for run in large:
        state = state_of(run)
        assert state.is_failed() and "Prefect cannot be told what becomes of it" in (state.message or ""), state
        assert f"{run} has failed" in said
    assert max(map(len, said.splitlines())) < 1000

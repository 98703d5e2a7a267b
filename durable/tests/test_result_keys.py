"""With json_only the key of a result is the run's id, but of what is cached and of tasks that a run calls."""

import json
import signal
from pathlib import Path

import pytest
from prefect_server import PrefectServer
from programs import program, until

TASKS = """
import sys
from prefect import task
from prefect.cache_policies import INPUTS
from durable import json_only, keyed, serve
json_only("storage")

@keyed("keys")
@task
def returns(number: int) -> int: return number
@keyed("keys")
@task
async def returns_later(number: int) -> int: return number
@keyed("keys")
@task(cache_policy=INPUTS)
def is_cached(number: int) -> int: return number
@keyed("keys")
@task(result_storage_key="its-own")
def has_its_own(number: int) -> int: return number
@keyed("keys")
@task
def calls(number: int) -> int: return returns(number) + returns(number)
@keyed("keys")
@task
def fails(number: int) -> int: raise ValueError("as ever")
tasks = [returns, returns_later, is_cached, has_its_own, calls, fails]
"""
SERVES = "from tasks import *\nserve(*tasks, records='records')"
ASKS = """
import json
from tasks import *
futures = {each.name: [each.delay(7), each.delay(7)] for each in tasks}
found = {}
for name, both in futures.items():
    for future in both: future.wait(60)
    found[name] = [[str(future.task_run_id), future.state.name, future.state.data.storage_key] for future in both]
print(json.dumps(found))
"""


@pytest.mark.long
def test_the_key_of_a_result(server: PrefectServer, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    serving = program(tmp_path, server, SERVES)
    output = program(tmp_path, server, ASKS).communicate(timeout=180)[0]
    serving.send_signal(signal.SIGTERM)
    until(lambda: serving.poll() is not None)
    found = json.loads(output.splitlines()[-1])
    for name in ("returns", "returns_later", "calls"):
        assert [(state, key) for _, state, key in found[name]] == [("Completed", run) for run, _, _ in found[name]]
    for name in ("is_cached", "has_its_own"):
        assert len({key for _, _, key in found[name]}) == 1, found[name]
        assert not {key for _, _, key in found[name]} & {run for run, _, _ in found[name]}
    assert [state for _, state, _ in found["fails"]] == ["Failed", "Failed"]
    assert not {key for _, _, key in found["fails"]} & {run for run, _, _ in found["fails"]}
    names = {path.name for path in (tmp_path / "storage").iterdir() if path.is_file()}
    assert {key for each in found.values() for _, _, key in each} <= names

"""A run fails with a sentence if its result cannot be stored or its exception cannot be read back; all else returns."""

import json
import signal
from pathlib import Path

import pytest
from prefect.results import ResultStore
from prefect_server import PrefectServer
from programs import program, until

from durable.unstorable import comes_back, said_by

TASKS = """
import sys, threading
from prefect import task
from durable import keyed, serve
if sys.argv[1:] == ["json"]:
    from durable import json_only
    json_only("storage")

class Order(Exception):
    def __init__(self, number, why): super().__init__(f"{number}: {why}")
class Held(Exception):
    def __init__(self, what): self.lock = threading.Lock(); super().__init__(what)
class Mute(Exception):
    def __str__(self): raise KeyError("mute")

@keyed("fails")
@task
def raises_order(): raise Order(7, "sold out")
@keyed("fails")
@task
def raises_held(): raise Held("held up")
@keyed("fails")
@task
async def raises_mute(): raise Mute()
@keyed("fails")
@task
def raises_value(): raise ValueError("as ever")
@keyed("fails")
@task
def returns_lock(): return threading.Lock()
@keyed("fails")
@task
def yields(): yield 1; yield 2
@keyed("fails")
@task
async def yields_later(least: int = 1):
    for number in range(least, 4): yield number
@keyed("fails")
@task
def returns_another() -> int: return "text"
tasks = [raises_order, raises_held, raises_mute, raises_value, returns_lock, yields, yields_later, returns_another]
"""
SERVES = "from tasks import *\nserve(*tasks, records='records')"
ASKS = """
import json
from tasks import *
futures = [each.delay() for each in tasks]
ends = {}
for each, future in zip(tasks, futures):
    try:
        end = future.result(timeout=30)
    except Exception as error:
        end = f"{type(error).__name__}: {error}"
    ends[each.name] = [future.state.name, end]
print(json.dumps(ends))
"""
UNSTORED = (
    "FailedRun: its result cannot be stored (cannot pickle '_thread.lock' object). "
    "Try: return text, numbers, lists, dicts: what pickle takes"
)
FAILED = "FailedRun: Task run encountered an exception"


def ends(server: PrefectServer, folder: Path, *arguments: str) -> dict[str, list[object]]:
    (folder / "tasks.py").write_text(TASKS)
    serving = program(folder, server, SERVES, *arguments)
    asking = program(folder, server, ASKS, *arguments)
    output = asking.communicate(timeout=60)[0]
    serving.send_signal(signal.SIGTERM)
    until(lambda: serving.poll() is not None)
    return dict(json.loads(output.splitlines()[-1]))


def test_each_says_what_it_has_to_with_pickle(server: PrefectServer, tmp_path: Path) -> None:
    assert ends(server, tmp_path) == {
        "raises_order": ["Failed", f"{FAILED} Order: 7: sold out"],
        "raises_held": ["Failed", f"{FAILED} Held: held up"],
        "raises_mute": ["Failed", f"{FAILED} Mute: its message cannot be read (KeyError)"],
        "raises_value": ["Failed", "ValueError: as ever"],
        "returns_lock": ["Failed", UNSTORED],
        "yields": ["Completed", [1, 2]],
        "yields_later": ["Completed", [1, 2, 3]],
        "returns_another": ["Completed", "text"],
    }  # fmt: skip


@pytest.mark.long
def test_each_says_what_it_has_to_with_json(server: PrefectServer, tmp_path: Path) -> None:
    found = ends(server, tmp_path, "json")
    for name, declared in (("returns_lock", "has no declared type"), ("returns_another", "is declared int")):
        (state, said), why = found.pop(name), f"its result {declared}"
        assert state == "Failed" and str(said).startswith(f"FailedRun: {why}") and str(said).count("Try: ") == 1
    assert found == {
        "raises_order": ["Failed", "FailedThere: Order: 7: sold out"],
        "raises_held": ["Failed", "FailedThere: Held: held up"],
        "raises_mute": ["Failed", f"{FAILED} Mute: its message cannot be read (KeyError)"],
        "raises_value": ["Failed", "FailedThere: ValueError: as ever"],
        "yields": ["Completed", [1, 2]],
        "yields_later": ["Completed", [1, 2, 3]],
    }  # fmt: skip


class Strange(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(("error", "comes"), [(ValueError("x"), True), (Strange(), False)])
def test_who_comes_back(error: Exception, comes: bool) -> None:
    assert comes_back(error, None) is comes is comes_back(error, ResultStore())


def test_a_message_is_one_line() -> None:
    assert said_by(ValueError("a\n  b")) == "a b"
    assert said_by(Strange()) == "its message cannot be read (RuntimeError)"

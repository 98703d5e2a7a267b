"""No request to the port of example 7 is answered with HTTP 500: neighbours of what is asked, to a real Prefect server.

Each begins with a body of asked.jsonl, or one of the port's own, and has one to three changes, by a seed.
"""

import copy
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect_server import PrefectServer

from durable import joining

ID = "a1234567-89ab-cdef-0123-456789abcdef"
ASKED = [json.loads(line) for line in (Path(__file__).parent / "asked.jsonl").read_text().splitlines()]
METADATA = {"storage_key": ID, "expiration": None, "serializer": {"type": "plain", "task": "k"}, "prefect_version": "3"}
LINES: list[dict[str, Any]] = [
    {"keys": ["k"], "server": "one", "pid": 1, "after": 0, "limit": 1, "n": 0},
    {"event": "up", "n": 1},
    {"event": "start", "run": ID, "state": ID, "parameters": ID, "n": 2},
    {"event": "end", "run": ID, "state": ID, "how": "returned", "n": 3}
    | {"ended": {"type": "COMPLETED", "name": "Completed", "message": "m", "data": METADATA}},
]
OWN: list[dict[str, Any]] = [
    {"asked": "POST /durable/records", "body": LINES},
    {"asked": "POST /durable/records", "body": LINES[1:2]},
    {"asked": "POST /durable/records/since", "body": {"one-1.jsonl": 0}},
    {"asked": "POST /durable/join", "body": {"password": "p", "protocol": 1, "name": "n", "machine": "m"}},
    {"asked": "PUT /durable/session", "body": None},
    {"asked": "GET /durable/sessions", "body": None},
    {"asked": "GET /durable/records/others", "body": None},
    {"asked": "GET /durable/storage/{id}", "body": None},
    {"asked": "PUT /durable/storage/{id}", "body": {"metadata": METADATA, "result": '{"value": 1}'}},
    {"asked": "PUT /durable/storage/parameters/{id}", "body": {"metadata": METADATA, "result": '{"parameters": {}}'}},
]
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, 1e308, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, float("nan"), float("inf"),
    "", "x", "x" * 2000, "\0", "\x1b[31m", "%" * 200, "é\u202e", "[", "^(a+)+$", "1", "null", "-0", ID, "up",
    ID.upper(), "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "1970-01-01T00:00:00Z",
    "P1D", [], {}, [[]], ["up"], [None], {"a": 1}, {"": {}}, [ID] * 3, ["x"] * 1500, {"type": "pickle"},
]  # fmt: skip


class Port(PrefectServer):
    """The same, with the port in front of it, which this process has joined."""

    command = (sys.executable, "-m", "durable", "port")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.at = f"127.0.0.1:{probe.getsockname()[1]}"
        super().__init__(folder)
        code, self.password = ((folder / "port" / name).read_text() for name in ("code", "password"))
        self.joined = joining.join(self.at, code, "fuzz", machine="fuzz", prefect="3.9.1", python="3.11")
        self.context = ssl.create_default_context(cadata=self.joined.ca)

    def start(self) -> None:
        command = [*self.command, "--address", self.at, "--folder", str(self.folder / "port")]
        command += ["--records", str(self.folder / "records"), "--prefect-port", str(self.port)]
        source = str(Path(__file__).parents[1] / "src")
        with (self.folder / "log").open("a") as log:
            environment = self._environment | {"PYTHONPATH": source}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while not (self.is_healthy() and (self.folder / "port" / "code").exists()):
            assert time.monotonic() < end and self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.joined.token}"}
        return httpx.Client(base_url=self.joined.at, verify=self.context, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Port]:
    found = Port(tmp_path_factory.mktemp("port"))
    yield found
    found.kill()


def places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """All places in it: what holds them, and the name or the number there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        found.append((value, name))
        places(each, found)
    return found


def neighbour(body: Any, dice: random.Random) -> Any:
    """It, with a few changes."""
    root = [copy.deepcopy(body)]
    for _ in range(dice.randint(0, 3)):
        holder, name = dice.choice(places(root, []))
        there, strange = holder[name], copy.deepcopy(dice.choice(STRANGE))
        how = dice.randrange(6)
        if how == 0 and holder is not root:
            del holder[name]
        elif how == 1 and isinstance(there, dict):
            there[dice.choice(["offset", "limit", "labels", "state", "data", "id", "any_", "more"])] = strange
        elif how == 2 and isinstance(there, list):
            there.extend(there[:1] * dice.choice([1, 1500]))
        elif how == 3:
            holder[name] = [there]
        else:
            holder[name] = strange
    return root[0]


def ask(port: Port, client: httpx.Client, each: dict[str, Any], dice: random.Random) -> tuple[str, int, str]:
    """One request; what it was, and the answer's status and text."""
    method, path = each["asked"].split()
    ids = [ID, str(UUID(int=dice.getrandbits(128))), str(UUID(int=0)), "x", "%00"]
    path = path.replace("{id}", dice.choice(ids[:3] if dice.random() < 0.9 else ids))
    if path == "/api/task_run_states/":
        path += dice.choice(["", "?task_run_id=", "?task_run_id=x", f"?task_run_id={ID}", "?task_run_id=%00"])
    body = neighbour(each["body"], dice)
    if path == "/durable/join" and isinstance(body, dict) and body.get("password") == "p":
        body["password"] = port.password
    content = None if method == "GET" else b"" if dice.random() < 0.02 else json.dumps(body).encode()
    asked = f"{method} {path} {(content or b'')[:2000].decode()}"
    try:
        answer = client.request(method, path, content=content)
    except httpx.RemoteProtocolError:  # the one before was answered before its body was there, which ends a connection
        answer = client.request(method, path, content=content)
    return asked, answer.status_code, answer.text[:200]


def fuzz(port: Port, number: int, seed: int) -> Counter[int]:
    """So many requests; the statuses of their answers."""
    statuses: Counter[int] = Counter()
    wrong: list[str] = []

    def some(part: int) -> None:
        dice = random.Random(seed + part)  # noqa: S311
        with port.client() as client:
            for _ in range(number // 4):
                asked, status, text = ask(port, client, dice.choice(ASKED + OWN), dice)
                statuses[status] += 1
                if status == 500 or (status == 401 and "/join" not in asked):  # the session is to last
                    wrong.append(f"{status} {text} {asked}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))
    assert not wrong, "\n".join([f"{len(wrong)}, with seed {seed}", *wrong[:20]])
    assert port.is_healthy() and "Traceback" not in (port.folder / "log").read_text()
    return statuses


def test_what_was_asked_passes_as_it_is(port: Port) -> None:
    with port.client() as client:
        for each in ASKED:
            method, path = each["asked"].split()
            path = path.replace("{id}", ID) + (f"?task_run_id={ID}" if path.endswith("run_states/") else "")
            answer = client.request(method, path, json=each["body"])
            assert answer.status_code in (200, 201, 202, 204, 404, 410), (each, answer.text)


def test_neighbours_of_what_is_asked_are_no_errors_of_the_server(port: Port) -> None:
    statuses = fuzz(port, 1000, seed=29)
    assert {200, 400, 403, 422} <= statuses.keys(), statuses


@pytest.mark.long
def test_twenty_thousand_of_them(port: Port) -> None:
    fuzz(port, 20_000, seed=int(os.environ.get("FUZZ_SEED") or 2026))

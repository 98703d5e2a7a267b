#!/usr/bin/env python3
"""For ex7_attacks.bats: what somebody does who holds the code of example 7. A line for each attack: its name,
what the port answered, and the id of the run that was submitted with it.

attacks.py HOST:PORT CODE MODULE TASK-KEY FOLDER    MODULE: a module that leaves a trace when it is imported
attacks.py HOST:PORT CODE MODULE TASK-KEY FOLDER submit    submits a run for each file in there

What is refused at the port is also written into FOLDER, for the test to put into the storage itself: who can write
there must not get any further either.
"""

import asyncio
import base64
import gzip
import json
import pickle
import ssl
import sys
import time
import uuid
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from durable import joining

at, code, module, key = sys.argv[1:5]
folder = Path(sys.argv[5])
joined = joining.join(at, code, "mallory", machine="mallory", prefect="3.9.1", python="3.11")
context = ssl.create_default_context(cadata=joined.ca)
port = httpx.Client(base_url=joined.at, verify=context, headers={"Authorization": f"Bearer {joined.token}"}, timeout=60)


class Evil:
    def __reduce__(self) -> Any:
        return __import__, (module,)


PICKLE = base64.encodebytes(pickle.dumps(Evil())).decode()
PLAIN = {"type": "plain", "task": key}
IMPORTS = {"type": "pickle", "picklelib": module, "picklelib_version": None}
DECODES = {"type": "json", "jsonlib": "json", "object_decoder": f"{module}.decode", "loads_kwargs": {}}


def record(serializer: Any, result: Any, name: str) -> bytes:
    metadata = {"storage_key": name, "expiration": None, "serializer": serializer, "prefect_version": "3.9.1"}
    return json.dumps({"metadata": metadata | {"storage_block_id": None}, "result": result}).encode()


def deep(name: str) -> bytes:
    return record(PLAIN, '{"parameters":{"name":' + "[" * 100_000 + "]" * 100_000 + "}}", name)


CLASS = json.dumps({"parameters": {"name": {"__class__": f"{module}.Thing", "data": {}}}})
FILES = {
    "a pickle": lambda name: record({"type": "pickle", "picklelib": "cloudpickle"}, PICKLE, name),
    "a pickle as it is": lambda _: pickle.dumps(Evil()),
    "a picklelib": lambda name: record(IMPORTS, PICKLE, name),
    "a decoder": lambda name: record(DECODES, CLASS, name),
    "__class__": lambda name: record({"type": "json"}, CLASS, name),
    "__class__ as a plain value": lambda name: record(PLAIN, CLASS, name),
    "a compressed pickle": lambda name: record(
        {"type": "compressed/pickle", "compressionlib": module, "serializer": IMPORTS}, PICKLE, name
    ),
    "gzip": lambda name: gzip.compress(record(PLAIN, '{"parameters":{"name":"x"}}', name)),
    "no metadata": lambda _: CLASS.encode(),
    "50 MB": lambda name: record(PLAIN, json.dumps({"parameters": {"name": "x" * 50_000_000}}), name),
    "nesting": deep,
    "nesting of the file": lambda _: b"[" * 100_000 + b"]" * 100_000,
    "another storage": lambda name: record(PLAIN, '{"parameters":{"name":"x"}}', name).replace(
        b'"storage_block_id": null', b'"storage_block_id": "11111111-1111-1111-1111-111111111111"'
    ),
    "another name": lambda _: record(PLAIN, '{"parameters":{"name":"x"}}', str(uuid.uuid4())),
    "an unknown parameter": lambda name: record(PLAIN, '{"parameters":{"nose":"x"}}', name),
    "another type": lambda name: record(PLAIN, '{"parameters":{"name":{"a":1}}}', name),
}


def run_body(parameters: str, data: Any = None) -> dict[str, Any]:
    details = {"deferred": True, "task_parameters_id": parameters}
    state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": details, "data": data}
    return {"name": "attack", "task_key": key, "dynamic_key": str(uuid.uuid4()), "state": state, "task_inputs": {}}


def tell(what: str, status: object, run: str = "-") -> None:
    print(f"{what}\t{status}\t{run}", flush=True)


def submit(parameters: str) -> str:
    return port.post("/api/task_runs/", json=run_body(parameters)).raise_for_status().json()["id"]


if sys.argv[6:] == ["submit"]:
    for path in folder.iterdir():
        print(submit(path.name))
    sys.exit()
for what, content_of in FILES.items():
    parameters = str(uuid.uuid4())
    content = content_of(parameters)
    answer = port.put(f"/durable/storage/parameters/{parameters}", content=content)
    tell(f"parameters: {what}", answer.status_code, submit(parameters))
    other = str(uuid.uuid4())
    (folder / other).write_bytes(content_of(other))
    result = uuid.uuid4().hex
    answer = port.put(f"/durable/storage/{result}", content=content_of(result))
    tell(f"result: {what}", answer.status_code)

body = zlib.compress(json.dumps(run_body(str(uuid.uuid4()))).encode())
answer = port.post("/api/task_runs/", content=body, headers={"Content-Encoding": "deflate"})
tell("a compressed body", answer.status_code)
for what, value in {"nesting": "[" * 100_000 + "]" * 100_000, "50 MB": json.dumps({"a": "x" * 50_000_000})}.items():
    answer = port.post("/api/task_runs/", content=value, headers={"Content-Type": "application/json"})
    tell(f"body: {what}", answer.status_code)
for path in ("..%2f..%2fjoined", "../../x", f"parameters/../{uuid.uuid4()}", "a" * 500, f"{uuid.uuid4()}%00"):
    tell(f"path: {path[:40]}", port.put(f"/durable/storage/{path}", content=b"{}").status_code)

# State data: when a run is created, when its state is set, in an event.
data = {
    "a picklelib": {"storage_key": uuid.uuid4().hex, "serializer": IMPORTS},
    "a decoder": {"storage_key": uuid.uuid4().hex, "serializer": DECODES},
    "a path": {"storage_key": "/etc/passwd", "serializer": PLAIN},
    "a block": {"storage_key": uuid.uuid4().hex, "serializer": PLAIN, "storage_block_id": str(uuid.uuid4())},
    "no metadata": PICKLE,
    "a list": [1],
}
good = str(uuid.uuid4())
port.put(f"/durable/storage/parameters/{good}", content=record(PLAIN, '{"parameters":{"name":"x"}}', good))
victim = submit(good)
for what, value in data.items():
    tell(f"created with: {what}", port.post("/api/task_runs/", json=run_body(good, value)).status_code)
    state = {"type": "COMPLETED", "name": "Completed", "data": value}
    set_state = port.post(f"/api/task_runs/{victim}/set_state", json={"state": state, "force": True})
    tell(f"set to: {what}", set_state.status_code)


# Two of one name: what was looked at is what passes, whichever of them another parser would take.
evil, fine = ({"type": "RUNNING", "name": "Running", "data": value} for value in (data["a picklelib"], None))
text = f'{{"state": {json.dumps(evil)}, "state": {json.dumps(fine)}, "force": true}}'
tell("twice: a state", port.post(f"/api/task_runs/{victim}/set_state", content=text).status_code // 100)
tell("twice: what is there", str("picklelib" in port.get(f"/api/task_runs/{victim}").text))
name = str(uuid.uuid4())
kept = record(PLAIN, '{"parameters":{"name":"x"}}', name).decode()
first = json.dumps({"serializer": IMPORTS, "storage_key": name})
tell(
    "twice: metadata",
    port.put(f"/durable/storage/parameters/{name}", content=f'{{"metadata": {first}, {kept[1:]}').status_code // 100,
)
tell("twice: what is stored", str("picklelib" in port.get(f"/durable/storage/parameters/{name}").text))

# A result of somebody else's run is there: for a submitter, and for a task server, which has none of its runs.
run = submit(good)
for _ in range(300):
    state = port.get(f"/api/task_runs/{run}").json()["state"]
    if state["type"] == "COMPLETED":
        break
    time.sleep(0.1)
there = state["data"]["storage_key"]
tell("key: of a result", str(there == run))  # by which the port knows whose it is
was = port.get(f"/durable/storage/{there}").content
server = joining.join(at, code, "mallory", machine="mallory", prefect="3.9.1", python="3.11")
serves = httpx.Client(
    base_url=joined.at, verify=context, headers={"Authorization": f"Bearer {server.token}"}, timeout=60
)
serves.post("/durable/records", json=[{"keys": ["mallory's"], "server": "x", "pid": 1, "n": 0}]).raise_for_status()
for what, client in {"by a submitter": port, "by a task server": serves}.items():
    content = record(PLAIN, '{"value":"pwned"}', there)
    tell(f"exchanged: a result, {what}", client.put(f"/durable/storage/{there}", content=content).status_code)
    other = uuid.uuid4().hex
    content = record(PLAIN, '{"value":"pwned"}', other)
    tell(
        f"exchanged: one that is to come, {what}", client.put(f"/durable/storage/{other}", content=content).status_code
    )
content = record(PLAIN, '{"parameters":{"name":"pwned"}}', good)
tell("exchanged: parameters", serves.put(f"/durable/storage/parameters/{good}", content=content).status_code)
tell("twice: a result is another now", str(port.get(f"/durable/storage/{there}").content != was))
serves.delete("/durable/session")


def event(value: Any, name: str = "prefect.task-run.Completed") -> str:
    state = {"type": "COMPLETED", "name": "Completed", "data": value, "state_details": {}, "message": ""}
    task_run = {"name": "attack", "task_key": key, "dynamic_key": "1"}
    payload = {"intended": {"from": "RUNNING", "to": "COMPLETED"}, "validated_state": state, "task_run": task_run}
    resource = {"prefect.resource.id": f"prefect.task-run.{victim}", "prefect.orchestration": "client"}
    at = datetime.now(UTC).isoformat()
    return json.dumps(
        {"event": name, "id": str(uuid.uuid4()), "occurred": at, "resource": resource, "payload": payload}
    )


async def send(text: str, greeting: bool = True, path: str = "/api/events/in") -> str:
    """What the close says; `open` if it stays open. Without a greeting Prefect takes the first message as an event."""
    headers = {"Authorization": f"Bearer {joined.token}"}
    url = joined.at.replace("https", "wss") + path
    protocols: Any = ["prefect"] if greeting else None
    async with connect(url, ssl=context, subprotocols=protocols, additional_headers=headers) as socket:
        if greeting:
            await socket.send(json.dumps({"type": "auth", "token": None}))
            await socket.recv()
        await socket.send(text)
        try:
            await asyncio.wait_for(socket.recv(), 2)
        except TimeoutError:
            return "open"
        except Exception as error:
            return str(error)[:100]
    return "answered"


for what, value in data.items():
    tell(f"event: {what}", asyncio.run(send(event(value))))
    tell(f"event: first of all, {what}", asyncio.run(send(event(value), greeting=False)))
inside = json.loads(event(None))
inside["payload"]["task_run"]["state"] = {"type": "COMPLETED", "name": "Completed", "data": data["a picklelib"]}
tell("event: in its task run", asyncio.run(send(json.dumps(inside))))
tell("event: a list", asyncio.run(send("[1]")))
tell("event: of a deployment", asyncio.run(send(event(None, "prefect.deployment.created"))))
tell("event: nesting", asyncio.run(send("[" * 100_000 + "]" * 100_000)))
tell("event: 5 MB", asyncio.run(send(event("x" * 5_000_000))))
tell("event: a plain one", asyncio.run(send(event({"storage_key": uuid.uuid4().hex, "serializer": PLAIN}))))

# Patterns, which Prefect would read for minutes in the event loop that everything waits for.
PATTERN = {"prefect.resource.id": "[" * 100_000}
for where in ("resource", "any_resource", "related"):
    asked = {"type": "filter", "filter": {where: {"labels": PATTERN}}}
    tell(f"event: asked for by a pattern, {where}", asyncio.run(send(json.dumps(asked), path="/api/events/out")))
    answer = port.post("/api/events/filter", json={"filter": {where: {"labels": PATTERN}}})
    tell(f"body: a pattern, {where}", answer.status_code)
asked = {"type": "filter", "filter": {"event": {"prefix": ["nobody."]}, "any_resource": {"labels": None}}}
tell("event: a plain one is asked for", asyncio.run(send(json.dumps(asked), path="/api/events/out")))

# What is closed for all.
for method, path in (
    ("GET", "/api/block_types/filter"),
    ("POST", "/api/block_documents/"),
    ("POST", "/api/block_documents/filter"),
    ("POST", "/api/block_types/"),
    ("GET", "/api/variables/name/x"),
    ("POST", "/api/variables/"),
    ("POST", "/api/deployments/"),
    ("POST", f"/api/deployments/{uuid.uuid4()}/create_flow_run"),
    ("POST", "/api/automations/"),
    ("POST", "/api/work_pools/"),
    ("POST", "/api/flow_runs/"),
    ("POST", "/api/artifacts/"),
    ("POST", "/api/events"),
    ("DELETE", f"/api/task_runs/{victim}"),
    ("PATCH", f"/api/task_runs/{victim}"),
    ("POST", "/api/ui/schemas/validate"),  # patterns, and a look into Prefect's variables
    ("POST", "/api/admin/database/clear"),
    ("GET", "/api/admin/storage"),
    ("PUT", "/api/admin/storage"),
    ("POST", "/api/global_concurrency_limits/"),
    ("GET", "/api/openapi.json"),
    ("POST", "/index.html"),
):
    tell(
        f"closed: {method} {path}",
        port.request(method, path, json={} if method in ("POST", "PUT", "PATCH") else None).status_code,
    )
for what, lines in {
    "a line of an unknown event": [{"keys": [key], "server": "x"}, {"event": "back", "run": victim}],
    "a name with an escape sequence": [{"keys": [key], "server": "x\x1b[31m"}],
    "a line without a number": [{"keys": [key], "server": "x"}, {"event": "up"}],
    "keys that are no text": [{"keys": [{"a": 1}], "server": "y"}],
    "no list": {"keys": [key]},
}.items():
    tell(f"records: {what}", port.post("/durable/records", json=lines).status_code)
port.delete("/durable/session")

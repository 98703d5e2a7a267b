"""For test_port_flood.py: what one machine with a token sends when it sends all that it can. Prints what was answered.

flood.py FOLDER HOST:PORT ADDRESS KIND SECONDS    FOLDER: of the port, which has its CA; the token comes by stdin
ADDRESS: of this machine, from which it comes. KIND: runs, files, bytes (the largest files), logs (100 lines each),
lists (as many as a question may have, inside each other)
"""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

LINE = '{"name": "a", "level": 1, "timestamp": "2026-01-01T00:00:00Z", "message": ""}'

folder, at, address, kind, seconds = sys.argv[1:]
host, port = at.rsplit(":", 1)
token = sys.stdin.readline().strip()
context = ssl.create_default_context(cafile=str(Path(folder) / "ca.pem"))
end = time.monotonic() + float(seconds)
answers: Counter[str] = Counter()


def written(size: int) -> bytes:
    metadata = {"storage_key": "NAME", "expiration": None, "serializer": {"type": "plain", "task": "k"}}
    body = {"metadata": metadata | {"prefect_version": "3"}, "result": json.dumps({"parameters": {"x": "y," * size}})}
    return json.dumps(body).encode()


FILE = written({"files": 100, "bytes": 4_900_000}.get(kind, 0))


def file() -> tuple[str, bytes]:
    """A request for parameters."""
    name = str(uuid4())
    return f"PUT /durable/storage/parameters/{name}", FILE.replace(b"NAME", name.encode(), 1)


def run() -> tuple[str, bytes]:
    details = {"deferred": True, "task_parameters_id": str(uuid4())}
    state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": details}
    body = {"name": "flood", "task_key": "nobody's", "dynamic_key": str(uuid4()), "state": state}
    return "POST /api/task_runs/", json.dumps(body).encode()


def log() -> tuple[str, bytes]:
    return "POST /api/logs/", f"[{','.join([LINE] * 100)}]".encode()


LISTS = ",".join(["[" * 30 + "]" * 30] * 600)


def lists() -> tuple[str, bytes]:
    return "POST /api/task_runs/count", f'{{"task_runs": {{"id": {{"any_": [{LISTS}]}}}}}}'.encode()


KINDS = {"runs": run, "files": file, "bytes": file, "logs": log, "lists": lists}


async def send() -> None:
    into, out = await asyncio.open_connection(host, int(port), ssl=context, local_addr=(address, 0))
    try:
        while True:
            what, body = KINDS[kind]()
            head = f"{what} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
            out.write(head.encode() + body)
            await out.drain()
            answer = await into.readuntil(b"\r\n\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in answer.decode().split("\r\n"))
            }
            await into.readexactly(int(headers.get("content-length", 0)))
            answers[answer.split()[1].decode()] += 1
            if "retry-after" in headers:
                answers["retry-after"] += 1
    finally:
        out.close()


async def again() -> None:
    while time.monotonic() < end:
        with suppress(OSError, EOFError):
            await send()
        answers["closed there"] += 1
        await asyncio.sleep(0.1)


async def main() -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(again() for _ in range(8 if kind == "bytes" else 30))), float(seconds))


asyncio.run(main())
print(json.dumps(answers))

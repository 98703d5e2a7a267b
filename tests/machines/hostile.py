#!/usr/bin/env python3
"""For ex7_attacks.bats: random and hostile requests to the port of example 7, from strangers and with a session.

hostile.py HOST:PORT CODE N
"""

import asyncio
import json
import random
import ssl
import sys
import uuid
from collections import Counter
from contextlib import suppress

from durable import joining

at, code, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
host, port = joining.address(at)
joined = joining.join(at, code, "mallory", machine="mallory", prefect="3.9.1", python="3.11")
context = ssl.create_default_context(cadata=joined.ca)
dice = random.Random(7)  # noqa: S311
PATHS = """/ // * /api/health /api/task_runs/ /api/task_runs/filter /api/flow_runs/filter /api/logs/ /api/events/in
/durable/join /durable/session /durable/sessions /durable/records /durable/records/since /durable/storage/x
/api/../durable/join /%2e%2e/x""".split()  # noqa: SIM905 - a list of this length is hard to read
PATHS.append("/api/task_runs/" + "a" * 3000)
answers: Counter[str] = Counter()


def body() -> bytes:
    kinds = (
        lambda: dice.randbytes(dice.randrange(3000)),
        lambda: b"[" * dice.randrange(5000),
        lambda: json.dumps(
            {dice.choice(["state", "password", "keys", "offset", "limit"]): dice.choice([1, None, [], {}, "x" * 999])}
        ).encode(),
        lambda: b"{}",
        lambda: b"",
    )
    return dice.choice(kinds)()


def request() -> bytes:
    method = dice.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW", "POST", "PUT"])
    path = (
        dice.choice(PATHS)
        if dice.random() < 0.8
        else f"/durable/storage/parameters/{uuid.UUID(int=dice.getrandbits(128))}"
    )
    content = body()
    length = str(len(content)) if dice.random() < 0.9 else dice.choice(["-1", "99999999999", "x", "5"])
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}"]
    if dice.random() < 0.5:
        lines.append(f"Authorization: Bearer {joined.token if dice.random() < 0.8 else 'x'}")
    if dice.random() < 0.1:
        lines.append("Content-Encoding: " + dice.choice(["gzip", "deflate", "br", "identity"]))
    if dice.random() < 0.1:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"]
    if dice.random() < 0.02:
        lines.append("X: " + "y" * dice.randrange(100_000))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def hostile(count: int) -> None:
    while count > 0:
        stranger = dice.random() < 0.1  # no TLS at all
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=None if stranger else context)
        except OSError as error:
            answers[type(error).__name__] += 1
            count -= 1
            continue
        with suppress(OSError, asyncio.IncompleteReadError):
            for _ in range(1 if stranger else dice.randrange(1, 12)):
                count -= 1
                writer.write(dice.randbytes(dice.randrange(2000)) if stranger else request())
                await writer.drain()
                if dice.random() < 0.05:
                    break  # and goes away
                with suppress(TimeoutError):
                    first = await asyncio.wait_for(reader.read(4000), 0.3)
                    answers[first[9:12].decode("latin-1") if first else "closed"] += 1
        writer.close()


async def main() -> None:
    idle, _ = await asyncio.open_connection(host, port, ssl=context)
    await asyncio.gather(*(hostile(number // 40) for _ in range(40)))
    if number >= 10_000:  # that took longer than somebody who asks for nothing may stay
        assert await asyncio.wait_for(idle.read(1), 5) == b"", "it is still connected"


asyncio.run(main())
print(f"{number} requests: {dict(answers)}")

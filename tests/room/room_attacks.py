#!/usr/bin/env python3
"""For tests/room/room_more.bats: what somebody sends to a room who is in its network, without the code and with it.

room_attacks.py HOST:PORT CODE MANY    prints how many answers there were of each status, and calls as Victim
"""

import asyncio
import json
import random
import ssl
import sys
from collections import Counter
from dataclasses import replace

import httpx

from durable import joining
from workshop_kit import in_room

at, code, many = sys.argv[1], sys.argv[2], int(sys.argv[3])
host, number = joining.address(at)
chance = random.Random(4)  # noqa: S311 - the same attacks each time
stranger, password = joining.verify_port(at, code)


def joined(me: str) -> joining.Joined:
    answer = joining.exchange_password(
        stranger, "/room/join", {"password": password, "me": me, "protocol": in_room.PROTOCOL}
    )
    return replace(stranger, token=answer["token"])


victim, mallory = joined("Victim"), joined("Mallory")
assert victim.request("POST", "/room/told", [{"n": 1, "ex": 2, "step": 4}])[0] == 200

LINES = [
    [{"n": 1, "ex": 2, "step": 4, "me": "x"}],
    [{"n": 2, "ex": 10**30}],
    [{"n": -1, "ex": 1}],
    [{"n": 1.5, "ex": 1}],
    [{"n": "1", "ex": 1}],
    [{"n": True, "ex": 1}],
    [{"ex": 1}],
    [{"n": 3, "row": 1, "ex": 7}],
    [{"n": 3, "finding": "<script>"}],
    [{"n": 3, "digest": "0" * 64}],
    [[]] * 100,
    {"n": 1},
    "text",
    None,
    7,
]
BODIES = [
    *(json.dumps(lines).encode() for lines in LINES),
    b"",
    b"\x00" * 100,
    b"[" * 4000,
    b"{" * 100_000,
    b"x" * 5_000_000,
    b'{"password": "' + b"A" * 3000 + b'"}',
    b'{"password": ["AAAA"], "me": {}}',
    b"\xff\xfe[1]",
]
PATHS = [
    "/room/told",
    "/room/join",
    "/room/row",
    "/",
    "/../../etc/passwd",
    "/room/rows.json",
    "/room/told?x=1",
    "/api/health",
]
HEADERS = [
    {},
    {"Authorization": f"Bearer {mallory.token}"},
    {"Authorization": "Bearer " + "A" * 32},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic eDp4"},
    {"Content-Encoding": "gzip"},
    {"X-Long": "x" * 20_000},
    {"Transfer-Encoding": "chunked"},
]


async def requests(client: httpx.AsyncClient, count: int, found: Counter[str]) -> None:
    for _ in range(count):
        body, headers = chance.choice(BODIES), chance.choice(HEADERS)
        method = chance.choice(["GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
        if method == "DELETE" and mallory.token in headers.get("Authorization", ""):
            continue  # that is its right
        try:
            answer = await client.request(method, chance.choice(PATHS), content=body, headers=headers)
            found[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            found[type(error).__name__] += 1


async def rubbish(count: int, found: Counter[str]) -> None:
    """What is no TLS, or ends in the middle of it, or says nothing."""
    for _ in range(count):
        try:
            reader, writer = await asyncio.open_connection(host, number)
            writer.write(chance.choice([b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x40\x00", chance.randbytes(500)]))
            await writer.drain()
            if chance.random() < 0.3:
                await asyncio.wait_for(reader.read(100), 0.2)
            writer.close()
            found["rubbish"] += 1
        except (OSError, TimeoutError):
            found["rubbish, refused"] += 1


async def main() -> None:
    found: Counter[str] = Counter()
    context = ssl.create_default_context(cadata=stranger.ca)
    # From another address: of one alone the room does not take so many.
    other = {"local_addr": ("127.0.0.2", 0)} if sys.platform == "linux" else {}
    idle = [await asyncio.open_connection(host, number, **other) for _ in range(400)]  # and say nothing
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=stranger.at, verify=context, timeout=20, limits=limits) as client:
        each = many * 8 // 10 // 20
        await asyncio.gather(
            *[requests(client, each, found) for _ in range(20)], *[rubbish(many // 50, found) for _ in range(10)]
        )
    for _, writer in idle:
        writer.close()
    print(sum(found.values()), dict(found))


asyncio.run(main())
status, answer = victim.request("POST", "/room/told", [{"n": 2, "call": 1}])
assert status == 200, (status, answer)

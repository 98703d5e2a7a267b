#!/usr/bin/env python3
"""For tests/machines/ex7_strangers.bats: what machines without the code do to a port, all at once, for so many seconds.

strangers.py HOST:PORT SECONDS ADDRESS…    the addresses of this machine that it comes from; prints what it got done
"""

import asyncio
import resource
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

at, seconds, addresses = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
host, port = at.rsplit(":", 1)
end = time.monotonic() + seconds
done: Counter[str] = Counter()
trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
HELLO = bytes.fromhex("16030100ff010000fb0303")  # the beginning of a ClientHello
WRONG = b'{"password": "AAAAAAAAAAAA", "name": "c", "protocol": 1}'


async def connect(address: str, tls: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port, ssl=trusting if tls else None, local_addr=(address, 0))


async def silence(address: str) -> None:
    """190 connections that say nothing."""
    held = []
    while time.monotonic() < end:
        while len(held) < 190:
            held.append(await connect(address, tls=False))
            done["silent"] += 1
        await asyncio.sleep(0.5)
        held = [pair for pair in held if not pair[0].at_eof()]


async def never_ends(address: str) -> None:
    """A handshake that comes a byte at a time."""
    _, out = await connect(address, tls=False)
    done["handshakes without an end"] += 1
    out.write(HELLO)
    while time.monotonic() < end:
        out.write(b"\0")
        await out.drain()
        await asyncio.sleep(1)


async def dribble(address: str) -> None:
    """A request whose body comes a byte at a time."""
    _, out = await connect(address)
    done["slow bodies"] += 1
    out.write(b"POST /durable/join HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n")
    while time.monotonic() < end:
        out.write(b" ")
        await out.drain()
        await asyncio.sleep(1)


async def shake_hands(address: str) -> None:
    """Ten handshakes a second."""
    for _ in range(10):
        _, out = await connect(address)
        done["handshakes"] += 1
        out.close()
        await asyncio.sleep(0.1)


async def guess(address: str) -> None:
    """One wrong code after the other, each on the same connection."""
    into, out = await connect(address)
    while time.monotonic() < end:
        head = b"POST /durable/join HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(WRONG)
        out.write(head + WRONG)
        await into.readuntil(b"\r\n\r\n")
        await into.readexactly(len(b'{"detail":"another password"}'))
        done["guesses"] += 1


async def again(what: Callable[[str], Awaitable[None]], address: str) -> None:
    while time.monotonic() < end:
        with suppress(OSError, EOFError, ssl.SSLError, TimeoutError):
            await what(address)
            continue
        done["closed there"] += 1
        await asyncio.sleep(0.2)


async def main() -> None:
    kinds = [silence] * 6 + [guess] + [shake_hands] * 10 + [never_ends] * 7 + [dribble] * 6
    attacks = [again(kinds[number % len(kinds)], address) for number, address in enumerate(addresses)]
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*attacks), seconds)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 8192, hard))
socket.setdefaulttimeout(5)
asyncio.run(main())
print(*(f"{what} {number}" for what, number in sorted(done.items())), sep=", ")

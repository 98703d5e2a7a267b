#!/usr/bin/env python3
"""Passes on what comes to a port, as ssh -L does: forward.py FROM TO"""

import asyncio
import contextlib
import sys

FROM, TO = map(int, sys.argv[1:])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there = await asyncio.open_connection("127.0.0.1", TO)
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))


async def main() -> None:
    async with await asyncio.start_server(forward, "127.0.0.1", FROM) as server:
        await server.serve_forever()


asyncio.run(main())

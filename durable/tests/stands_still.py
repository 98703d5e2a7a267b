"""For test_port_flood.py: `python -m durable port …`, and into the file LAG for how long its event loop stood still.

stands_still.py LAG ARGUMENT…    LAG: a file with the longest time in seconds; whoever deletes it begins anew
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from prefect.server.database.configurations import AioSqliteConfiguration

from durable.port import server

TICK = 0.01  # seconds


async def measure(lag: Path) -> None:
    """What the process worked itself, so that a machine that is busy with something else does not count."""
    longest = 0.0
    while True:
        wall, own = time.perf_counter(), time.process_time()
        await asyncio.sleep(TICK)
        stood = min(time.perf_counter() - wall - TICK, time.process_time() - own)
        if not lag.exists():
            longest = 0.0
        if stood > longest or not lag.exists():
            longest = max(longest, stood)
            lag.write_text(f"{longest:.4f}")


begin = AioSqliteConfiguration.begin_transaction


def begin_transaction(self: Any, session: Any, with_for_update: bool = False) -> Any:
    """Else SQLite answers some submits with "database is locked", and their clients wait for seconds."""
    return begin(self, session, with_for_update=True)


AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign]
startup = server.First.startup


async def startup_and_measure(self: server.First, sockets: object = None) -> None:
    await startup(self, None)
    self.measuring = asyncio.create_task(measure(Path(sys.argv[1])))  # type: ignore[attr-defined]


server.First.startup = startup_and_measure  # type: ignore[method-assign, assignment]
sys.exit(server.main(sys.argv[2:]))

#!/usr/bin/env python3
"""Makes Prefect's database in a new SQLite file, with every migration and every block type.

    prepare_database.py FILE       called by scripts/setup.sh, once

A server that starts on a copy of it has neither to do: 13 to 15 s on a fresh database, 1.2 s of them the
block types.
"""

import asyncio
import os
import sys


async def prepare() -> None:
    """What the lifespan of the server's app does first (create_app in prefect/server/api/server.py)."""
    import prefect.plugins  # only now: its settings are read at the import
    from prefect.server.database import provide_database_interface
    from prefect.server.models.block_registration import run_block_auto_registration

    prefect.plugins.load_prefect_collections()
    database = provide_database_interface()
    await database.create_db()
    async with await database.session() as session:
        await run_block_auto_registration(session=session)


if __name__ == "__main__":
    os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{sys.argv[1]}"
    asyncio.run(prepare())

#!/usr/bin/env python3
"""Prefect's SQLite database itself, read-only: the file's path and the newest rows of task_run, or a query of yours.

SQL='select …'   any query that only reads
N=…              rows at the most (default 10; with SQL 1,000)
"""

import os
import sqlite3
import sys
import time

from rich.console import Console
from rich.table import Table

import workshop

# Prefect keeps a duration as the date that lies so long after the beginning of 1970.
NEWEST = """
select id, name, state_name, start_time, round((julianday(total_run_time) - 2440587.5) * 86400, 2) as seconds
from task_run order by created desc
"""
PATIENCE = 30  # seconds that a query may take


def main() -> int:
    query = os.environ.get("SQL")
    number = workshop.whole_number("N", 1000 if query else 10, 1, 100_000)
    if query is not None and not query.strip():
        workshop.fail("SQL is empty", "make db SQL='select count(*) from task_run'")
    path = workshop.HOME / "prefect" / "prefect.db"
    if workshop.REMOTE:
        workshop.fail("make db reads the local database, and REMOTE=1 uses another server", "make runs REMOTE=1")
    if not path.exists():
        workshop.fail(f"there is no database yet ({path})", "make ex1")
    try:
        # Percent-encoded: the path may hold spaces, ? and #.
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
        connection.execute("pragma query_only = on")
        no_other_file = {sqlite3.SQLITE_ATTACH: sqlite3.SQLITE_DENY}
        connection.set_authorizer(lambda action, *_: no_other_file.get(action, sqlite3.SQLITE_OK))
        deadline = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        cursor = connection.execute(query or NEWEST)
        rows = cursor.fetchmany(number)
    except (sqlite3.Error, sqlite3.Warning) as error:
        if str(error) == "interrupted":
            error = f"the query took more than {PATIENCE} s"
        workshop.fail(f"SQLite says: {error}", "make db SQL='select name, state_name from task_run'")
    print(path)
    table = Table(*[column[0] for column in cursor.description or []])
    for row in rows:
        table.add_row(*["" if value is None else str(value) for value in row])
    Console(width=None if sys.stdout.isatty() else 160).print(table, markup=False)
    if len(rows) == number and cursor.fetchone():
        print(f"… and more: make db N={number * 10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Prefect's database itself, read-only: where it is and the newest rows of task_run, or a query of yours.

SQL='select …'   any query that only reads
N=…              rows at the most (default 10; with SQL 1,000)
DB=…             the PostgreSQL server that the example was started with (else SQLite in WORKSHOP_HOME)
"""

import os
import sys

from rich.console import Console
from rich.table import Table

from durable.text import printable
from workshop_kit import database, state_files, workshop
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(own="make db", instead="make runs REMOTE=1")

SECONDS = {
    # Prefect keeps a duration as the date that lies so long after the beginning of 1970.
    "SQLite": "round((julianday(total_run_time) - 2440587.5) * 86400, 2)",
    "PostgreSQL": "round(extract(epoch from total_run_time), 2)",
}


def newest() -> str:
    seconds = SECONDS["PostgreSQL" if settings().postgresql else "SQLite"]
    columns = f"id, name, state_name, start_time, {seconds} as seconds"
    return f"select {columns} from task_run order by created desc"  # noqa: S608 - nothing that a person typed


def main() -> int:
    query = os.environ.get("SQL")
    number = workshop.whole_number("N", 1000 if query else 10, 1, 100_000)
    if query is not None and not query.strip():
        workshop.fail("SQL is empty", "make db SQL='select count(*) from task_run'")
    running = state_files.running_example()
    database.must_be_of(running)
    if not (running and running.docker) and not settings().postgresql and not database.path().exists():
        workshop.fail(f"there is no database yet ({database.path()})", "make ex1")
    try:
        columns, rows = database.ask(query or newest(), number + 1)
    except database.Failed as error:
        workshop.fail(str(error), "make db SQL='select name, state_name from task_run'")
    print(database.name())
    table = Table(*columns)
    for row in rows[:number]:
        table.add_row(*["" if value is None else printable(value) for value in row])
    Console(no_color=True, width=None if sys.stdout.isatty() else 160).print(table, markup=False)
    if len(rows) > number:
        print(f"… and more: make db N={number * 10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

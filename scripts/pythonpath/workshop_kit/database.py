"""Where Prefect keeps the runs: SQLite in WORKSHOP_HOME, or the PostgreSQL server that DB names. Reads only.

The password in DB goes to the Prefect server's process and nowhere else: not to the task servers, whose settings travel
with every run, and not into a message.
"""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from workshop_kit import state_files, workshop
from workshop_kit.settings import settings

PATIENCE = 10  # seconds that a query may take
CONNECT = 4  # seconds to reach a PostgreSQL server in


def path() -> Path:
    """Of the SQLite database."""
    return settings().home / "prefect" / "prefect.db"


def connection_url() -> str | None:
    """For Prefect, which talks to PostgreSQL through SQLAlchemy and asyncpg; None for SQLite."""
    return settings().db.replace("postgresql://", "postgresql+asyncpg://", 1) if settings().postgresql else None


class Failed(Exception):
    """A database that is unreachable, or a query it refuses: one line, without the password."""


def without_password(text: str) -> str:
    """The text with every spelling of DB's password made unreadable."""
    try:
        password = urlsplit(settings().db).password
    except ValueError:  # no address at all: nothing of it may show
        return text.replace(settings().db, "…") if settings().db else text
    for spelling in {password, unquote(password or ""), quote(unquote(password or ""), safe="")}:
        if spelling:
            text = text.replace(spelling, "…")
    return text


def name() -> str:
    """What to call the database in front of people: its path, or its address without the password."""
    if (running := state_files.running_example()) and running.docker:
        return "the database of the container `prefect`"
    if not settings().postgresql:
        return str(path())
    address = urlsplit(settings().db)
    return f"postgresql://{address.hostname or 'localhost'}:{address.port or 5432}{address.path}"


def must_be_of(running: state_files.RunningExample | None) -> None:
    """Exits 2 if the example that runs keeps its runs in PostgreSQL, and nobody has said in which."""
    if running and running.postgresql and not running.docker and not settings().postgresql:
        workshop.fail(f"example {running.ex} keeps its runs in PostgreSQL", "run the same command with the same DB=…")


def ask(query: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns and up to `limit` rows of a query that only reads. Raises Failed."""
    if (running := state_files.running_example()) and running.docker:
        return ask_in_container(query, limit)
    return ask_postgresql(query, limit) if settings().postgresql else ask_sqlite(query, limit)


def ask_in_container(query: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """There the database is a file in a volume, or an address that only a container knows."""
    command = [
        "docker",
        "compose",
        "exec",
        "-T",
        "prefect",
        "docker/entrypoint.sh",
        "python",
        "-P",
        "-m",
        "workshop_kit.database",
    ]
    done = subprocess.run(command, input=json.dumps([query, limit]), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed((done.stderr.strip() or "no message").splitlines()[-1])
    columns, rows = json.loads(done.stdout)
    return columns, rows


def ask_sqlite(query: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        # Percent-encoded: the path may hold spaces, ? and #.
        connection = sqlite3.connect(f"{path().as_uri()}?mode=ro", uri=True, timeout=5)
        connection.execute("pragma query_only = on")
        no_other_file = {sqlite3.SQLITE_ATTACH: sqlite3.SQLITE_DENY}
        connection.set_authorizer(lambda action, *_: no_other_file.get(action, sqlite3.SQLITE_OK))
        deadline = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        cursor = connection.execute(query)
        return [column[0] for column in cursor.description or []], cursor.fetchmany(limit)
    except (sqlite3.Error, sqlite3.Warning) as error:
        what = f"the query took more than {PATIENCE} s" if str(error) == "interrupted" else str(error)
        raise Failed(f"SQLite says: {what}") from error


def ask_postgresql(query: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """In a thread of its own, because looking up a host's name cannot be interrupted."""
    import asyncio  # these two only when they are needed: every start of an example imports this file

    import asyncpg

    answer: list[Any] = []

    async def converse() -> None:
        connection = await asyncpg.connect(settings().db, timeout=CONNECT, command_timeout=PATIENCE)
        answer.append("connected")
        try:
            async with connection.transaction(readonly=True):
                statement = await connection.prepare(query)
                rows = await (await statement.cursor()).fetch(limit)
            answer.append(([column.name for column in statement.get_attributes()], [tuple(row) for row in rows]))
        finally:
            await connection.close(timeout=1)

    def run() -> None:
        try:
            asyncio.run(converse())
        except BaseException as error:  # whatever it is, it is said in one line below
            answer.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(CONNECT + 0.5)
    if answer:  # connected: the query may take its time
        thread.join(PATIENCE + 5)
    if not answer or answer[-1] == "connected":
        raise Failed(f"the PostgreSQL server of DB did not answer within {CONNECT if not answer else PATIENCE} s")
    if isinstance(answer[-1], BaseException):
        error = answer[-1]
        if isinstance(error, TimeoutError):
            raise Failed(f"the PostgreSQL server of DB did not answer within {CONNECT} s") from error
        raise Failed(without_password(f"PostgreSQL says: {error or type(error).__name__}")) from error
    return answer[-1]


if __name__ == "__main__":  # in a container: see ask_in_container
    try:
        print(json.dumps(ask(*json.load(sys.stdin)), default=str))
    except Failed as failed:
        sys.exit(str(failed))

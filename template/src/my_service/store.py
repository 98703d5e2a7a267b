"""The users and what was done for them, in SQLite. Put your own database here: see what each function promises."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

from my_service import settings

CLAIM_SECONDS = 10  # after which an address is free again, if what claimed it has died
SCHEMA = """create table if not exists user (id text primary key, email text unique, name text, lapses real);
create table if not exists done (user_id text, what text, detail text, primary key (user_id, what));"""


class AddressTaken(Exception):
    """Somebody has this address, or is signing up with it now."""


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """All of it or nothing. Raises sqlite3.OperationalError when the file is missing, full, or locked for 2 s."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(settings.data / "users.db", timeout=2)) as database:
        database.executescript(f"pragma journal_mode=wal; {SCHEMA} begin immediate;")
        with database:  # commits, or rolls back
            yield database


@contextmanager
def new_user(email: str, name: str) -> Iterator[str]:
    """The id of a user who is there when the block ends well, and never was when it does not. Raises AddressTaken."""
    user_id, now = str(uuid4()), time.time()
    user = (user_id, email, name, now + CLAIM_SECONDS)  # claimed before the block: of two at once one wins
    with transaction() as database:
        database.execute("delete from user where email = ? and lapses < ?", (email, now))
        if not database.execute("insert or ignore into user values (?, ?, ?, ?)", user).rowcount:
            raise AddressTaken(email)
    try:
        yield user_id
        with transaction() as database:
            if not database.execute("update user set lapses = null where id = ?", (user_id,)).rowcount:
                raise AddressTaken(email)  # the block took too long, and another has it
    except BaseException:
        with transaction() as database:
            database.execute("delete from user where id = ?", (user_id,))
        raise


def wait_for(user_id: str, seconds: float = 5) -> bool:
    """Whether the user is there: a moment after the tasks were handed over, or never."""
    for _ in range(int(seconds * 20)):
        with transaction() as database:
            if database.execute("select 1 from user where id = ? and lapses is null", (user_id,)).fetchone():
                return True
        time.sleep(0.05)
    return False


def do_once(user_id: str, what: str, detail: str) -> bool:
    """Note that it was done for the user. False if it was noted before: the second time has no effect."""
    with transaction() as database:
        return bool(database.execute("insert or ignore into done values (?, ?, ?)", (user_id, what, detail)).rowcount)


def done_for(user_id: str) -> list[str]:
    with transaction() as database:
        return [what for (what,) in database.execute("select what from done where user_id = ? order by 1", (user_id,))]

"""Who has joined a port: a session each, of whose token only the hash is kept, and the record of its task server."""

import asyncio
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable.joining import write_private
from durable.records import Record

LEASE = 20  # seconds without a word after which a task server's session ends: four heartbeats
MARGIN = 5  # seconds more, after a start of the Prefect server: first its clients must find it again
FORGOTTEN = 7 * 24 * 3600  # seconds, a week: the same for a machine's commands, whose laptop sleeps
MOST = 1000  # sessions at once, a large workshop's; of more, the oldest commands' of the crowd's address end


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def lease_expired(last_heartbeat: float, lease: float, now: float) -> bool:
    """last_heartbeat, now: by the same clock. A lease still lasts at the very moment of its end."""
    return now - last_heartbeat > lease


@dataclass
class Session:
    """A machine's commands, or one task server on it."""

    digest: str
    machine: str  # its name here; another machine with the same has a number behind it
    identity: str  # what tells machines apart
    server: str  # the name of the task server; empty for commands
    address: str
    prefect: str
    python: str
    since: float  # seconds since 1970
    last_heartbeat: float  # seconds, by the clock of Sessions
    record_file: str = ""
    pid: int = 0  # of its task server, there
    lease: float = float(FORGOTTEN)  # seconds; never changed, because its task server counts on it
    record: Record | None = None
    received: int = 0  # the number of the last line for the record
    sent: dict[str, str] = field(default_factory=dict)  # runs that the queue sent to it → the states that queued them
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    shown: float = 0.0  # when it was last written down that it was heard of

    @property
    def name(self) -> str:
        return f"{self.server} on {self.machine}" if self.server else self.machine

    @property
    def origin(self) -> tuple[str, str]:
        """The machine: what it says that it is, and where that was said."""
        return self.identity, self.address

    @property
    def alive(self) -> bool:
        return not self.ended.is_set()


KEPT = (
    "digest",
    "machine",
    "identity",
    "server",
    "address",
    "prefect",
    "python",
    "since",
    "record_file",
    "pid",
    "lease",
)


class Sessions:
    """All of them, also in a file, so that a Prefect server that starts again knows whom it has let in.

    That is the fence, and this process alone ends a lease, by its own monotonic clock. From then on the token is
    refused, websockets are closed, nothing is written into the record, and the rescuer takes its process for dead. A
    late message also ends an expired session.
    """

    def __init__(
        self,
        path: Path,
        records: Path,
        machine: str,
        lease: float = LEASE,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """machine: this one's name, which no other can have. clock: seconds, by which leases begin and end."""
        self.path, self.records, self.machine, self.lease, self.clock = path, records, machine, lease, clock
        self._all: dict[str, Session] = {}
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            for kept in json.loads(path.read_text()):
                session = Session(**{name: kept[name] for name in KEPT}, last_heartbeat=clock())
                with suppress(FileNotFoundError):
                    if session.record_file:
                        session.record = Record.again(records / session.record_file)
                    self._all[session.digest] = session
        ours = {session.record_file for session in self}
        for mark in records.glob("*.leased"):  # of sessions that nobody knows any more
            if mark.with_suffix(".jsonl").name not in ours:
                mark.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._all.values()))

    def save(self) -> None:
        kept = [{name: getattr(session, name) for name in KEPT} for session in self._all.values()]
        write_private(self.path, json.dumps(kept))

    def begin(self, machine: str, identity: str, **about: Any) -> tuple[str, Session]:
        """A new session and its token."""
        if len(self._all) >= MOST and (old := [each for each in self if not each.server]):
            crowd = Counter(each.address for each in old)  # who joins without end loses sessions of its own
            self.end(min(old, key=lambda each: (-crowd[each.address], each.last_heartbeat)))
        token = secrets.token_urlsafe(32)
        name, now = self._unique(machine, identity), self.clock()
        session = Session(digest(token), name, identity, "", since=time.time(), last_heartbeat=now, **about)
        self._all[session.digest] = session
        self.save()
        return token, session

    def serves(self, session: Session, server: str, pid: int, after: int, **about: Any) -> None:
        """From now on it is a task server's, with a record.

        after: the process on that machine that had this name before and is dead, as what keeps them says; or 0.
        """
        for other in self:
            same = other.origin == session.origin
            if after and same and (other.server, other.pid) == (server, after):
                self.end(other)
        session.server, session.pid, session.lease = server, pid, self.lease
        session.record = Record(self.records, session.name, host=session.machine, pid=pid, lease=self.lease, **about)
        assert session.record.path
        session.record_file = session.record.path.name
        self.save()

    def _unique(self, machine: str, identity: str) -> str:
        taken = {self.machine: ""} | {session.machine: session.identity for session in self}
        for name, known in taken.items():
            if known == identity:
                return name
        number, name = 1, machine
        while name in taken:
            number += 1
            name = f"{machine}-{number}"
        return name

    def find(self, token: str) -> Session | None:
        """The live session of a token, which has been heard of by that."""
        session = self._all.get(digest(token))
        return session if session and self.heartbeat(session) else None

    def heartbeat(self, session: Session) -> bool:
        """Its machine sent a heartbeat: the lease begins again. False if it is over by now."""
        now = self.clock()
        if self.is_valid(session):
            session.last_heartbeat = max(session.last_heartbeat, now)
            if session.record and now - session.shown > 1:
                session.shown = now
                session.record.touch_lease()
        return session.alive

    def is_valid(self, session: Session) -> bool:
        """Whether its lease lasts; one that has passed ends here. It is not heard of by this."""
        if session.alive and lease_expired(session.last_heartbeat, session.lease, self.clock()):
            self.end(session)
        return session.alive

    def grant_restart_margin(self) -> None:
        """Others can reach this process from now on: who is known has a whole lease and a margin to be heard of."""
        for session in self:
            session.last_heartbeat = self.clock() + MARGIN

    def forget_commands(self) -> None:
        """At the end of this process: those of task servers last, in case that it starts again in time."""
        for session in self:
            if not session.server:
                self.end(session)

    def end(self, session: Session) -> None:
        """Its token is refused and its websockets close; what its task server had in flight is the rescuer's."""
        self._all.pop(session.digest, None)
        session.ended.set()
        if session.record:
            session.record.close()
        with suppress(OSError):  # a full disk: without the file of its lease it is over after a new start, too
            self.save()

    def end_expired(self) -> list[Session]:
        """End those that nothing was heard of for too long; returns them."""
        now = self.clock()
        silent = [each for each in self if lease_expired(each.last_heartbeat, each.lease, now)]
        for session in silent:
            self.end(session)
        return silent

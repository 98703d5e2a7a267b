"""What the lines of task servers on other machines become in their records here, and what is told of these records."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from durable.load_sharing import Peers, peers
from durable.port.output import say
from durable.port.policy import BODY, EVENTS, needed_end, needed_id
from durable.record_folder import RecordFolder, lease_of
from durable.records import Records
from durable.run_history import How
from durable.sessions import Session, Sessions
from durable.tls import Refusal, short

DAY = 24 * 3600  # seconds
SENT = 10_000  # runs that are known to have been sent to a session, the newest: all but a few have begun
NO_SESSION = "no session here: join with the code"


def need_alive(sessions: Sessions, session: Session) -> None:
    """Raises Refusal if its lease ended meanwhile, such as while a body came: others have its runs by then."""
    if not sessions.is_valid(session):
        raise Refusal(401, NO_SESSION)


class RecordWriter:
    """The records of all task servers that have joined, to write into."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._found = Records(sessions.records, newer_than=time.time() - 300)
        self._finding = asyncio.Lock()

    async def write(self, session: Session, lines: Any) -> dict[str, Any]:
        """Append to the record of the session's task server; answer which starts must not be run, and why.

        Answers the session's lease, too, in seconds. Raises Refusal: for lines that are not a task server's, when the
        lease ends meanwhile, and when the disk is full.
        """
        if not isinstance(lines, list):
            raise Refusal(422, "no lines of a task server")
        refused = {}
        for line in lines:
            need_alive(self._sessions, session)
            if not isinstance(line, dict):
                raise Refusal(422, "no line of a task server")
            if "keys" in line:
                self._begin_record(session, line)
                continue
            if not session.record:
                raise Refusal(409, "first the keys that it serves")
            if not isinstance(line.get("event"), str):
                raise Refusal(400, "no name of an event")
            written: dict[str, Any] = {"event": line["event"]}
            if written["event"] not in EVENTS:
                raise Refusal(422, "no event of a task server")
            if written["event"] in ("start", "end"):
                written["run"] = needed_id(line.get("run"))
            if written["event"] == "start":
                written["state"] = needed_id(line.get("state"))
                written["parameters"] = needed_id(line["parameters"]) if line.get("parameters") else None
            if written["event"] == "end":
                if line.get("state"):
                    written["state"] = needed_id(line["state"])
                written["how"] = How.of(line["how"]) if isinstance(line.get("how"), str) else How.RETURNED
                if line.get("ended") is not None:
                    written["ended"] = needed_end(line["ended"])
                session.sent.pop(written["run"], None)
            if written["event"] == "start" and not await self._has(session, written["run"], written["state"]):
                refused[written["run"]] = "it was not sent to this task server"
                continue
            number = line.get("n")
            if not isinstance(number, int):
                raise Refusal(422, "a line without a number")
            try:
                if number > session.received:  # it may come again, when our answer was lost
                    session.record.write(must=written["event"] == "start", **written)
                    session.received = number
            except OSError as error:
                raise Refusal(507, f"the records cannot be written there ({error.strerror})") from None
            if written["event"] == "start":
                why = await self.why_refuse(session, written["run"], written["state"])
                if why:
                    refused[written["run"]] = why
        return {"refused": refused, "lease": session.lease}

    def _begin_record(self, session: Session, line: dict[str, Any]) -> None:
        keys, limit = line["keys"], line.get("limit")
        pid, after = (line[name] if isinstance(line.get(name), int) else 0 for name in ("pid", "after"))
        name = short(line.get("server", "")) or "task server"
        if session.record:  # it comes again
            if (session.server, session.pid) != (name, pid):
                raise Refusal(422, "this session is another task server's: each joins by itself")
            return
        if not isinstance(keys, list) or len(keys) > 1000:
            raise Refusal(422, "no keys of a task server")
        if limit is not None and not isinstance(limit, int):
            raise Refusal(422, "no limit of a task server")
        keys = [short(key, 300) for key in keys]
        self._sessions.serves(session, name, pid, after, keys=keys, limit=limit)
        say(f"{session.name} serves")

    def note_sent(self, session: Session, text: str) -> None:
        """Of a message of Prefect's queue to the session's task server."""
        message = orjson.loads(text)
        if isinstance(state := message.get("state"), dict):
            for each in self._sessions:  # who had it before, and lost it
                each.sent.pop(message["id"], None)
            session.sent[message["id"]] = state["id"]
            if len(session.sent) > SENT:
                del session.sent[next(iter(session.sent))]

    async def _has(self, session: Session, run: str, state: str) -> bool:
        """Whether that run was sent to it; where this process has started again meanwhile, whether it is on record."""
        if session.sent.get(run) == state:
            return True
        assert session.record
        async with self._finding:
            await self._find()
            history = self._found.runs.get(run)
            starts = history.starts if history else []
            return any(
                (start.by.path, start.state, start.ended) == (session.record.path, state, None) for start in starts
            )

    async def has_run(self, session: Session, run: str | None) -> bool:
        """Whether its task server has that run, or any: sent and not ended, or on record as begun."""
        if not session.record or not session.record.path:
            return False
        if run in session.sent or (not run and session.sent):
            return True
        under_way = await asyncio.to_thread(begun, session.record.path)
        return run in under_way if run else bool(under_way)

    async def peers(self, session: Session) -> Peers:
        """Who is there besides the session's task server."""
        if not session.record:
            raise Refusal(409, "first the keys that it serves")
        async with self._finding:
            await self._find()
            path, processes = session.record.path, self._found.processes
            keys = processes[path].keys if path in processes else frozenset()
            return peers(processes.values(), keys, path, time.time())

    async def _find(self) -> None:
        """In a thread: a folder of many records is no reason for the Prefect server to wait."""
        with suppress(OSError):
            await asyncio.to_thread(self._found.read)
        self._found.forget(300)

    async def why_refuse(self, session: Session, run: str, state: str) -> str | None:
        """Why that run, sent to its task server in that state, is another's by now; or None."""
        assert session.record
        async with self._finding:
            await self._find()
            history = self._found.runs.get(run)
            return history.why_refused(state, own=session.record.path) if history else None


def begun(path: Path) -> set[str]:
    """The runs of which a start without an end stands in that record."""
    runs: set[str] = set()
    with suppress(OSError, ValueError):
        for text in path.read_bytes().splitlines():
            line = orjson.loads(text)
            if line.get("event") == "start":
                runs.add(line["run"])
            elif line.get("event") == "end":
                runs.discard(line["run"])
    return runs


def lines_since(folder: Path, offsets: Any) -> dict[str, Any]:
    """What was written into the records since, for a board on another machine; a megabyte at the most at once.

    offsets: how much is known of each file, in bytes. Files of the dead, which nobody asks about any more, are left
    out when they have not been written for a day. Raises Refusal if they are no places. "alive" names the files of the
    processes that live: a copy has neither their locks nor their leases.
    """
    if not isinstance(offsets, dict):
        raise Refusal(422, "no places in files")
    if not all(isinstance(begin, int) and 0 <= begin < 2**63 for begin in offsets.values()):
        raise Refusal(400, "a place in a file is a number of bytes")
    files = {path.name: path for path in folder.glob("*.jsonl")}
    found: dict[str, str] = {}
    left = BODY
    for name, path in sorted(files.items()):
        begin = offsets.get(name, 0)
        if left > 0:
            with suppress(OSError), path.open("rb") as file:
                if not begin and os.fstat(file.fileno()).st_mtime < time.time() - DAY:
                    continue
                file.seek(begin)
                text = file.read(left)
                text = text[: text.rfind(b"\n") + 1]
                left -= len(text)
                if text:
                    found[name] = text.decode(errors="replace")
    heard: dict[str, float] = {}  # of those with a lease: seconds since
    for name, path in files.items():
        with suppress(FileNotFoundError):
            heard[name] = max(0.0, time.time() - lease_of(path).stat().st_mtime)
    locks = RecordFolder(folder)
    alive = []
    for name in files:
        path = locks.folder / name
        if locks.lives(path):
            alive.append(name)
        locks.close(path)
    gone = [name for name in offsets if name not in files]
    return {"files": found, "gone": gone, "more": left <= 0, "heard": heard, "alive": alive}

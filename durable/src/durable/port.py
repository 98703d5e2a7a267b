"""One port for other machines: TLS, a code, sessions, and a list of what may pass.

`python -m durable port` runs the Prefect server on loopback as before, and in the same process, for the same
application, a second port with this in front. So the queue stays one, websockets work as they are, and there is no
proxy. What goes through:

- `/api/health` for all. With the code: /durable/join, which answers with a token. With a token: ROUTES and WEBSOCKETS
  below, which is what submitting, serving, following runs and the pages of the UI need.
- State data only of results that are plain JSON (plain.py): Prefect imports what other data name.
- /durable/storage: parameters and results. /durable/records: who runs what, for the rescuer on this machine.
"""

import argparse
import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.settings import get_current_settings

from durable.joining import PORT, PROTOCOL, code_of, write_private
from durable.link import (
    App,
    Beside,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    answer,
    body_of,
    config,
    listener,
    need_password,
    parsed_body,
    password_in,
    short,
    token_of,
)
from durable.plain import KEY, need_plain_metadata, plain_record
from durable.records import Records, lease_of
from durable.rescuing import PAGE, runs_in
from durable.sessions import LEASE, Session, Sessions
from durable.shape import LARGEST, NotPlain, parsed
from durable.storage import Folder, place

BODY = 1_000_000  # bytes of a request to Prefect's API, or of a message on a websocket
DAY = 24 * 3600
UNDER_WAY = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING)
ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
RUNS = "(task_runs|flow_runs|flows|logs|artifacts|events|task_workers)"
ROUTES = {
    "GET": [
        "/api/(health|ready|version|hello)",
        "/api/admin/version",
        f"/api/(task_runs|flow_runs|flows|task_run_states|flow_run_states)/{ID}(/graph|/graph-v2)?",
        "/api/(task_run_states|flow_run_states)/",
        "/api/csrf-token",
    ],
    "POST": [
        "/api/task_runs/",
        f"/api/task_runs/{ID}/set_state",
        "/api/logs/",
        f"/api/{RUNS}/(filter|count|history|lateness|paginate)",
        f"/api/ui/{RUNS}/[a-z/-]+",
        "/api/v2/concurrency_limits/(increment|decrement|increment-with-lease|decrement-with-lease)",
        f"/api/v2/concurrency_limits/leases/{ID}/renew",
        "/api/events/count-by/[a-z-]+",
    ],
}
# What the pages of the UI ask for wherever they are, and this port tells nothing of.
NOTHING = {
    "/api/admin/settings": {"server": {"analytics_enabled": False}},
    **{
        f"/api/{what}/filter": []
        for what in ("saved_searches", "deployments", "work_pools", "work_queues", "automations")
    },
    **{f"/api/{what}/count": 0 for what in ("deployments", "work_pools", "automations")},
    "/api/deployments/paginate": {"results": [], "count": 0, "limit": 0, "pages": 0, "page": 1},
}
ALLOWED = {method: re.compile("|".join(f"(?:{path})" for path in paths)) for method, paths in ROUTES.items()}
WEBSOCKETS = {"/api/task_runs/subscriptions/scheduled", "/api/events/in", "/api/events/out", "/api/logs/out"}
EVENTS = {"start", "end", "up", "away"}  # what a task server may write into its record
NO_SESSION = "no session here: join with the code"
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
HOW = {"returned", "refused", "given back", "unreadable", "timed out"}


# --- what may pass ----------------------------------------------------------------------------------


def need_plain_states(value: Any) -> None:
    """Of what is passed on to Prefect. Raises NotPlain for a state, wherever it stands, with data that may not pass.

    Prefect takes the state of a run from an event's payload, too, and from the task run in it.
    """
    for name, each in value.items() if isinstance(value, dict) else ():
        if name.endswith("state") and isinstance(each, dict) and each.get("data") is not None:
            need_plain_metadata(each["data"])
        need_plain_states(each)
    for each in value if isinstance(value, list) else ():
        need_plain_states(each)


def need_plain_event(event: Any) -> None:
    """Of a message to /events/in. Raises NotPlain. The first may be Prefect's greeting, or, without one, an event."""
    name = event.get("event", "") if isinstance(event, dict) else None
    if not isinstance(name, str):
        raise NotPlain("it is no event")
    if name.startswith("prefect.") and not name.startswith("prefect.task-run."):
        raise NotPlain(f"events {name[:60]!r} are not a task server's")
    need_plain_states(event)


def need_no_patterns(question: Any) -> None:
    """Of a question for events. Raises NotPlain where it has `labels`, wherever they stand.

    Prefect takes what is asked for there as patterns, in its event loop (`matches` in server/events/schemas/events.py):
    Python's fnmatch takes 8 s to read 20,000 brackets, and four times as long for twice as many.
    """
    for name, each in question.items() if isinstance(question, dict) else ():
        if name == "labels" and each is not None:
            raise NotPlain("events are not found by their labels here")
        need_no_patterns(each)
    for each in question if isinstance(question, list) else ():
        need_no_patterns(each)


# --- the port ---------------------------------------------------------------------------------------


def say(line: str) -> None:
    """A line for people. A terminal or a pipe that is gone is no reason to stop."""
    with suppress(OSError):
        print(line, flush=True)


class Port:
    """ASGI, in front of Prefect's application. storage: see storage.place()."""

    def __init__(self, app: App, sessions: Sessions, password: str, storage: Any) -> None:
        self.app, self.sessions, self.password, self.storage = app, sessions, password, storage
        self._found = Records(sessions.records, newer_than=time.time() - 300)
        self._finding = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except Refusal as refusal:
                await answer(send, refusal.status, {"detail": refusal.detail})
            except ConnectionError:
                pass

    def _session(self, scope: Scope) -> Session | None:
        return self.sessions.find(token_of(scope))

    def _need_alive(self, session: Session) -> None:
        """Raises Refusal if its lease ended meanwhile, such as while a body came: others have its runs by then."""
        if not self.sessions.holds(session):
            raise Refusal(401, NO_SESSION)

    async def _need_own(self, session: Session, key: str, content: bytes) -> None:
        """Raises Refusal for parameters that are there already, and for a result, unless a task server writes it again:
        cache keys are shared. The same content may come again, when our answer was lost.
        """
        if session.record and not key.startswith("parameters/"):
            return
        there = content
        with suppress(Exception):  # of any block's: it is not there, or writing it will fail, too
            there = await self.storage.aread(key)
        if there != content:
            raise Refusal(403, "it is there already, and is not yours")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Refusal; at the lease's end, too, if that comes while a body is still on its way."""
        method, path = scope["method"], scope["path"]
        if path == "/api/health" and method == "GET":
            return await self.app(scope, receive, send)
        if path == "/durable/join" and method == "POST":
            return await answer(send, 200, self._join(scope, parsed_body(await body_of(scope, receive, 10_000))))
        session = self._session(scope)
        if not session:
            raise Refusal(401, NO_SESSION)
        if path.startswith("/durable/"):
            return await self._own(session, method, path, scope, receive, send)
        if not path.startswith("/api/"):  # the pages of the UI
            if method not in ("GET", "HEAD"):
                raise Refusal(403, "not through this port")
            return await self.app(scope, receive, send)
        if path in NOTHING and method in ALLOWED:
            return await answer(send, 200, NOTHING[path])
        if method not in ALLOWED or not ALLOWED[method].fullmatch(path):
            raise Refusal(403, f"{method} {path[:200]} does not pass this port")
        if method == "GET":
            return await self.app(scope, receive, send)
        body = await body_of(scope, receive, BODY)
        self._need_alive(session)
        if body:
            checked = parsed_body(body, BODY)
            try:
                need_plain_states(checked)
                if path.startswith("/api/events/"):
                    need_no_patterns(checked)
            except NotPlain as error:
                raise Refusal(422, f"this may not pass: {error}") from None
            body = orjson.dumps(checked)  # what was looked at, and not what another parser may see in it
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"content-length"]}
            scope["headers"].append((b"content-length", str(len(body)).encode()))
        await self.app(scope, once(body, receive), send)

    # --- joining and leaving -----------------------------------------------------------------------

    def _join(self, scope: Scope, body: Any) -> Any:
        need_password(body, self.password)
        if body.get("protocol") != PROTOCOL:
            raise Refusal(409, "the two machines have different versions of durable")
        ours, theirs = version("prefect"), short(body.get("prefect", ""), 40)
        if theirs.split(".")[0] != ours.split(".")[0]:
            raise Refusal(409, f"Prefect is {ours} here and {theirs} there")
        token, session = self.sessions.begin(
            short(body.get("name")) or "?",
            short(body.get("machine", "")) or "?",
            address=(scope.get("client") or ("?",))[0],
            prefect=theirs,
            python=short(body.get("python", ""), 40),
        )
        say(f"{session.name} joined, from {session.address}")
        answer = {"token": token, "machine": self.sessions.machine, "name": session.machine, "prefect": ours}
        return answer | {"now": time.time()}

    async def end_silent(self) -> None:
        """Others can come in now. Look for those whose lease has ended, until cancelled."""
        self.sessions.opened()
        while True:
            await asyncio.sleep(0.5)
            for session in self.sessions:
                if session.record:
                    with suppress(OSError):  # what a full disk kept back
                        session.record.write_on()
            for session in self.sessions.end_silent():
                what = (
                    "its session is over, and what it ran runs again elsewhere" if session.server else "it is forgotten"
                )
                say(f"{session.name} was not heard of for {session.lease:g} s: {what}")

    # --- storage and records -------------------------------------------------------------------------

    async def _own(self, session: Session, method: str, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        _, _, what = path.removeprefix("/durable/").partition("/")
        if path.startswith("/durable/storage/") and KEY.fullmatch(what.removeprefix("parameters/")):
            if method == "GET":
                return await self._read(what, send)
            if method == "PUT":
                return await self._write(session, what, await body_of(scope, receive, LARGEST), send)
        elif path == "/durable/session" and method == "DELETE":
            self.sessions.end(session)
            say(f"{session.name} has left")
            return await answer(send, 204)
        elif path == "/durable/machine" and method == "DELETE":
            for each in self.sessions:
                if (each.identity, each.address) == (session.identity, session.address):
                    self.sessions.end(each)
            say(f"{session.machine} has left")
            return await answer(send, 204)
        elif path == "/durable/session" and method == "PUT":
            return await answer(send, 200, {"lease": session.lease, "now": time.time()})
        elif path == "/durable/sessions" and method == "GET":
            return await answer(send, 200, self.told())
        elif path == "/durable/records" and method == "POST":
            lines = parsed_body(await body_of(scope, receive, BODY), BODY)
            self._need_alive(session)
            return await answer(send, 200, await self._write_lines(session, lines))
        elif path == "/durable/records/since" and method == "POST":
            offsets = parsed_body(await body_of(scope, receive, BODY), BODY)
            return await answer(send, 200, await asyncio.to_thread(lines_since, self.sessions.records, offsets))
        raise Refusal(404, "there is nothing here")

    def told(self) -> list[dict[str, Any]]:
        """The sessions, for people."""
        now = self.sessions.clock()
        names = ("name", "machine", "server", "address", "prefect", "python", "since")
        return [{name: getattr(each, name) for name in names} | {"heard": now - each.heard} for each in self.sessions]

    async def _read(self, key: str, send: Send) -> None:
        try:
            content = await self.storage.aread(key)
        except (FileNotFoundError, ValueError):  # ValueError: of Prefect's LocalFileSystem
            raise Refusal(404, "no such file") from None
        except Exception as error:  # of any block's
            raise self._storage_failed(error) from None
        await answer(send, 200, content)

    @staticmethod
    def _storage_failed(error: Exception) -> Refusal:
        why = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        say(f"the storage failed: {why}")
        return Refusal(503, "the storage there failed")

    async def _write(self, session: Session, key: str, content: bytes, send: Send) -> None:
        try:
            content = plain_record(content, key)
        except NotPlain as error:
            raise Refusal(422, f"only plain JSON may pass: {error}") from None
        self._need_alive(session)
        await self._need_own(session, key, content)
        try:
            if not isinstance(self.storage, Folder):
                await self.storage.awrite(key, content)
                self._need_alive(session)
            elif not self.storage.write(key, content, wanted=lambda: self.sessions.holds(session)):
                raise Refusal(401, "this session is over")
        except OSError as error:
            raise Refusal(507, f"it cannot be written there ({error.strerror})") from None
        except Refusal:
            raise
        except Exception as error:
            raise self._storage_failed(error) from None
        await answer(send, 204)

    async def _write_lines(self, session: Session, lines: Any) -> Any:
        """Append to the record of the session's task server; answer which starts must not be run, and why."""
        if not isinstance(lines, list):
            raise Refusal(422, "no lines of a task server")
        refused = {}
        for line in lines:
            self._need_alive(session)
            if not isinstance(line, dict):
                raise Refusal(422, "no line of a task server")
            if "keys" in line:
                self._begin_record(session, line)
                continue
            if not session.record:
                raise Refusal(409, "first the keys that it serves")
            written: dict[str, Any] = {"event": line.get("event")}
            if written["event"] not in EVENTS:
                raise Refusal(422, "no event of a task server")
            if written["event"] in ("start", "end"):
                written["run"] = needed_id(line.get("run"))
            if written["event"] == "start":
                written["state"] = needed_id(line.get("state"))
                written["parameters"] = needed_id(line["parameters"]) if line.get("parameters") else None
            if written["event"] == "end":
                written["how"] = line["how"] if line.get("how") in HOW else "returned"
                if line.get("ended") is not None:
                    written["ended"] = needed_end(line["ended"])
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
                why = await self._why_not(session, written["run"], written["state"])
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
        self.sessions.serves(session, name, pid, after, keys=keys, limit=limit)
        say(f"{session.name} serves")

    async def _why_not(self, session: Session, run: str, state: str) -> str | None:
        assert session.record
        async with self._finding:  # in a thread: a folder of many records is no reason for the Prefect server to wait
            with suppress(OSError):
                await asyncio.to_thread(self._found.read)
            self._found.forget(300)
            story = self._found.runs.get(run)
            return story.why_refused(state, but=session.record.path) if story else None

    # --- websockets -----------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._session(scope)
        if not session or scope["path"] not in WEBSOCKETS:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        over = asyncio.ensure_future(session.ended.wait())
        look = {"/api/events/in": need_plain_event, "/api/events/out": need_no_patterns}.get(scope["path"])
        arriving: asyncio.Future[Message] | None = None  # Prefect looks for a message and gives up again

        async def receive_checked() -> Message:
            nonlocal arriving
            arriving = arriving or asyncio.ensure_future(receive())
            either: set[asyncio.Future[Any]] = {arriving, over}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not arriving.done():
                return await shut("this session is over")
            message, arriving = arriving.result(), None
            if message["type"] != "websocket.receive":
                return message
            if not self.sessions.heard(session):
                return await shut("this session is over")
            text = message.get("text") or message.get("bytes") or b""
            try:
                checked = parsed(text, BODY)
                if look:
                    look(checked)
            except NotPlain as error:
                return await shut(f"this may not pass: {error}")
            return {"type": "websocket.receive", "text": orjson.dumps(checked).decode()}

        shut_down = False

        async def shut(why: str) -> Message:
            nonlocal shut_down
            if not shut_down:
                shut_down = True
                with suppress(RuntimeError, OSError):
                    await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
            return {"type": "websocket.disconnect", "code": 1008}

        async def send_unless_shut(message: Message) -> None:
            if shut_down:
                raise OSError("closed")  # by which starlette, and so Prefect, knows: the run goes back
            await send(message)

        try:
            await self.app(scope, receive_checked, send_unless_shut)
        finally:
            over.cancel()
            if arriving:
                arriving.cancel()


def needed_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(ID, value):
        raise Refusal(422, "no id of a run or a state")
    return value


def needed_end(value: Any) -> dict[str, Any]:
    """A final state, as calls.end_as_line() writes it, with plain data. Raises Refusal."""
    if not isinstance(value, dict) or value.get("type") not in ENDS or not isinstance(value.get("message"), str):
        raise Refusal(422, "no end of a run")
    if value.get("data") is not None:
        try:
            need_plain_metadata(value["data"])
        except NotPlain as error:
            raise Refusal(422, f"this may not pass: {error}") from None
    name = short(value.get("name"))
    return {"type": value["type"], "name": name, "message": value["message"][:2000], "data": value.get("data")}


def once(body: bytes, receive: Receive) -> Receive:
    """A receive() that has this body first, for the application behind."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def lines_since(folder: Path, offsets: Any) -> dict[str, Any]:
    """What was written into the records since, for a board on another machine; a megabyte at the most at once.

    offsets: how much is known of each file, in bytes. Files of the dead, which nobody asks about any more, are left
    out when they have not been written for a day.
    """
    if not isinstance(offsets, dict):
        raise Refusal(422, "no places in files")
    files = {path.name: path for path in folder.glob("*.jsonl")}
    found: dict[str, str] = {}
    room = BODY
    for name, path in sorted(files.items()):
        begin = offsets.get(name, 0)
        if room > 0 and isinstance(begin, int) and begin >= 0:
            with suppress(OSError), path.open("rb") as file:
                if not begin and os.fstat(file.fileno()).st_mtime < time.time() - DAY:
                    continue
                file.seek(begin)
                text = file.read(room)
                text = text[: text.rfind(b"\n") + 1]
                room -= len(text)
                if text:
                    found[name] = text.decode(errors="replace")
    heard: dict[str, float] = {}  # of those with a lease: seconds since
    for name, path in files.items():
        with suppress(FileNotFoundError):
            heard[name] = max(0.0, time.time() - lease_of(path).stat().st_mtime)
    return {"files": found, "gone": [name for name in offsets if name not in files], "more": room <= 0, "heard": heard}


# --- old files ----------------------------------------------------------------------------------------


async def delete_old(folder: Folder, api: str, seconds: float) -> int:
    """Delete parameters and results that were last written so long ago, but those of runs that have not ended.

    api: of the Prefect server, on loopback. Returns how many. Raises httpx.HTTPError when the API is away.
    """
    before = time.time() - seconds

    def find() -> list[Path]:
        found = []
        for path in folder.path.rglob("*"):
            with suppress(FileNotFoundError):  # it was exchanged, or deleted, in between
                if path.is_file() and path.stat().st_mtime < before:
                    found.append(path)
        return found

    old = await asyncio.to_thread(find)
    if not old:
        return 0
    wanted: set[str] = set()
    async with PrefectClient(api) as client:
        for run in await runs_in(client, *UNDER_WAY, step=PAGE // 2):
            # The id of its parameters stands in the state that queued it.
            answer = await client._client.get("/task_run_states/", params={"task_run_id": str(run.id)})
            for state in answer.json():
                wanted.add(state["state_details"].get("task_parameters_id") or "")
                wanted.add((state.get("data") or {}).get("storage_key") or "")
    gone = [path for path in old if path.name not in wanted]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


async def delete_old_now_and_then(folder: Folder, api: str, seconds: float) -> None:
    """Every hour, or more often where files are kept for less, until cancelled."""
    while True:
        await asyncio.sleep(min(3600, max(1, seconds / 10)))
        try:
            await delete_old(folder, api, seconds)
        except Exception as error:  # the API is busy, a file is another's: next time
            say(f"old files could not be deleted now ({error or type(error).__name__})")


# --- the process ----------------------------------------------------------------------------------------


class First(uvicorn.Server):
    """The Prefect server's own. The port is open only while its services run: an event before or after them is lost."""

    def __init__(self, config: uvicorn.Config, second: Beside, listener: socket.socket, port: Port) -> None:
        super().__init__(config)
        self._second, self._listener, self._port = second, listener, port
        self._serving: list[asyncio.Task[None]] = []
        self.broken = False  # whether a part of it has ended by itself

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._watched("the port for other machines", self._second.serve(sockets=[self._listener]))
        self._watched("the watch over the leases", self._port.end_silent())

    def _watched(self, what: str, part: Coroutine[Any, Any, None]) -> None:
        """Without one of its parts the process ends, and what keeps it starts it again."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and not self.should_exit:
                say(f"{what} has ended ({task.exception()!r}), so this process ends")
                self.broken = self.should_exit = True

        self._serving.append(asyncio.create_task(part))
        self._serving[-1].add_done_callback(ended)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._second.should_exit = self._second.force_exit = True
        if self._serving:
            serving, looking = self._serving
            looking.cancel()
            await asyncio.wait({serving, looking})
        self._port.sessions.forget_commands()
        await super().shutdown(sockets)


async def serve_both(options: argparse.Namespace) -> None:
    from prefect.server.api.server import create_app

    if (base := str(get_current_settings().server.api.base_path or "/api")) != "/api":
        what = f"PREFECT_SERVER_API_BASE_PATH={base} hides Prefect's API from the list of what may pass"
        print(f"error: {what}. Try: unset PREFECT_SERVER_API_BASE_PATH", file=sys.stderr)
        sys.exit(2)
    app = create_app(final=True)
    api = f"http://127.0.0.1:{options.prefect_port}/api"
    home = Path(options.folder).resolve()  # for place() a relative one could be a block, as type/name
    host, port = options.address.rsplit(":", 1)[0].strip("[]"), int(options.address.rsplit(":", 1)[1])
    password, storage = password_in(home), place(options.storage or str(home / "storage"))
    if isinstance(storage, Folder):
        storage.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    records = Path(options.records)
    records.mkdir(parents=True, exist_ok=True)
    sessions = Sessions(home / "sessions.json", records, socket.gethostname(), options.lease)
    front = Port(app, sessions, password, storage)
    # workers: else uvicorn reads WEB_CONCURRENCY, whatever stands there.
    common: dict[str, Any] = {"ws_ping_interval": 20, "ws_ping_timeout": 20, "workers": 1}
    own = uvicorn.Config(
        app, host=options.prefect_host, port=options.prefect_port, timeout_keep_alive=5, log_level="warning", **common
    )
    # No compression: a small message may not become a large one.
    settings, ca = config(front, home, [host, *options.names], ws_max_size=BODY, ws_per_message_deflate=False, **common)
    try:
        listening = listener(host, port)
    except OSError as error:
        what = f"cannot listen at {options.address} ({error.strerror})"
        print(f"error: {what}. Try: another address or port", file=sys.stderr)
        sys.exit(2)
    write_private(home / "code", code_of(password, ca))
    deleting = None
    if isinstance(storage, Folder):
        deleting = asyncio.create_task(delete_old_now_and_then(storage, api, options.keep))
    try:
        server = First(own, Beside(settings), listening, front)
        await server.serve()  # until a signal
        if server.broken:
            sys.exit(1)
    finally:
        if deleting:
            deleting.cancel()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m durable port", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--address", required=True, help="HOST:PORT where other machines come in")
    parser.add_argument(
        "--names", nargs="*", default=[], help="other addresses and names of this machine, for the certificate"
    )
    parser.add_argument(
        "--folder", required=True, help="where the CA, the password, the sessions and the files are kept"
    )
    parser.add_argument("--records", required=True, help="the folder of the task servers' records on this machine")
    parser.add_argument("--storage", default="", help="a block of Prefect's, as type/name, in the place of a folder")
    parser.add_argument(
        "--prefect-host", default="127.0.0.1", help="of the Prefect server itself, where everybody may do everything"
    )
    parser.add_argument("--prefect-port", type=int, default=4200, help="of the Prefect server itself")
    parser.add_argument(
        "--lease", type=float, default=LEASE, help="seconds without a word after which a task server's session ends"
    )
    parser.add_argument("--keep", type=float, default=DAY, help="seconds that the files of ended runs are kept")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r".+:[0-9]{1,5}", options.address):
        parser.error(f"--address is HOST:PORT, for example 192.0.2.7:{PORT}")
    with suppress(KeyboardInterrupt):
        asyncio.run(serve_both(options))
    return 0

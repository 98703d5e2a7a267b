"""The port itself: ASGI, in front of Prefect's application, with the port's own requests beside it."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

import orjson

from durable.joining import PROTOCOL
from durable.json_format import KEY, checked_record, has_expired
from durable.json_limits import LARGEST, NotPlain, parsed
from durable.port.operations import EVENTS_IN, ID, LOG_LINES, QUEUE, WEBSOCKETS, operation
from durable.port.output import say
from durable.port.policy import (
    BODY,
    NOTHING,
    Verdict,
    need_known_shape,
    need_plain_body,
    need_plain_message,
    verdict,
)
from durable.port.quotas import FILE_BYTES, HOLD_LINES, LARGE, Quotas, kept_bytes
from durable.port.records import NO_SESSION, RecordWriter, lines_since, need_alive
from durable.sessions import Session, Sessions
from durable.storage import Folder
from durable.text import printable
from durable.tls import (
    App,
    LastMinute,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    WrongCodes,
    address_of,
    answer,
    body_of,
    parsed_body,
    short,
    token_of,
)

T = TypeVar("T")
CREATES, LOGS = "POST /api/task_runs/", "POST /api/logs/"
MOST_TOLD = 100  # lines about what was refused: who tries all that there is does not fill the terminal

SMALL = 10_000  # bytes of a body that is read at once
WRITERS = 100_000  # files of which it is known, the newest; of the others nobody on another machine can write one again
JOINS = 120  # in a minute from one network: each start of a task server is one


class Port:
    """ASGI, in front of Prefect's application. storage: see storage.open_storage()."""

    def __init__(
        self, app: App, sessions: Sessions, password: str, storage: Any, trust: Callable[[Scope], None]
    ) -> None:
        """trust: the listener's."""
        self.app, self.sessions, self.storage, self._trust = app, sessions, storage, trust
        self._codes, self._joined = WrongCodes(password), LastMinute()
        self._records = RecordWriter(sessions)
        free = shutil.disk_usage(storage.path).free if isinstance(storage, Folder) else 0
        self.quotas = Quotas(kept_bytes=kept_bytes(free)) if free else Quotas()
        self._writers: dict[str, tuple[str, str]] = {}  # whose each file is that came in since this process started
        self._checking = asyncio.Lock()  # of large files one after the other
        self._told: set[str] = set()  # what was refused, and was said

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except Refusal as refusal:
                await answer(send, refusal.status, {"detail": refusal.detail}, refusal.retry_after)
            except ConnectionError:
                pass

    def _session(self, scope: Scope) -> Session | None:
        session = self.sessions.find(token_of(scope))
        if session:
            self._trust(scope)
        return session

    async def _need_own(self, session: Session, key: str, content: bytes) -> bool:
        """Whether this makes the file its own. Raises Refusal for parameters that are there, and for another's result.

        A result is written by the task server that has its run, whose id is the key (json_format.OfItsRun). A key of
        another kind is a cached result's, which is of no run: it is written by a task server that has any, if it is
        new, was written by its machine, or has expired. The same content may come again, when our answer was lost.
        """
        is_result = not key.startswith("parameters/")
        run = key if is_result and "-" in key else None
        if is_result and not await self._records.has_run(session, run):
            raise Refusal(403, f"a result is written by a task server that has {'its' if run else 'a'} run")
        if is_result and self._writers.get(key) == session.origin:
            return True
        there = None
        with suppress(Exception):  # of any block's: it is not there, or writing it will fail, too
            there = await self.storage.aread(key)
        if there is None or there == content:
            return there is None and not run
        if run:
            if why := await self._records.why_refuse(session, run, session.sent.get(run, "")):
                raise Refusal(403, f"it is there already, and {why}")
            return False
        if is_result and await asyncio.to_thread(has_expired, there):
            return True
        raise Refusal(403, "it is there already, and is not yours")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Refusal; at the lease's end, too, if that comes while a body is still on its way."""
        method, path = scope["method"], scope["path"]
        what = verdict(method, path)
        if what is Verdict.FOR_ALL:
            return await self.app(scope, receive, send)
        if what is Verdict.JOINS:
            body = parsed_body(await body_of(scope, receive, 10_000))
            return await answer(send, 200, await self._join(scope, receive, body))
        session = self._session(scope)
        if not session:
            raise Refusal(401, NO_SESSION)
        address = address_of(scope)
        if what is Verdict.OWN:
            return await self._own(session, method, path, scope, receive, send)
        if what is Verdict.NOTHING:
            return await answer(send, 200, NOTHING[f"{method} {path}"])
        if what is Verdict.PASSES:
            return await self._pass(scope, receive, send, await self.quotas.asking(address))
        asks = f"{method} {path}"
        end_turn: Callable[[], None] = lambda: None  # noqa: E731
        try:
            if what is not Verdict.LOOKED_AT:
                raise Refusal(403, f"{method} {path[:200]} does not pass this port")
            body = await body_of(scope, receive, BODY)
            # Before anything is read: no line is without a brace, and no more than LOG_LINES are let through at once.
            lines = min(LOG_LINES, body.count(b"{")) if asks == LOGS else 0
            await self.quotas.need_request(address, session.name, len(body), runs=int(asks == CREATES), log_lines=lines)
            end_turn = await (self.quotas.creating(address) if asks in (CREATES, LOGS) else self.quotas.asking(address))
            need_alive(self.sessions, session)
            body = await self._read_in_turn(address, body, lambda: self._looked_at(method, path, body))
        except Refusal as refusal:
            end_turn()
            if refusal.status in (400, 403):
                self._tell_refused(session, method, path, refusal.detail if what is Verdict.LOOKED_AT else "")
            raise
        headers = [each for each in scope["headers"] if each[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._pass({**scope, "headers": headers}, once(body, receive), send, end_turn)

    async def _read_in_turn(self, address: str, body: str | bytes, read: Callable[[], T]) -> T:
        """What read() makes of that body. Above SMALL it costs milliseconds in which nothing else happens, so of one
        network one is read at a time.
        """
        if len(body) <= SMALL:
            return read()
        end_turn = await self.quotas.reading(address)
        try:
            return read()
        finally:
            end_turn()

    async def _pass(self, scope: Scope, receive: Receive, send: Send, end_turn: Callable[[], None]) -> None:
        """To Prefect. The turn ends where its answer begins: who does not read it holds up nobody."""

        async def send_after_turn(message: Message) -> None:
            end_turn()
            await send(message)

        try:
            await self.app(scope, receive, send_after_turn)
        finally:
            end_turn()

    @staticmethod
    def _looked_at(method: str, path: str, body: bytes) -> bytes:
        """The body as it may pass: what was looked at, and not what another parser may see in it. Raises Refusal."""
        checked = parsed_body(body, BODY)
        try:
            need_plain_body(path, checked)
        except NotPlain as error:
            raise Refusal(422, f"this may not pass: {error}") from None
        body = orjson.dumps(checked)
        need_known_shape(operation(method, path) or "", body)
        return body

    def _tell_refused(self, session: Session, method: str, path: str, why: str) -> None:
        """Once for each method and path: a new version of Prefect asks something new, or somebody tries what passes."""
        what = printable(f"{method} {re.sub(ID, '{id}', path)}")[:200]
        if what not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(what)
            say(f"refused: {what}, asked by {session.name}" + (f" ({printable(why)[:200]})" if why else ""))

    # --- joining and leaving -----------------------------------------------------------------------

    async def _join(self, scope: Scope, receive: Receive, body: Any) -> Any:
        await self._codes.need(scope, receive, body)
        address = address_of(scope)
        if self._joined.count(address) >= JOINS:
            raise Refusal(429, "too many have joined from your address in this minute", retry_after=60)
        self._joined.note(address)
        if body.get("protocol") != PROTOCOL:
            raise Refusal(409, "the two machines have different versions of durable")
        ours, theirs = version("prefect"), short(body.get("prefect", ""), 40)
        if theirs.split(".")[0] != ours.split(".")[0]:
            raise Refusal(409, f"Prefect is {ours} here and {theirs} there")
        token, session = self.sessions.begin(
            short(body.get("name")) or "?",
            short(body.get("machine", "")) or "?",
            address=address,
            prefect=theirs,
            python=short(body.get("python", ""), 40),
        )
        say(f"{session.name} joined, from {session.address}")
        answer = {"token": token, "machine": self.sessions.machine, "name": session.machine, "prefect": ours}
        return answer | {"now": time.time()}

    async def end_expired(self) -> None:
        """Other machines can come in now. Look for those whose lease expired, until cancelled."""
        self.sessions.grant_restart_margin()
        while True:
            await asyncio.sleep(0.5)
            for session in self.sessions:
                if session.record:
                    with suppress(OSError):  # what a full disk kept back
                        session.record.write_on()
            for session in self.sessions.end_expired():
                what = (
                    "its session is over, and what it ran runs again elsewhere" if session.server else "it is forgotten"
                )
                say(f"{session.name} sent no heartbeat for {session.lease:g} s: {what}")

    # --- storage and records -------------------------------------------------------------------------

    async def _own(self, session: Session, method: str, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        _, _, what = path.removeprefix("/durable/").partition("/")
        if path.startswith("/durable/storage/") and KEY.fullmatch(what.removeprefix("parameters/")):
            if method == "GET":
                return await self._read(what, send)
            if method == "PUT":
                return await self._take_in(session, what, scope, receive, send)
        elif path == "/durable/session" and method == "DELETE":
            self.sessions.end(session)
            say(f"{session.name} has left")
            return await answer(send, 204)
        elif path == "/durable/machine" and method == "DELETE":
            for each in self.sessions:
                if each.origin == session.origin:
                    self.sessions.end(each)
            say(f"{session.machine} has left")
            return await answer(send, 204)
        elif path == "/durable/session" and method == "PUT":
            return await answer(send, 200, {"lease": session.lease, "now": time.time()})
        elif path == "/durable/sessions" and method == "GET":
            return await answer(send, 200, self.list_sessions())
        elif path == "/durable/records" and method == "POST":
            body = await body_of(scope, receive, BODY)
            await self.quotas.need_request(address_of(scope), session.name, len(body), hold=HOLD_LINES)
            lines = await self._read_in_turn(address_of(scope), body, lambda: parsed_body(body, BODY))
            need_alive(self.sessions, session)
            return await answer(send, 200, await self._records.write(session, lines))
        elif path == "/durable/records/others" and method == "GET":
            return await answer(send, 200, (await self._records.peers(session))._asdict())
        elif path == "/durable/records/since" and method == "POST":
            body = await body_of(scope, receive, BODY)
            await self.quotas.need_request(address_of(scope), session.name, len(body))
            end_turn = await self.quotas.asking(address_of(scope))
            try:
                known = await self._read_in_turn(address_of(scope), body, lambda: parsed_body(body, BODY))
                lines = await asyncio.to_thread(lines_since, self.sessions.records, known)
            finally:
                end_turn()
            return await answer(send, 200, lines)
        raise Refusal(404, "there is nothing here")

    def list_sessions(self) -> list[dict[str, Any]]:
        """The sessions, for people."""
        now = self.sessions.clock()
        names = ("name", "machine", "server", "address", "prefect", "python", "since")
        return [
            {name: getattr(each, name) for name in names} | {"heard": now - each.last_heartbeat}
            for each in self.sessions
        ]

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

    async def _take_in(self, session: Session, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        """A file. Of large ones one at a time from one network is in memory."""
        address, length = address_of(scope), dict(scope["headers"]).get(b"content-length", b"")
        is_large = not length.isdigit() or int(length[:20]) > LARGE
        content = None if is_large else await body_of(scope, receive, LARGEST)
        end_turn = await (self.quotas.large(address) if is_large else self.quotas.writing(address))
        try:
            try:
                await self.quotas.need_file(address, session.name)
            except Refusal:
                if is_large:  # whose sender sees the answer only if it could send it all
                    await self._read_away(scope, receive)
                raise
            if content is None:
                content = await body_of(scope, receive, LARGEST)
            self.quotas.count_file(address, len(content))
            await self._write(session, key, content, send)
        finally:
            end_turn()

    @staticmethod
    async def _read_away(scope: Scope, receive: Receive) -> None:
        """A body that nobody wants, as slowly as the quota would have it."""

        async def slowly() -> Message:
            message = await receive()
            await asyncio.sleep(len(message.get("body", b"")) / FILE_BYTES.rate)
            return {**message, "body": b""}

        await body_of(scope, slowly, LARGEST)

    async def _checked(self, content: bytes, key: str) -> bytes:
        """Raises NotPlain. Reading a large file keeps other threads from the interpreter for some 10 ms at a time, so
        there is one at once, and a rest as long as it took.
        """
        if len(content) <= LARGE:
            return checked_record(content, key)
        async with self._checking:
            began = time.monotonic()
            try:
                return await asyncio.to_thread(checked_record, content, key)
            finally:
                await asyncio.sleep(time.monotonic() - began)

    async def _write(self, session: Session, key: str, content: bytes, send: Send) -> None:
        try:
            content = await self._checked(content, key)
        except NotPlain as error:
            raise Refusal(422, f"only plain JSON may pass: {error}") from None
        need_alive(self.sessions, session)
        becomes_own = await self._need_own(session, key, content)
        try:
            if not isinstance(self.storage, Folder):
                await self.storage.awrite(key, content)
                need_alive(self.sessions, session)
            elif not self.storage.write(key, content, wanted=lambda: self.sessions.is_valid(session)):
                raise Refusal(401, "this session is over")
        except OSError as error:
            raise Refusal(507, f"it cannot be written there ({error.strerror})") from None
        except Refusal:
            raise
        except Exception as error:
            raise self._storage_failed(error) from None
        if becomes_own:
            self._writers[key] = session.origin
        if len(self._writers) > WRITERS:
            del self._writers[next(iter(self._writers))]
        await answer(send, 204)

    # --- websockets -----------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._session(scope)
        if not session or scope["path"] not in WEBSOCKETS:
            if session:
                self._tell_refused(session, "WEBSOCKET", scope["path"], "")
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        over = asyncio.ensure_future(session.ended.wait())
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
            if not self.sessions.heartbeat(session):
                return await shut("this session is over")
            text = message.get("text") or message.get("bytes") or b""
            events = int(scope["path"] == EVENTS_IN)
            await self.quotas.need_message(address_of(scope), session.name, len(text), events)
            try:
                checked = await self._read_in_turn(
                    address_of(scope), text, lambda: checked_message(scope["path"], text)
                )
            except NotPlain as error:
                return await shut(f"this may not pass: {error}")
            except Refusal as refusal:
                self._tell_refused(session, "WEBSOCKET", scope["path"], refusal.detail)
                return await shut(refusal.detail)
            return {"type": "websocket.receive", "text": checked}

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
            if scope["path"] == QUEUE and message["type"] == "websocket.send":
                self._records.note_sent(session, message["text"])
            await send(message)

        try:
            await self.app(scope, receive_checked, send_unless_shut)
        finally:
            over.cancel()
            if arriving:
                arriving.cancel()


def checked_message(path: str, text: str | bytes) -> str:
    """Of a websocket: as it may pass. Raises NotPlain, and Refusal for another shape."""
    checked = parsed(text, BODY)
    need_plain_message(path, checked)
    content = orjson.dumps(checked)
    need_known_shape(path, content)
    return content.decode()


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

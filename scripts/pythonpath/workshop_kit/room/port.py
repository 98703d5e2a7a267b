"""The room's one port for the learners' kits: joining with the code, telling, leaving. ASGI, on durable's link."""

from typing import Any

from durable.link import Receive, Refusal, Scope, Send, answer, body_of, need_password, parsed_body, token_of
from workshop_kit import in_room
from workshop_kit.room.rows import Full, Row, Rows, plain_name


class Port:
    """Each learner speaks of the row of its own token; nothing here reads another's."""

    def __init__(self, rows: Rows, password: str) -> None:
        self.rows, self.password = rows, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            try:
                await answer(send, 200, await self._answer(scope, receive))
            except Refusal as refusal:
                await answer(send, refusal.status, {"detail": refusal.detail})
            except ConnectionError:
                pass

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        what = (scope["method"], scope["path"])
        if what == ("POST", "/room/join"):
            return self._join(scope, parsed_body(await body_of(scope, receive, in_room.LARGEST)))
        row = self.rows.find(token_of(scope))
        if not row:
            raise Refusal(401, "this room does not know that token: join with the code")
        if what == ("DELETE", "/room/row"):
            self.rows.remove(row)
            return {}
        if not self.rows.may_speak(row):
            raise Refusal(429, "too many messages: later")
        if what == ("POST", "/room/told"):
            return self._told(row, parsed_body(await body_of(scope, receive, in_room.LARGEST)))
        raise Refusal(404, "there is nothing here")

    def _join(self, scope: Scope, body: Any) -> dict[str, Any]:
        need_password(body, self.password)
        if body.get("protocol") != in_room.PROTOCOL:
            raise Refusal(409, "the two kits have different versions")
        me = body.get("me")
        if not isinstance(me, str) or not (me := plain_name(me)):
            raise Refusal(422, "no name")
        try:
            token, row = self.rows.join(me, token_of(scope))
        except Full:
            raise Refusal(503, "the room is full") from None
        return {"token": token, "me": row.me}

    def _told(self, row: Row, lines: Any) -> dict[str, Any]:
        if not isinstance(lines, list) or not all(map(in_room.fits, lines)):
            raise Refusal(422, "no message of a kit")
        return {"before": self.rows.told(row, lines)}

"""The room's one port for the learners' kits: joining with the code, telling, leaving. ASGI, on durable's tls."""

from collections.abc import Callable
from typing import Any

from durable.tls import Receive, Refusal, Scope, Send, WrongCodes, address_of, answer, body_of, parsed_body, token_of
from workshop_kit import in_room
from workshop_kit.room.roster import Refused, Roster, Row, plain_name


class RoomPort:
    """Each learner speaks of the row of its own token; nothing here reads another's."""

    def __init__(self, roster: Roster, password: str, trust: Callable[[Scope], None]) -> None:
        """trust: the listener's."""
        self.roster, self.trust, self._codes = roster, trust, WrongCodes(password)

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
            return await self._join(scope, receive, parsed_body(await body_of(scope, receive, in_room.LARGEST)))
        row = self.roster.find(token_of(scope))
        if not row:
            raise Refusal(401, "this room does not know that token: join with the code")
        self.trust(scope)
        if what == ("DELETE", "/room/row"):
            self.roster.remove(row)
            return {}
        if not self.roster.may_speak(row):
            raise Refusal(429, "too many messages: later")
        if what == ("POST", "/room/told"):
            return self._receive(row, parsed_body(await body_of(scope, receive, in_room.LARGEST)))
        raise Refusal(404, "there is nothing here")

    async def _join(self, scope: Scope, receive: Receive, body: Any) -> dict[str, Any]:
        await self._codes.need(scope, receive, body)
        if body.get("protocol") != in_room.PROTOCOL:
            raise Refusal(409, "the two kits have different versions")
        me = body.get("me")
        if not isinstance(me, str) or not (me := plain_name(me)):
            raise Refusal(422, "no name")
        try:
            token, row = self.roster.join(me, address_of(scope), token_of(scope))
        except Refused as refused:
            raise Refusal(refused.status, str(refused)) from None
        return {"token": token, "me": row.me}

    def _receive(self, row: Row, lines: Any) -> dict[str, Any]:
        if not isinstance(lines, list) or not all(map(in_room.fits, lines)):
            raise Refusal(422, "no message of a kit")
        return {"before": self.roster.receive(row, lines)}

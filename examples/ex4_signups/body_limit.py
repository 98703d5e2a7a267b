"""Example 4: refuse a request's body that is too large, before it is read as JSON."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware. limit: bytes; what is larger is answered with 422."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = b""
        while True:  # a client need not say how much is to come, so count
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.limit:
                answer = JSONResponse({"detail": f"the body: is larger than {self.limit // 1024} KB"}, 422)
                return await answer(scope, receive, send)
            if not message.get("more_body"):
                break
        given = False

        async def receive_again() -> Message:
            nonlocal given
            if given:
                return await receive()  # waits until the client has gone
            given = True
            return {**message, "body": body}

        await self.app(scope, receive_again, send)

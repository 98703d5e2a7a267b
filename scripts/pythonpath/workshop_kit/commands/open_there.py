#!/usr/bin/env python3
"""The UI of the machine that was joined (make open): a door for the browser on loopback, until Ctrl-C.

Each request goes to the port with this machine's token and the certificate that was checked, so the browser meets
neither. Only pages of this very address may ask: another site's script is refused.
"""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import cache

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from workshop_kit import workshop
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(joined=True)

PASSED_ON = ("accept", "content-type", "x-prefect-api-version")
PASSED_BACK = ("content-type", "cache-control", "etag", "location")


def port() -> int:
    """Where the browser finds it."""
    return int(os.environ["JOIN_PORT"]) + 1


@cache
def there() -> httpx.AsyncClient:
    """Asks that machine."""
    return httpx.AsyncClient(
        base_url=settings().joined,
        verify=httpx.create_ssl_context(verify=os.environ["PREFECT_API_SSL_CERT_FILE"]),
        headers=json.loads(os.environ["PREFECT_CLIENT_CUSTOM_HEADERS"]),
        timeout=30,
        trust_env=False,
    )


async def pass_on(request: Request) -> Response:
    own = {f"127.0.0.1:{port()}", f"localhost:{port()}"}
    origin = request.headers.get("origin", "").removeprefix("http://")
    if request.headers.get("host") not in own or (origin and origin not in own):
        return PlainTextResponse("only for this address", 403)
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    try:
        answer = await there().request(request.method, path, content=await request.body(), headers=headers)
    except httpx.HTTPError as error:
        return PlainTextResponse(f"{settings().joined} does not answer ({error or type(error).__name__})", 502)
    back = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return Response(answer.content, answer.status_code, back)


async def serve() -> None:
    app = Starlette(routes=[Route("/{path:path}", pass_on, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port(), workers=1, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.05)
    if server.started:
        url = f"http://127.0.0.1:{port()}"
        print(f"the UI of {os.environ['JOINED_THERE']}, until Ctrl-C:", file=sys.stderr)
        await asyncio.to_thread(subprocess.run, [workshop.KIT / "scripts" / "open.sh", url], check=False)
    await serving


def main() -> int:
    try:
        asyncio.run(serve())
    except SystemExit:  # uvicorn's, which cannot listen
        workshop.fail(f"port {port()} is in use", f"make open JOIN_PORT={port() + 99}")
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())

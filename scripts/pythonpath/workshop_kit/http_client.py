"""Plain HTTP to the local servers, and to the machine that was joined. Standard library only.

Prefect's own client is for what it alone can do: a user's own server with its key (REMOTE=1), and tasks.
"""

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from workshop_kit.settings import settings


@dataclass(frozen=True)
class Answer:
    """What a server answers, whatever it says."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        return self.status < 400

    def json(self) -> Any:
        """The decoded body. Raises ValueError if it is no JSON."""
        return json.loads(self.text)


class NoSession(OSError):
    """The machine that was joined does not know this session any more: it was started again, or the session is old."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Sends a POST on as a POST where the answer is 307 or 308: FastAPI's, for an address with or without its slash."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if code in (307, 308):
            return urllib.request.Request(  # noqa: S310 - urllib has looked at its scheme
                newurl, req.data, dict(req.headers), origin_req_host=req.origin_req_host, method=req.get_method()
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@cache
def _opener() -> urllib.request.OpenerDirector:
    """A proxy that the shell names must not get requests to this machine, nor to one that was joined."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _Redirects()]
    if not settings().joined:
        return urllib.request.build_opener(*handlers)
    context = ssl.create_default_context(cafile=os.environ["PREFECT_API_SSL_CERT_FILE"])
    opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
    opener.addheaders = list(json.loads(os.environ["PREFECT_CLIENT_CUSTOM_HEADERS"]).items())
    return opener


def begin_anew() -> None:
    """From now on requests go out as the environment says now."""
    _opener.cache_clear()


def ask(method: str, url: str, body: Any = None, timeout: float = 5, accept: str = "*/*") -> Answer:
    """One request, with a body in JSON or without one; the answer, also where it is an error.

    timeout: seconds. Raises OSError (TimeoutError and ConnectionError are) when nobody answers.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Accept": accept} | ({} if data is None else {"Content-Type": "application/json"})
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the URL is the kit's own
    try:
        try:
            response = _opener().open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            charset = response.headers.get_content_charset("utf-8")
            return Answer(response.status, response.read().decode(charset, errors="replace"))
    except urllib.error.URLError as error:
        raise (error.reason if isinstance(error.reason, OSError) else error) from None
    except http.client.HTTPException as error:
        raise ConnectionError(f"{url} does not speak HTTP: {error!r}") from error


def call(method: str, url: str, body: Any = None, timeout: float = 5) -> Any:
    """One JSON request; returns the decoded answer.

    timeout: seconds. Raises OSError when nobody answers, or not properly; NoSession is one.
    """
    answer = ask(method, url, body, timeout)
    if answer.status == 401 and settings().joined:
        raise NoSession(f"HTTP 401 from {url}")
    if not answer.ok:
        raise OSError(f"HTTP {answer.status} from {url}")
    try:
        return answer.json()
    except ValueError as error:
        raise OSError(f"no JSON from {url}") from error


def page(url: str) -> tuple[int, str]:
    """HTTP status and body of a page, as a browser gets it; 0 when nobody answers."""
    try:
        # Prefect serves its pages only to who asks for HTML, as a browser does.
        answer = ask("GET", url, accept="text/html,*/*")
    except OSError:
        return 0, ""
    return answer.status, answer.text

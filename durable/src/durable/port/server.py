"""The process: the Prefect server on loopback, and the port for other machines beside it. And its command line."""

import argparse
import asyncio
import gc
import re
import socket
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from prefect.settings import get_current_settings

from durable.joining import PORT, code_of, write_private
from durable.port import __doc__ as DESCRIPTION
from durable.port.asgi import Port
from durable.port.output import say
from durable.port.policy import BODY
from durable.port.retention import DAY, delete_old_now_and_then
from durable.sessions import LEASE, Sessions
from durable.storage import Folder, open_storage
from durable.tls import Beside, config, listener, password_in


class First(uvicorn.Server):
    """The Prefect server's own. The port is open only while its services run: an event before or after them is lost."""

    def __init__(self, config: uvicorn.Config, second: Beside, listener: socket.socket, port: Port) -> None:
        super().__init__(config)
        self._second, self._listener, self._port = second, listener, port
        self._serving: list[asyncio.Task[None]] = []
        self.broken = False  # whether a part of it has ended by itself

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # else Python looks now and then through all that Prefect has imported, for 200 ms
        self._watched("the port for other machines", self._second.serve(sockets=[self._listener]))
        self._watched("the watch over the leases", self._port.end_expired())

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
    """Prefect's server and the port in front of its application, until a signal. options: of main().

    Exits with 2 where the port cannot open, and with 1 when a part of the process has ended by itself.
    """
    from prefect.server.api.server import create_app

    if (base := str(get_current_settings().server.api.base_path or "/api")) != "/api":
        what = f"PREFECT_SERVER_API_BASE_PATH={base} hides Prefect's API from the list of what may pass"
        print(f"error: {what}. Try: unset PREFECT_SERVER_API_BASE_PATH", file=sys.stderr)
        sys.exit(2)
    app = create_app(final=True)
    api = f"http://127.0.0.1:{options.prefect_port}/api"
    home = Path(options.folder).resolve()  # for open_storage() a relative one could be a block, as type/name
    host, port = options.address.rsplit(":", 1)[0].strip("[]"), int(options.address.rsplit(":", 1)[1])
    password, storage = password_in(home), open_storage(options.storage or str(home / "storage"))
    if isinstance(storage, Folder):
        storage.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    records = Path(options.records)
    records.mkdir(parents=True, exist_ok=True)
    sessions = Sessions(home / "sessions.json", records, socket.gethostname(), options.lease)
    try:
        listening = listener(host, port)
    except OSError as error:
        what = f"cannot listen at {options.address} ({error.strerror})"
        print(f"error: {what}. Try: use another address or port", file=sys.stderr)
        sys.exit(2)
    front = Port(app, sessions, password, storage, listening.trust)
    # workers: else uvicorn reads WEB_CONCURRENCY, whatever stands there.
    common: dict[str, Any] = {"ws_ping_interval": 20, "ws_ping_timeout": 20, "workers": 1}
    own = uvicorn.Config(
        app, host=options.prefect_host, port=options.prefect_port, timeout_keep_alive=5, log_level="warning", **common
    )
    # No compression: a small message may not become a large one.
    settings, ca = config(front, home, [host, *options.names], ws_max_size=BODY, ws_per_message_deflate=False, **common)
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
    """The command line. Returns the exit code; exits with 2 for what it does not understand."""
    parser = argparse.ArgumentParser(
        prog="python -m durable port", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--address", required=True, help="HOST:PORT where other machines come in")
    parser.add_argument(
        "--names", nargs="*", default=[], help="other addresses and names of this machine, for the certificate"
    )
    parser.add_argument(
        "--folder", required=True, help="where the CA, the password, the sessions and the files are kept"
    )
    parser.add_argument("--records", required=True, help="the folder of the task servers' records on this machine")
    parser.add_argument("--storage", default="", help="a block of Prefect's, as type/name, instead of a folder")
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

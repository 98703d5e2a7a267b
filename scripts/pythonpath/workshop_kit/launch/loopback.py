#!/usr/bin/env python3
"""uvicorn on both loopback addresses of this machine, 127.0.0.1 and ::1: "localhost" may be taken for either.

    loopback FOLDER MODULE:APP PORT      as a line of a Procfile

Where there is no IPv6, on 127.0.0.1 alone. (uvicorn's own --host takes one address, and "localhost" fails where the
machine knows a name for ::1 and has no such interface.)
"""

import argparse
import errno
import socket
import sys

import uvicorn


def listeners(port: int) -> list[socket.socket]:
    """A listening socket for each address that exists. Raises OSError if the port is taken."""
    found = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            found.append(socket.create_server((address, port), family=family, backlog=2048))
        except OSError as error:
            if family == socket.AF_INET or error.errno == errno.EADDRINUSE:
                raise
    for listener in found:  # asyncio does this only for sockets with a protocol (_set_nodelay); else answers wait 40 ms
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("app")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    sys.path.insert(0, options.folder)
    config = uvicorn.Config(options.app, port=options.port, workers=1, log_level="warning")
    uvicorn.Server(config).run(sockets=listeners(options.port))


if __name__ == "__main__":
    main()

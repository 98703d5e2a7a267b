#!/usr/bin/env python3
"""For ex7.bats: a port with a certificate of its own, which writes down how much it is told.

liar.py PORT FOLDER
"""

import socket
import ssl
import sys
from pathlib import Path

from durable.tls import certificates

chain, key, _ = certificates(Path(sys.argv[2], "liar"), ["10.99.0.3"])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
with socket.create_server(("10.99.0.3", int(sys.argv[1]))) as listener:
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as secured:
                print(f"it was told {len(secured.recv(1000))} bytes", flush=True)
        except OSError as error:
            print(f"it was told 0 bytes ({error})", flush=True)

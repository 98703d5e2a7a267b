#!/usr/bin/env python3
"""Can an example open its ports? One line and exit 2 if not. Standard library only: asked before the set-up, too.

free_ports.py EX    exit 2 if a port of the example is taken, with its holder and another port
"""

import os
import re
import sys

from workshop_kit import ports, procfile
from workshop_kit.examples import EXAMPLES
from workshop_kit.settings import settings
from workshop_kit.workshop import fail

# What `loopback` runs opens both loopback addresses.
_ON_BOTH = re.compile(r"\bloopback .*\$([A-Z_]*PORT)\b")


def need_different(ex: int) -> None:
    """Exit 2 if two ports of the example are the same: the second process to come could not open it."""
    names: dict[int, str] = {}
    for name, port in ports.opened([EXAMPLES[ex]]).items():
        if port in names:
            other = port - 100 if port > 60000 else port + 100
            fail(f"{name} and {names[port]} are both {port}", f"make ex{ex} {name}={other}")
        names[port] = name


def need_free(ex: int) -> None:
    """Exit 2 if a port of the example is taken."""
    for name, port in ports.opened([EXAMPLES[ex]]).items():
        if holder := ports.holder(port):
            fail(f"port {port} is in use by {holder}", f"make ex{ex} {name}={ports.another(port)}")
    web = settings().web_port + 100  # from which the others are counted
    for command in procfile.commands(ex).values():
        for name in _ON_BOTH.findall(command):
            if ports.listens(port := int(os.environ[name]), "::1"):
                fail(f"port {port} is in use on ::1, which localhost may mean", f"make ex{ex} WEB_PORT={web}")


if __name__ == "__main__":
    need_free(int(sys.argv[1]))

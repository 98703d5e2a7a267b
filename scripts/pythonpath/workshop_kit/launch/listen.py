#!/usr/bin/env python3
"""At which address a port for other machines opens: prints ADDRESS:PORT, and names for its certificate.

LISTEN=…      the address; behind a comma, more names. Without it: the only one there is; or it lists them and asks, and
              where nobody can be asked it is the one of the default route
JOIN_PORT=…   the port of example 7
"""

import ipaddress
import os
import socket
import sys

import ifaddr

from workshop_kit import workshop

LOOPBACK = "127.0.0.1"


def addresses() -> dict[str, str]:
    """This machine's addresses that others may reach, and the interface of each."""
    found = {}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if ip.is_IPv4 else ip.ip[0])
            if not (address.is_loopback or address.is_link_local):
                found[str(address)] = adapter.nice_name
    return found


def of_default_route() -> str:
    """The address from which this machine would speak to the rest of the world; empty without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # kept for documents; nothing is sent
            return probe.getsockname()[0]
        except OSError:
            return ""


def ask(found: dict[str, str], usual: str) -> str:
    """Which of them, from the keyboard; Enter takes the usual one."""
    print("this machine has several addresses. At which one shall other machines come in?", file=sys.stderr)
    for number, (address, interface) in enumerate(found.items(), 1):
        mark = "  (Enter)" if address == usual else ""
        print(f"  {number}  {address:15}  {interface}{mark}", file=sys.stderr)
    while True:
        print("number: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            workshop.fail("no address was chosen", f"make … LISTEN={usual}")
        if not line.strip():
            return usual
        if line.strip().isdigit() and 1 <= int(line) <= len(found):
            return list(found)[int(line) - 1]


def choose(found: dict[str, str]) -> str:
    if not found:
        print(f"this machine has no network; only another checkout on it can join, at {LOOPBACK}", file=sys.stderr)
        return LOOPBACK
    usual = of_default_route()
    usual = usual if usual in found else next(iter(found))
    if len(found) == 1:
        return usual
    if sys.stdin.isatty() and sys.stderr.isatty():
        return ask(found, usual)
    others = ", ".join(f"{address} ({interface})" for address, interface in found.items() if address != usual)
    here = f"{usual} ({found[usual]}), the default route's"
    print(f"listening at {here}; there are also {others}: LISTEN=…", file=sys.stderr)
    return usual


def given(found: dict[str, str]) -> list[str]:
    """LISTEN, judged: the address, and more names. Exits 2 with one line."""
    names = [name.strip() for name in os.environ["LISTEN"].split(",") if name.strip()]
    if not names or names[0] not in (*found, LOOPBACK):
        there = ", ".join(f"{address} ({interface})" for address, interface in found.items()) or LOOPBACK
        what = f"LISTEN={os.environ['LISTEN']!r} is no address of this machine, which has {there}"
        workshop.fail(what, f"make … LISTEN={next(iter(found), LOOPBACK)}")
    for name in names:
        if not name.isascii() or not all(character.isalnum() or character in "-.:" for character in name):
            what = f"LISTEN has {name!r}, which is neither an address nor a name"
            workshop.fail(what, f"make … LISTEN={names[0]},name.local")
    return names


def place(variable: str) -> tuple[str, list[str]]:
    """Where to listen, as people type it, and this machine's names for the certificate, the address itself first.

    variable: the one that has the port. Exits 2 with one line if nobody can listen there.
    """
    port, found = int(os.environ[variable]), addresses()
    names = given(found) if os.environ.get("LISTEN") else [choose(found)]
    address = names[0]
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        what = f"port {port} of {address} cannot be opened: {error.strerror}"
        workshop.fail(what, f"make … {variable}={port + 100}")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}", list(dict.fromkeys([*names, *found]))


def main() -> int:
    at, names = place("JOIN_PORT")
    print(at, *names)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)

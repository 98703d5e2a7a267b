"""Ports of this machine: which an example opens, which are free, and who has one that is not. Standard library only."""

import contextlib
import errno
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from workshop_kit import processes
from workshop_kit.examples import EXAMPLES, Example


@dataclass(frozen=True)
class Holder:
    """A process that listens on a port."""

    pid: int | None  # None where the system does not tell: it is another user's
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else "another user's process"


def opened(examples: Iterable[Example] = EXAMPLES.values()) -> dict[str, int]:
    """Every port that these examples open, by the variable that holds it. Raises KeyError without scripts/env.sh."""
    names = dict.fromkeys(name for each in examples for name in [*each.ports, *each.own_ports])
    if not os.environ.get("OWN_REDIS"):
        names.pop("REDIS_PORT", None)  # REDIS_URL is somebody else's
    return {name: int(os.environ[name]) for name in names}


def another(port: int) -> int:
    """A port beside that one which is free: a hundred further, or the next."""
    step = -1 if port > 60000 else 1
    return next(other for other in itertools.count(port + 100 * step, step) if not listens(other))


def holder(port: int) -> Holder | None:
    """Who listens on that port of 127.0.0.1; None if nobody does."""
    if not listens(port):
        return None
    pids = _from_proc(port) if (processes.PROC / "net" / "tcp").exists() else _from_lsof(port)
    return Holder(min(pids), processes.name(min(pids)) or "unknown") if pids else Holder(None)


def _from_proc(port: int) -> set[int]:
    """The pids of those that have a listening socket of that port open, and let us see it."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # without IPv6
            for line in (processes.PROC / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, *fields = line.split()  # man 5 proc_pid_net
                if state == "0A" and local.endswith(f":{port:04X}"):
                    sockets.add(f"socket:[{fields[5]}]")
    found = set()
    for process in processes.PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended, or is another user's
            if any(_link(entry.path) in sockets for entry in os.scandir(process / "fd")):
                found.add(int(process.name))
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # just closed
        return ""


def _from_lsof(port: int) -> set[int]:
    if not shutil.which("lsof"):
        return set()
    command = ["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {int(line) for line in done.stdout.split()}


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def is_own(address: str) -> bool:
    """Whether this machine has that IP address: it goes with another network, or a new lease of the router's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True


def moved(at: str, command: str) -> str:
    """Why no other machine can join at that address and port any more, and what helps; empty where they can.

    command: the one that opened it.
    """
    host = at.rpartition(":")[0].strip("[]")
    if not host or is_own(host):
        return ""
    return f"no machine can join: {host} is no address of this machine any more. Try: make stop, then {command}"


def free_in_a_row(number: int, firsts: Iterable[int]) -> int | None:
    """The first of these from which so many ports in a row are free on loopback; None if there is none."""
    for first in firsts:
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + number):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    return None

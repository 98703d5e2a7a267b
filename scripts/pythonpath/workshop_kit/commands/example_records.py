"""The records of the task servers of the example that runs, or ran last: where they are, and what they tell.

durable/records.py reads them. Those in a volume of Docker's, and those on a machine that was joined, are read from a
copy. In that of a machine that was joined each process that lives has a mark, as if it had a lease.
"""

import contextlib
import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from durable.record_folder import lease_of
from durable.records import Records
from durable.run_history import Process
from workshop_kit import http_client, prefect_api, state_files, workshop
from workshop_kit.settings import settings

COPY_EVERY = 3.0  # seconds between two copies of what containers write
ASK_EVERY = 1.0  # seconds between two questions to the machine that was joined


def folder() -> Path:
    """What the task servers of this machine write."""
    return settings().home / "task-servers"


def copy() -> Path:
    """A copy of what others write."""
    return settings().run / "task-servers"


class ExampleRecords:
    """Read on at each look; what was read from files here stays apart from what was read from a copy."""

    def __init__(self) -> None:
        self._here, self._there = Records(folder()), Records(copy())
        self._copied = Records(copy(), copied=True)
        self._copied_at = 0.0
        self._tells = True  # whether the machine that was joined says who lives: durable 1.0.0 does not

    def read(self, docker: bool) -> Records:
        """docker: whether the example runs in containers."""
        joined = bool(settings().joined)
        if (joined or docker) and time.monotonic() - self._copied_at > (ASK_EVERY if joined else COPY_EVERY):
            if joined:
                with contextlib.suppress(OSError):  # while it is unreachable the copy stays as it is
                    self._tells = copy_from_there()
            else:
                workshop.copy_from_container("task-servers")
            self._copied_at = time.monotonic()
        found = self._here
        if joined or docker:
            found = self._there if joined and self._tells else self._copied
        with contextlib.suppress(FileNotFoundError):  # nobody has written any yet
            found.read()
        return found


def copy_from_there() -> bool:
    """Copy what is new on the machine that was joined. Whether it says who lives. Raises OSError where it is away."""
    copy().mkdir(parents=True, exist_ok=True)
    with (copy() / "copying").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two commands each would append the same lines
        while True:
            offsets = {path.name: path.stat().st_size for path in copy().glob("*.jsonl")}
            answer = http_client.call("POST", f"{settings().joined}/durable/records/since", offsets)
            take_over(answer)
            if not answer["more"]:
                return "alive" in answer


def take_over(answer: dict[str, Any]) -> None:
    """Write what the port answers (durable's port/records.py) into the copy: first who lives, then the lines."""
    alive = [*answer["heard"], *answer.get("alive", [])]
    for name in alive:
        mark = lease_of(copy() / Path(name).name)
        mark.touch()
        if name in answer["heard"]:
            os.utime(mark, (time.time() - answer["heard"][name],) * 2)
    for mark in copy().glob("*.leased"):
        if mark.with_suffix(".jsonl").name not in alive:
            mark.unlink()
    for name in answer["gone"]:
        (copy() / Path(name).name).unlink(missing_ok=True)
    for name, text in answer["files"].items():
        with (copy() / Path(name).name).open("a") as file:
            file.write(text)


def read_once() -> Records:
    """The records as they are now."""
    running = state_files.running_example()
    return ExampleRecords().read(docker=bool(running and running.docker))


def task_servers(found: Records) -> list[Process]:
    """Those that live. A rescuer keeps a record, too, and serves nothing."""
    return [process for process in found.processes.values() if process.alive and process.keys]


def subscribed() -> list[dict[str, Any]]:
    """The task servers that runs are sent to: identifier (host-pid), task_keys, and machine, as merged() says.

    Empty when the API is unreachable.
    """
    try:
        found = prefect_api.ask("/task_workers/filter", {})
    except OSError:
        return []
    return merged(found, read_once().processes.values())


def merged(found: Iterable[dict[str, Any]], processes: Iterable[Process]) -> list[dict[str, Any]]:
    """Those that Prefect's server names, and those that are connected by their records: one whose slots are all taken
    leaves the queue to others (durable's load_sharing.py), and is back when a slot is free.

    machine: the name here of the other machine that it is on; empty for one of the example's own.
    """
    live = [each for each in processes if each.alive]
    own = {f"{each.host}-{each.pid}" for each in live if not each.lease}
    servers, known = [], set[Any]()
    for server in found:
        host, _, pid = server["identifier"].rpartition("-")
        # Of two machines with one name the second is host-2 here, and Prefect's server knows nothing of that.
        other = [each for each in live if each.lease and str(each.pid) == pid and is_called(each.host, host)]
        elsewhere = other[0] if other and server["identifier"] not in own else None
        known.add(elsewhere.path if elsewhere else server["identifier"])
        servers.append({**server, "machine": elsewhere.host if elsewhere else ""})
    for each in live:
        name = f"{each.host}-{each.pid}"
        if each.connected and (each.path if each.lease else name) not in known:
            machine = each.host if each.lease else ""
            servers.append({"identifier": name, "task_keys": sorted(each.keys), "machine": machine})
    return servers


def is_called(name: str, host: str) -> bool:
    """Whether a machine of this name here may have that host name: of two with one name the second gets a number."""
    return name == host or name.removeprefix(f"{host}-").isdecimal()


def listed_elsewhere(servers: Iterable[dict[str, Any]]) -> str:
    """How many of these there are on which other machine: "1 on b, 2 on c"; empty without one."""
    machines = Counter(server["machine"] for server in servers if server["machine"])
    return ", ".join(f"{number} on {machine}" for machine, number in sorted(machines.items()))


def counted(servers: list[dict[str, Any]], wanted: int) -> str:
    """How many of the example's own task servers there are of those wanted, and how many besides, and where."""
    own = sum(not server["machine"] for server in servers)
    more = [f"{own - wanted} more" if own > wanted else "", listed_elsewhere(servers)]
    return ", and ".join([f"{min(own, wanted)} of {wanted}", *filter(None, more)])


def missed_heartbeats(found: Records) -> list[str]:
    """A sentence for each task server on another machine whose heartbeats are missing (example 7)."""
    sentences = []
    for server in task_servers(found):
        silent = time.time() - server.last_heartbeat
        if server.lease and silent > max(2.0, server.lease / 2):
            left = max(0.0, server.lease - silent)
            sentences.append(f"{server.name}: no heartbeat for {silent:.0f} s; its runs move in {left:.0f} s")
    return sentences


def could_have_run(found: Records, ids: Iterable[str]) -> int:
    """How many of the task servers that live now were connected before the first of these runs was taken."""
    taken = [start.at for run in ids if run in found.runs for start in found.runs[run].starts]
    first = min(taken, default=0.0)
    return sum(0 < server.first_up < first for server in task_servers(found))


if __name__ == "__main__":  # for scripts/status.sh
    print(len(subscribed()))

#!/usr/bin/env python3
"""Runs the example's task at a steady rate for long, and says whether memory or the number of open files grows.

MINUTES=30   how long
RATE=5       runs a second
Exit 0 if every process's memory stayed within 10% and its open files did not grow; 1 if not; 2 for bad input.
The first sixth of the time is to warm up in: caches fill, every code path has run once.
"""

import os
import sys
import threading
import time
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table

from workshop_kit import prefect_api, processes, workshop
from workshop_kit.chaos.chaos import import_task_server
from workshop_kit.needs import Needs
from workshop_kit.state_files import children

NEEDS = Needs(own="make soak", part="SOAK", same_port=True)

EVERY = 5.0  # seconds between looks
GROWTH = 0.10  # of memory
FILES = 8  # open files that come and go: connections


def memory(pid: int) -> float:
    """Resident megabytes; 0 if it is gone."""
    try:
        return processes.used(pid)[1]
    except OSError:
        return 0.0


def submit(over: threading.Event, rate: float, sent: list[int]) -> None:
    import task_server

    began = time.monotonic()
    while not over.wait(max(0.0, began + sent[0] / rate - time.monotonic())):
        try:
            task_server.ship.delay(f"parcel {sent[0]}")
        except (httpx.HTTPError, OSError) as error:
            print(f"a submit failed: {error}", flush=True)
        sent[0] += 1


def main() -> int:
    minutes = workshop.whole_number("MINUTES", 30, 1, 24 * 60)
    rate = workshop.whole_number("RATE", 5, 1, 100)
    import_task_server()
    over, sent = threading.Event(), [0]
    threading.Thread(target=submit, args=(over, float(rate), sent), daemon=True).start()
    watched = {name: pid for what in ("server", "task_server", "rescuer") for name, pid in children(what).items()}
    watched["this submitter"] = os.getpid()
    seen: dict[str, list[tuple[float, int]]] = {name: [] for name in watched}
    began, printed = time.monotonic(), 0.0
    print(f"{minutes} minutes at {rate} runs/s: {', '.join(watched)}", flush=True)
    while (now := time.monotonic() - began) < minutes * 60:
        for name, pid in watched.items():
            seen[name].append((memory(pid), processes.open_files(pid)))
        if now - printed > 60:
            printed = now
            print(
                f"{now / 60:.0f} min, {sent[0]} submitted: "
                + ", ".join(f"{n} {s[-1][0]:.0f} MB" for n, s in seen.items())
            )
        time.sleep(EVERY)
    over.set()

    table = Table("process", "MB at first", "MB at last", "growth", "files at first", "files at last")
    bad = []
    for name, looks in seen.items():
        warm = looks[len(looks) // 6 :]
        third = max(1, len(warm) // 3)
        first, last = warm[:third], warm[-third:]
        before, after = median(m for m, _ in first), median(m for m, _ in last)
        files, more = median(f for _, f in first), median(f for _, f in last)
        growth = after / before - 1 if before else 1.0
        if growth > GROWTH or more > files + FILES or not after:
            bad.append(name)
        table.add_row(name, f"{before:.0f}", f"{after:.0f}", f"{growth:+.1%}", f"{files:.0f}", f"{more:.0f}")
    Console(no_color=True).print(table)
    waiting = prefect_api.count("SCHEDULED")
    print(f"{sent[0]} submitted in {minutes} minutes, {waiting} waiting; grown: {', '.join(bad) or 'nothing'}")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(130)

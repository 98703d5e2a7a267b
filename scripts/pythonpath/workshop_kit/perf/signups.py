#!/usr/bin/env python3
"""Measures example 4's request, in turn: POST /users as it is, and with the three calls made inline, before it answers.

QUICK=1   20 of each instead of 100

Both by the same API on this machine, one at a time, with FAIL_RATE=0 and two task servers (an inline call has no
retries). A benchmark, no test: prints a table, the exit code is 0. Exit 2 when something could not be measured.
"""

import statistics
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from workshop_kit import http_client, ports, state_files, workshop
from workshop_kit.perf import bench


class Signups(bench.KitSide):
    """`make ex4`, and an API with the inline route beside it."""

    def settings(self) -> dict[str, str]:
        return {"FAIL_RATE": "0", "WORK_SECONDS": "0.3"}

    def start(self) -> float:
        began = time.monotonic()
        self.kit.start("ex4")
        # The services count up from it, and the second API is the sixth.
        self.web = int(self.kit.environment["WEB_PORT"])
        serve = '. "$KIT/scripts/env.sh"; PYTHONPATH=$PYTHONPATH:$1 exec loopback "$0" inline:app "$2"'
        lesson = str(workshop.KIT / "examples" / "ex4_signups")
        self.launch("bash", "-c", serve, str(bench.PROGRAMS), lesson, str(self.web + 5))
        self.wait("the API with the inline route", lambda: ports.listens(self.web + 5))
        return time.monotonic() - began


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> int:
    number = 20 if workshop.whole_number("QUICK", 0, 0, 1) else 100
    if state_files.running_example():
        workshop.fail("an example is running, and would be measured too", "make stop, then make bench EX=4")
    bench.results().mkdir(parents=True, exist_ok=True)
    routes = {"the three calls inline": (5, "/inline"), "three background tasks": (0, "/users")}
    found: dict[str, list[float]] = {name: [] for name in routes}
    try:
        with bench.running(Signups) as (side, _):
            for count in range(-2, number):  # two to warm up
                for name, (offset, path) in routes.items():
                    user = {"email": f"{path[1:]}.{count + 2}@example.com", "name": "Ford"}
                    url = f"http://127.0.0.1:{side.web + offset}{path}"
                    seconds = seconds_of(lambda url=url, user=user: http_client.call("POST", url, user, timeout=30))
                    if count >= 0:
                        found[name].append(seconds)
    except bench.FAILURES as error:
        workshop.fail(bench.what_failed(error), "make doctor, then make bench EX=4")
    table = Table(f"POST, {number} of each in turn", "median", "p95", "worst")
    p95 = {}
    for name, samples in found.items():
        p95[name] = statistics.quantiles(samples, n=20)[-1]
        cells = (statistics.median(samples), p95[name], max(samples))
        table.add_row(name, *[f"{1000 * value:.0f} ms" for value in cells])
    Console(no_color=True).print(table)
    ratio = p95["three background tasks"] / p95["the three calls inline"]
    print(f"p95 with background tasks: {ratio:.2f} of what it is with the calls inline")
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "stopped; nothing was kept")

#!/usr/bin/env python3
"""make status: what runs in this WORKSHOP_HOME, and whether it is ready. Standard library only: it needs no set-up.

Exit 0: ready; 3: nothing runs; 1: not ready yet, or something is left of an example that was killed.
"""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from workshop_kit import ports, state_files, workshop
from workshop_kit.settings import KIT, settings
from workshop_kit.state_files import BACKGROUND_SERVER, CHILD

READY, NOT_READY, NOTHING = 0, 1, 3


def line(what: str, text: str) -> None:
    print(f"  {what:13} {text}")


def server() -> str:
    """Of the kit's own Prefect server: with REMOTE=1 the settings name another."""
    return f"http://127.0.0.1:{settings().prefect_port}"


def healthy() -> bool:
    """Whether it answers its health check. It has longer than prefect_api.healthy() gives it: nobody asks again."""
    from workshop_kit import http_client

    try:
        return http_client.call("GET", f"{server()}/api/health") is True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether there is an HTTP server that has such a page."""
    from workshop_kit import http_client

    try:
        return http_client.ask("GET", url).status == 200
    except OSError:
        return False


def there() -> NoReturn:
    """On a machine that has joined another: what runs here; whether that one answers, another module says."""
    from workshop_kit import joined

    at = joined.kept().get("at", "").removeprefix("https://")
    print(f"this machine has joined {at} (make leave forgets it)")
    mine = [kept for kept in state_files.kept_processes() if kept.name.startswith("task_server") and kept.role == CHILD]
    line("task servers", f"{len(mine)} of this machine")
    sys.stdout.flush()
    script = str(KIT / "scripts" / "py.sh")
    os.execv(script, [script, "commands.check_there"])  # noqa: S606


def without_example() -> int:
    """What runs nevertheless, or is left."""
    if state_files.keeper_of(BACKGROUND_SERVER):
        if healthy():
            print(f"the Prefect server of example 1 runs in the background: {server()} (make stop ends it)")
            return READY
        log = settings().home / "logs" / "server.log"
        print(f"the Prefect server of example 1 is starting, or not healthy: see {log}")
        return NOT_READY
    from workshop_kit.commands import stop

    if left := len(stop.leftovers()) + len(stop.containers_left()):
        print(f"an example was killed and left {left} process(es) or container(s): make stop")
        return NOT_READY
    print("nothing runs: make ex2")
    return NOTHING


def subscribed(wanted: int) -> int:
    """How many task servers runs are sent to."""
    from workshop_kit import http_client

    try:
        found = len(http_client.call("POST", f"{server()}/api/task_workers/filter", {}))
    except OSError:
        return 0
    if found >= wanted:
        return found
    from workshop_kit.commands import example_records

    # One whose slots are all taken may have left the queue to others: that is in its record.
    return len(example_records.subscribed())


def task_servers(wanted: int, joinable: bool) -> bool:
    """Print how many there are of the example's own, and of other machines. Whether its own are all there."""
    if not joinable:
        found = subscribed(wanted)
        line("task servers", f"{found} subscribed, {wanted} wanted")
        return found >= wanted
    from durable.text import printable
    from workshop_kit.commands import example_records

    servers = example_records.subscribed()
    found, elsewhere = sum(not each["machine"] for each in servers), example_records.listed_elsewhere(servers)
    line(
        "task servers", f"{found} subscribed, {wanted} wanted" + (f", and {printable(elsewhere)}" if elsewhere else "")
    )
    for sentence in example_records.missed_heartbeats(example_records.read_once()):
        line("", printable(sentence))
    return found >= wanted


def parts(fields: Mapping[str, str]) -> bool:
    """Print a line for each part of the example that runs. Whether all of them are well."""
    from workshop_kit import examples

    if good := healthy():
        line("Prefect", f"healthy: {server()}")
        good = task_servers(int(fields["servers"]), bool(fields.get("at")))
    else:
        line("Prefect", f"does not answer on port {settings().prefect_port}")
    for service in examples.EXAMPLES[int(fields["ex"])].services:
        port = os.environ[service.port]
        works = answers(service.url)
        says = f"answers: http://127.0.0.1:{port}" if works else f"does not answer properly on port {port}"
        line(service.name.removeprefix("the "), says)
        good = good and works
    return good


def of_example(fields: Mapping[str, str]) -> int:
    """What runs, part by part."""
    running = state_files.running_example()
    how = ""
    if running and running.own_code:
        how = f" with your code in {workshop.shown(running.code)}"
    elif fields.get("docker") == "1":
        how = " in Docker"
    print(f"example {fields['ex']} runs{how} (pid {fields['pid']})")
    if fields.get("remote") == "1":
        line("Prefect", f"REMOTE=1: {fields['url']}, a server of yours")
        ready = (settings().run / "ready").exists()
    else:
        ready = parts(fields)
        if fields.get("llm"):
            line("model", f"LLM={fields['llm']}")
        # Of containers it is a copy that make ex7 has made.
        code = (settings().run if fields.get("docker") == "1" else settings().home) / "port" / "code"
        if wrong := ports.moved(fields.get("at", ""), f"make ex{fields['ex']}"):
            line("others join", wrong)
            ready = False
        elif fields.get("at") and code.exists():
            line("others join", f"make server AT={fields['at']}, with the code {code.read_text().strip()}")
    print("ready" if ready else "not ready yet")
    return READY if ready else NOT_READY


def main() -> int:
    workshop.end_without_a_word()
    if name := state_files.other_machine():
        print(
            f"{settings().home} is in use on another machine, {name}: make status there, or another WORKSHOP_HOME here"
        )
        return NOT_READY
    if fields := state_files.example_fields():
        return of_example(fields)
    if state_files.has_joined():
        there()
    return without_example()


if __name__ == "__main__":
    sys.exit(main())

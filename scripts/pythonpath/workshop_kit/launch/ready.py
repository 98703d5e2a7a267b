"""Waits until an example is ready, whether it runs under honcho or in containers, and says so in one line."""

import os
import time
from collections.abc import Callable

from workshop_kit import workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch.output import say


def wait_for(what: str, ready: Callable[[], bool], began: float, over: Callable[[], bool]) -> bool:
    """Look every 0.1 s; say what we wait for after 2 s and then every 10 s. False when it is over first."""
    told = 2.0
    while not over():
        if ready():
            return True
        if time.monotonic() - began > told:
            say(f"waiting for {what} ({time.monotonic() - began:.0f} s)")
            told += 10
        time.sleep(0.1)
    return False


def answers(url: str) -> bool:
    """Whether the address answers JSON."""
    try:
        workshop.call("GET", url, timeout=2)
    except OSError:
        return False
    return True


def all_are_there(servers: int) -> bool:
    """With REMOTE=1: whether our own task servers are among those subscribed there (true where it does not tell)."""
    from workshop_kit import remote  # Prefect: heavy, so only now

    there = remote.subscribed()
    if there is None:
        return True
    ours = {str(pid) for pid in workshop.children("task_server").values()}
    return len(ours & {name.rpartition("-")[2] for name in there}) >= servers


def announce(
    ex: int,
    servers: int,
    began: float,
    over: Callable[[], bool],
    put_back: Callable[[], object],
    in_containers: bool = False,
) -> None:
    """Watch the example come up; print the one line that says so, unless it is over first.

    put_back is called when the Prefect server is healthy. In containers the task servers of REMOTE=1 are not looked
    for: they have no pids' files here.
    """
    need = f"{servers} task server(s) to subscribe"
    if not workshop.REMOTE:
        if not wait_for("the Prefect server", workshop.healthy, began, over):
            return
        put_back()
        if not wait_for(need, lambda: len(workshop.subscribed()) >= servers, began, over):
            return
    elif not in_containers and not wait_for(f"{need} there", lambda: all_are_there(servers), began, over):
        return
    for service in EXAMPLES[ex].services:
        if not wait_for(service.name, lambda url=service.url: answers(url), began, over):
            return
    (workshop.RUN / "ready").touch()
    seconds = time.monotonic() - began
    ui = os.environ["REMOTE_URL"].removesuffix("/api") if workshop.REMOTE else workshop.UI
    say(f"ready in {seconds:.1f} s: UI {ui} - next, in another terminal: {EXAMPLES[ex].following}")
    if at := os.environ.get("JOIN_AT"):
        say(f"another machine joins with: make server AT={at}")
        say(f"the code it asks for: {workshop.of_port('code').read_text()}")

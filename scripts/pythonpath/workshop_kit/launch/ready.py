"""Waits until an example is ready, whether it runs under honcho or in containers, and says so in one line."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from workshop_kit import http_client, prefect_api, state_files, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch.output import say
from workshop_kit.settings import settings


def wait_for(what: str, ready: Callable[[], bool], began: float, over: Callable[[], bool]) -> bool:
    """Look every 0.1 s; say what we wait for after 2 s and then every 10 s. False when it is over first."""
    next_notice = 2.0
    while not over():
        if ready():
            return True
        if time.monotonic() - began > next_notice:
            say(f"waiting for {what} ({time.monotonic() - began:.0f} s)")
            next_notice += 10
        time.sleep(0.1)
    return False


def answers(url: str) -> bool:
    """Whether the address answers JSON."""
    try:
        http_client.call("GET", url, timeout=2)
    except OSError:
        return False
    return True


class OwnOnes:
    """Those of the example's own task servers that were subscribed at some look: where other machines may join, the
    Prefect server names theirs, too, and of a full one nothing for a moment.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def are_there(self, servers: int) -> bool:
        self._seen |= {server["identifier"].rpartition("-")[2] for server in prefect_api.subscribed()}
        return len(self._seen & {str(pid) for pid in state_files.children("task_server").values()}) >= servers


def all_are_there(servers: int) -> bool:
    """With REMOTE=1: whether our own task servers are among those subscribed there (true where it does not tell)."""
    from workshop_kit import remote  # Prefect: heavy, so only now

    there = remote.subscribed()
    if there is None:
        return True
    ours = {str(pid) for pid in state_files.children("task_server").values()}
    return len(ours & {name.rpartition("-")[2] for name in there}) >= servers


def whose_serve(folder: Path, ours: bool) -> str:
    """Whose `serve` runs where a file there imports Prefect's, which sitecustomize.py exchanges. Empty if none does."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.py"))]
    if not any("from prefect.task_worker import" in text for text in texts):
        return ""
    return "serve: durable's; Prefect's own with OURS=0" if ours else "serve: Prefect's own (OURS=0)"


def announce(
    ex: int,
    servers: int,
    began: float,
    over: Callable[[], bool],
    requeue: Callable[[], object],
    in_containers: bool = False,
) -> None:
    """Watch the example come up; print the one line that says so, unless it is over first.

    requeue is called when the Prefect server is healthy. In containers the task servers of REMOTE=1 are not looked
    for: they have no pids' files here.
    """
    need = f"{servers} task server(s) to subscribe"
    if not settings().remote:
        if not wait_for("the Prefect server", prefect_api.healthy, began, over):
            return
        requeue()
        own, joinable = OwnOnes(), bool(os.environ.get("JOIN_AT")) and not in_containers
        are_there = own.are_there if joinable else lambda servers: len(prefect_api.subscribed()) >= servers
        if not wait_for(need, lambda: are_there(servers), began, over):
            return
    elif not in_containers and not wait_for(f"{need} there", lambda: all_are_there(servers), began, over):
        return
    for service in EXAMPLES[ex].services:
        if not wait_for(service.name, lambda url=service.url: answers(url), began, over):
            return
    state_files.note_ready()
    seconds = time.monotonic() - began
    ui = os.environ["REMOTE_URL"].removesuffix("/api") if settings().remote else settings().ui
    say(f"ready in {seconds:.1f} s: UI {ui} - next, in another terminal: {EXAMPLES[ex].following}")
    if line := whose_serve(Path(os.environ["CODE"]), os.environ.get("OURS") != "0"):
        say(line)
    if at := os.environ.get("JOIN_AT"):
        say(f"another machine joins with: make server AT={at}")
        say(f"the code it asks for: {workshop.of_port('code').read_text()}")

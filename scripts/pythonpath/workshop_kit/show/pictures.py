#!/usr/bin/env python3
"""Makes the pictures of the READMEs, from the real thing: runs every example and looks at it.

EX=2       the pictures of one example alone; EX=architecture: the one of docs/ARCHITECTURE.md, which is drawn;
           EX=room: the board of make room
OUT=docs   the folder to write them into
In a WORKSHOP_HOME and on ports of its own, so an example of yours may run meanwhile. Ctrl-C leaves nothing behind.
"""

import os
import re
import signal
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from durable import joining
from workshop_kit import in_room, workshop
from workshop_kit.launch import unattended
from workshop_kit.launch.unattended import Kit
from workshop_kit.show import diagram
from workshop_kit.show.camera import Camera, chromium

LEARNERS = [  # who are not there: name, example, step, the finding of a call
    ("Arthur", 2, 3, 0),
    ("Ford, row 3", 2, 5, 235),
    ("Trillian", 3, 1, 0),
    ("Zaphod", 2, 5, 242),
    ("Marvin", 2, 10, 0),
    ("Fenchurch", 2, 4, 0),
]
ANSWER = 120  # seconds until the Prefect server answers: chaos may just have killed it


def shows(text: str) -> Callable[[Any], None]:
    """Waits until a page of the Prefect UI shows the text, and has faded in."""

    def wait(page: Any) -> None:  # Playwright's Page
        page.get_by_text(text).first.wait_for()
        page.wait_for_timeout(700)

    return wait


def in_a_terminal(kit: Kit, typed: str) -> str:
    """What `make …` prints in a terminal, with its colours."""
    return kit.make(typed, in_a_terminal=True)


def asked(kit: Kit, path: str, body: dict[str, Any]) -> Any:
    """What Prefect's API answers to a POST; asks again for ANSWER seconds, then exits 1."""
    patience = time.monotonic() + ANSWER
    while True:
        try:
            return workshop.call("POST", f"{kit.prefect}/api{path}", body)
        except OSError as error:
            if time.monotonic() > patience:
                workshop.fail(f"the Prefect API does not answer: {error}", "make doctor", 1)
            time.sleep(0.5)


def ex1(kit: Kit, camera: Camera) -> None:
    """The run's page in the Prefect UI, with the line that the task printed."""
    printed = kit.make("ex1 NAME=Ford")
    address = re.search(r"page: (\S+)", printed)[1]
    camera.page("ex1-run", address, shows("Hello, Ford!"))


def ex2(kit: Kit, camera: Camera) -> None:
    """Twenty runs spread over two task servers, and the board while more are under way."""
    with kit.running("ex2 SERVERS=2") as ready:
        started = ("make ex2 SERVERS=2", ready)
        mapped = in_a_terminal(kit, "submit-map N=20")
        camera.terminal("ex2", started, ("make submit-map N=20      # in another terminal", mapped))
        kit.make("submit-map N=24 WAIT=0")
        waiting = {"task_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        while asked(kit, "/task_runs/count", waiting) > 8:
            time.sleep(0.1)  # some have ended, some run, some wait: that is the picture
        camera.terminal("ex2-watch", ("make watch", in_a_terminal(kit, "watch ONCE=1")))


def ex3(kit: Kit, camera: Camera) -> None:
    """The app's own page of its routes, where a request was tried out."""
    with kit.running("ex3"):

        def try_it_out(page: Any) -> dict[str, float]:
            page.set_viewport_size({"width": 1100, "height": 1500})  # so that it need not scroll
            post = page.locator(".opblock-post")
            post.locator(".opblock-summary").click()
            post.get_by_role("button", name="Try it out").click()
            post.get_by_role("button", name="Execute").click()
            answer = post.locator(".live-responses-table")
            answer.get_by_text("task_run_id").wait_for()
            top, end = post.bounding_box(), answer.bounding_box()
            return top | {"height": end["y"] + end["height"] - top["y"]}

        camera.page("ex3-docs", f"{kit.web}/docs", try_it_out)


def ex4(kit: Kit, camera: Camera) -> None:
    """The page with the users and the states of their tasks."""
    with kit.running("ex4 SERVERS=2 FAIL_RATE=0.5"):  # enough retries to see one
        kit.make("signup NAME=Ford EMAIL=ford@example.com")
        kit.make("signup NAME=Trillian EMAIL=trillian@example.com")

        def sign_up(page: Any) -> None:
            for name in ("Arthur", "Fenchurch", "Zaphod", "Eddie"):  # until a task of somebody's awaits its retry
                page.get_by_label("Name").fill(name)
                page.get_by_label("Email").fill(f"{name.lower()}@example.com")
                page.get_by_role("button", name="Sign up").click()
                row = page.locator("tbody tr", has_text=f"{name.lower()}@example.com")
                row.get_by_text("Completed").first.wait_for()
                if row.get_by_text("AwaitingRetry").count():
                    return

        camera.page("ex4-page", kit.web, sign_up)


def ex5(kit: Kit, camera: Camera) -> None:
    """The page with a question, the states that its run passed, and the answer."""
    with kit.running("ex5 LLM=canned"):

        def ask(page: Any) -> None:
            page.get_by_label("Your question").fill("Please, what is the meaning of life?")
            page.get_by_role("button", name="Ask", exact=True).click()
            page.locator("article .source").get_by_text("answered by").wait_for()

        camera.page("ex5-page", kit.web, ask)


def ex6(kit: Kit, camera: Camera) -> None:
    """The scoreboard after twenty seconds of chaos, and the page of a run that was rescued."""
    with kit.running("ex6 SERVERS=3"):
        score = in_a_terminal(kit, "chaos N=120 SECONDS=20 SEED=42")
        camera.terminal("ex6-chaos", ("make chaos N=120 SECONDS=20 SEED=42", score))
        runs = asked(kit, "/task_runs/filter", {})
        rescued = [run["id"] for run in runs if run["run_count"] > 1 and run["state_type"] == "COMPLETED"]
        if not rescued:
            workshop.fail("nothing was rescued this time, so there is no page of it", "make pictures EX=6", 1)
        address = f"{kit.prefect}/runs/task-run/{rescued[0]}"
        camera.page("ex6-rescued", address, shows("back in the queue"))


def ex7(kit: Kit, camera: Camera) -> None:
    """The board while two machines share the work, and the scoreboard of chaos: this one is both, on loopback."""
    with kit.running("ex7 LISTEN=127.0.0.1 WORK_SECONDS=1 LEASE_SECONDS=5"):
        home = Path(kit.environment["WORKSHOP_HOME"])
        there = {"WORKSHOP_HOME": str(home / "elsewhere"), "JOIN_CODE": (home / "port" / "code").read_text()}
        elsewhere = Kit(kit.environment | there | {"WORK_SECONDS": "1"}, "elsewhere")
        with open(os.devnull, "wb") as nowhere:
            elsewhere.begin(f"server AT=127.0.0.1:{int(kit.environment['PREFECT_PORT']) + 43}", nowhere.fileno())
        try:
            while len(asked(kit, "/task_workers/filter", {})) < 2:
                time.sleep(0.1)
            kit.make("submit-map N=16 WAIT=0")
            waiting = {"task_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
            while asked(kit, "/task_runs/count", waiting) > 6:
                time.sleep(0.1)
            camera.terminal("ex7-watch", ("make watch", in_a_terminal(kit, "watch ONCE=1")))
            score = in_a_terminal(kit, "chaos N=60 SECONDS=30 SEED=5")
            camera.terminal("ex7-chaos", ("make chaos N=60 SECONDS=30 SEED=5", score))
        finally:
            elsewhere.stop()


def room(kit: Kit, camera: Camera) -> None:
    """The board of the room, with learners who are not there: name, example, step, and the finding of a call."""
    at = f"127.0.0.1:{int(kit.environment['PREFECT_PORT']) + 100}"
    folder = Path(kit.environment["WORKSHOP_HOME"]) / "room"
    with open(os.devnull, "wb") as nowhere:
        opened = kit.begin("room LISTEN=127.0.0.1", nowhere.fileno())
    try:
        while "0 learners" not in kit.make("room ONCE=1"):
            time.sleep(0.1)
        ca = ssl.PEM_cert_to_DER_cert((folder / "ca.pem").read_text())
        stranger, password = joining.meet(at, joining.code_of((folder / "password").read_text(), ca))
        for me, ex, step, finding in LEARNERS:
            about = {"password": password, "me": me, "protocol": in_room.PROTOCOL}
            there = replace(stranger, token=joining.trade(stranger, "/room/join", about)["token"])
            lines = [{"n": 1, "ex": ex, "step": step}]
            lines += [{"n": 2, "call": 1}, {"n": 3, "finding": finding}] if finding else []
            there.request("POST", "/room/told", lines)
        camera.terminal("room", ("make room", in_a_terminal(kit, "room ONCE=1")))
    finally:
        os.killpg(opened.pid, signal.SIGTERM)
        opened.wait()


def architecture(kit: Kit, camera: Camera) -> None:
    """The parts of the kit: the one picture that nothing needs to run for."""
    camera.keep("architecture.svg", diagram.architecture().encode())


PICTURES = {"1": ex1, "2": ex2, "3": ex3, "4": ex4, "5": ex5, "6": ex6, "7": ex7, "architecture": architecture}
PICTURES |= {"room": room}
TERMINALS_ONLY = {"2", "7", "architecture", "room"}


def main() -> int:
    only = os.environ.get("EX", "")
    if only not in ("", *PICTURES):
        workshop.fail(f"there is no example EX={only[:40]!r}", "make pictures EX=2")
    out = Path(os.environ.get("OUT") or workshop.KIT / "docs")
    if not out.is_dir():
        workshop.fail(f"OUT={str(out)[:200]!r} is no folder", "make pictures OUT=docs")
    chosen = [only] if only else list(PICTURES)
    if set(chosen) - TERMINALS_ONLY:
        chromium()
    began = time.monotonic()
    for ex in chosen:
        with unattended.own_kit("pictures") as kit:
            try:
                PICTURES[ex](kit, Camera(kit, out))
            except unattended.Broken as broken:
                typed, said = broken.args
                workshop.fail(f"make {typed} failed: {said[-200:]}", "make doctor", 1)
    print(f"done in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left; the pictures that were made are there")

#!/usr/bin/env python3
"""Makes the pictures of the READMEs, from the real thing: runs every example and looks at it.

EX=2       the pictures of one example alone; EX=architecture: the one of docs/ARCHITECTURE.md, which is drawn;
           EX=room: the board of make room
OUT=docs   the folder to write them into
In a WORKSHOP_HOME and on ports of its own, so an example of yours may run meanwhile. Ctrl-C leaves nothing behind.
"""

import os
import signal
import ssl
import time
from dataclasses import replace
from pathlib import Path

from durable import joining
from workshop_kit import examples, in_room, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import unattended
from workshop_kit.launch.unattended import Kit
from workshop_kit.needs import Needs
from workshop_kit.show import diagram
from workshop_kit.show.camera import Camera, chromium
from workshop_kit.show.picture_helpers import in_a_terminal

NEEDS = Needs(packages="dev")

LEARNERS = [  # who are not there: name, example, step, the finding of a call
    ("Arthur", 2, 3, 0),
    ("Ford, row 3", 2, 5, 235),
    ("Trillian", 3, 1, 0),
    ("Zaphod", 2, 5, 242),
    ("Marvin", 2, 10, 0),
    ("Fenchurch", 2, 4, 0),
]


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
        stranger, password = joining.verify_port(at, joining.code_of((folder / "password").read_text(), ca))
        for me, ex, step, finding in LEARNERS:
            about = {"password": password, "me": me, "protocol": in_room.PROTOCOL}
            there = replace(stranger, token=joining.exchange_password(stranger, "/room/join", about)["token"])
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


OF_EXAMPLES = {str(ex): own for ex in EXAMPLES if (own := examples.own(ex, "pictures"))}
PICTURES = {ex: own.pictures for ex, own in OF_EXAMPLES.items()} | {"architecture": architecture, "room": room}
TERMINALS_ONLY = {ex for ex, own in OF_EXAMPLES.items() if hasattr(own, "TERMINALS_ONLY")} | {"architecture", "room"}


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

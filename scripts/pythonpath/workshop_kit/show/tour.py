#!/usr/bin/env python3
"""Every example in turn, unattended: starts it, does what its chapter does, checks its promises, stops it.

EX=3       one example alone
DOCKER=1   examples 4 and 5 in Docker, too
Prints what it types, each promise that holds, and a table at the end. Exit 1 at the first ✗, with what that command
said. Exit 2 beside a running example. It uses this WORKSHOP_HOME, and leaves its runs there for you to look at.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.table import Table

from workshop_kit import examples, workshop
from workshop_kit.examples import EXAMPLES, Example

START = 120  # seconds that an example may take until it is ready; in Docker the image is built first
START_IN_DOCKER = 600
STEP = 180  # seconds that a command may take

console = Console(highlight=False)


class Broken(Exception):
    """What was typed, and what it said."""


def make(command: str) -> str:
    """Type one command; returns what it said. Raises Broken when it fails or takes too long."""
    print(f"  $ make {command}", flush=True)
    try:
        done = subprocess.run(
            ["make", "-s", *command.split()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(command, f"it took more than {STEP} s") from error
    if done.returncode:
        raise Broken(command, (done.stdout + done.stderr).strip()[-1500:])
    return done.stdout


def prove(ex: int) -> None:
    """Its promises, each with a ✓. Raises Broken."""
    said = make(f"check EX={ex}")
    print("".join(f"    {line}\n" for line in said.splitlines()), end="", flush=True)


@contextmanager
def running(command: str) -> Iterator[None]:
    """The example of terminal 1, ready; stopped at the end, come what may."""
    log = workshop.HOME / "logs" / "tour.log"
    print(f"  $ make {command}", flush=True)
    with log.open("wb") as output:
        terminal = subprocess.Popen(
            ["make", "-s", *command.split()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    patience = time.monotonic() + (START_IN_DOCKER if "DOCKER" in command else START)
    try:
        while "\nready" not in "\n" + log.read_text(errors="replace"):
            if terminal.poll() is not None or time.monotonic() > patience:
                raise Broken(command, log.read_text(errors="replace").strip()[-1500:])
            time.sleep(0.2)
        yield
    finally:
        if terminal.poll() is None:
            os.killpg(terminal.pid, signal.SIGINT)
            try:
                terminal.wait(timeout=90)
            except subprocess.TimeoutExpired:
                subprocess.run(["make", "-s", "stop"], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def chapter(example: Example, docker: bool) -> None:
    """One chapter: what its example.env says under TOUR. Raises Broken."""
    # Example 1 is a program that ends; its server stays in the background.
    start = f"ex{example.number}" + (" DOCKER=1" if docker else "") if example.servers else ""
    with running(start) if start else nullcontext():
        for command in example.tour:
            make(command)
        prove(example.number)
    if not start:
        make("stop")


def main() -> int:
    docker = bool(workshop.whole_number("DOCKER", 0, 0, 1))
    only = os.environ.get("EX", "")
    chosen = [example for example in EXAMPLES.values() if only in ("", str(example.number))]
    if not chosen:
        workshop.fail(f"there is no example EX={only[:40]!r} (there are {examples.known()})", "make tour EX=2")
    chapters = [(example, False) for example in chosen]
    chapters += [(example, True) for example in chosen if docker and example.docker]
    if workshop.running_example():
        workshop.fail("an example is running", "make stop, then make tour")
    for variable in ("EX", "DOCKER", "N", "NAME", "SERVERS", "LLM", "Q", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        os.environ.pop(variable, None)  # what was typed for the tour is not for its commands
    os.environ["CODE"] = ""  # the finished files, whatever .env says
    os.environ["LLM"] = "canned"  # example 5: a show needs no key
    (workshop.HOME / "logs").mkdir(parents=True, exist_ok=True)
    table = Table("example", "", "seconds")
    code = 0
    for example, in_docker in chapters:
        name = f"{example.number} in Docker" if in_docker else str(example.number)
        print(f"example {name}", flush=True)
        began = time.monotonic()
        try:
            chapter(example, in_docker)
            table.add_row(name, "✓", f"{time.monotonic() - began:.0f}")
        except Broken as broken:
            command, said = broken.args
            table.add_row(name, "✗", f"{time.monotonic() - began:.0f}")
            print(f"✗ make {command}\n{said}", file=sys.stderr)
            code = 1
            break
    console.print(table)
    return code


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left")

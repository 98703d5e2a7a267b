#!/usr/bin/env python3
"""Every example in turn, unattended: starts it, does what its chapter does, checks its promises, stops it.

EX=3       one example alone
DOCKER=1   examples 4 and 5 in Docker, too
Prints what it types, each promise that holds, and a table at the end. Exit 1 at the first ✗, with what that command
said. Exit 2 beside a running example. It uses this WORKSHOP_HOME, and leaves its runs there for you to look at.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.table import Table

from workshop_kit import workshop
from workshop_kit.launch import unattended
from workshop_kit.launch.unattended import START, Broken, Kit

START_IN_DOCKER = 600  # seconds that an example may take until it is ready: the image is built first

# What each chapter does: the command that starts it in terminal 1, and the commands of terminal 2.
CHAPTERS: dict[str, tuple[str, list[str]]] = {
    "1": ("", ["ex1 NAME=Ford", "runs N=3"]),
    "2": ("ex2 SERVERS=2", ["submit NAME=Agrajag", "submit-map", "submit-map N=20"]),
    "3": ("ex3", ["task NAME=Trillian"]),
    "4": ("ex4 SERVERS=2", ["signup", "signup N=10"]),
    "5": ("ex5 SERVERS=2 LLM=canned", ["ask Q=What_is_the_meaning_of_life?"]),
    "6": ("ex6 SERVERS=3", ["submit-map N=12", "chaos N=40 SECONDS=10"]),
    "4 in Docker": ("ex4 SERVERS=2 DOCKER=1", ["signup", "signup N=10"]),
    "5 in Docker": ("ex5 SERVERS=2 LLM=canned DOCKER=1", ["ask Q=What_is_the_meaning_of_life?"]),
}
console = Console(highlight=False)


def make(kit: Kit, typed: str) -> str:
    """Type one command; returns what it said. Raises Broken when it fails or takes too long."""
    print(f"  $ make {typed}", flush=True)
    return kit.make(typed)


@contextmanager
def running(kit: Kit, typed: str) -> Iterator[None]:
    """The example of terminal 1, ready; stopped at the end, come what may. Raises Broken."""
    print(f"  $ make {typed}", flush=True)
    with kit.running(typed, START_IN_DOCKER if "DOCKER" in typed else START):
        yield


def prove(kit: Kit, name: str) -> None:
    """Its promises, each with a ✓. Raises Broken."""
    said = make(kit, f"check EX={name[0]}")
    print("".join(f"    {line}\n" for line in said.splitlines()), end="", flush=True)


def chapter(kit: Kit, name: str) -> None:
    """One chapter. Raises Broken."""
    start, steps = CHAPTERS[name]
    with running(kit, start) if start else nullcontext():
        for step in steps:
            make(kit, step)
        prove(kit, name)
    if not start:
        make(kit, "stop")


def main() -> int:
    docker = bool(workshop.whole_number("DOCKER", 0, 0, 1))
    only = os.environ.get("EX", "")
    names = [name for name in CHAPTERS if (docker or "Docker" not in name) and only in ("", name[0])]
    if not names:
        workshop.fail(f"there is no example EX={only[:40]!r}", "make tour EX=2")
    if workshop.running_example():
        workshop.fail("an example is running", "make stop, then make tour")
    kit = Kit(unattended.environment(), "tour")
    table = Table("example", "", "seconds")
    code = 0
    for name in names:
        print(f"example {name}", flush=True)
        began = time.monotonic()
        try:
            chapter(kit, name)
            table.add_row(name, "✓", f"{time.monotonic() - began:.0f}")
        except Broken as broken:
            typed, said = broken.args
            table.add_row(name, "✗", f"{time.monotonic() - began:.0f}")
            print(f"✗ make {typed}\n{said.strip()[-1500:]}", file=sys.stderr)
            code = 1
            break
    console.print(table)
    return code


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left")

#!/usr/bin/env python3
"""Every example in turn, unattended: starts it, does what its chapter does, checks its promises, stops it.

EX=3       one example alone
DOCKER=1   those that can in Docker, too
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

from workshop_kit import examples, state_files, workshop
from workshop_kit.examples import EXAMPLES, Example
from workshop_kit.launch import unattended
from workshop_kit.launch.unattended import START, Broken, Kit
from workshop_kit.needs import Needs

NEEDS = Needs(own="make tour")

START_IN_DOCKER = 600  # seconds that an example may take until it is ready: the image is built first
console = Console(highlight=False, no_color=True)


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


def prove(kit: Kit, ex: int) -> None:
    """Its promises, each with a ✓. Raises Broken."""
    said = make(kit, f"check EX={ex}")
    print("".join(f"    {line}\n" for line in said.splitlines()), end="", flush=True)


def chapter(kit: Kit, example: Example, docker: bool) -> None:
    """One chapter: what its example.env says under TOUR. Raises Broken."""
    # A program that ends leaves its server in the background.
    start = f"ex{example.number}" + (" DOCKER=1" if docker else "") if example.servers else ""
    with running(kit, start) if start else nullcontext():
        for command in example.tour:
            make(kit, command)
        prove(kit, example.number)
    if not start:
        make(kit, "stop")


def main() -> int:
    docker = bool(workshop.whole_number("DOCKER", 0, 0, 1))
    only = os.environ.get("EX", "")
    chosen = [example for example in EXAMPLES.values() if only in ("", str(example.number))]
    if not chosen:
        workshop.fail(f"there is no example EX={only[:40]!r} (there are {examples.known()})", "make tour EX=2")
    chapters = [(example, False) for example in chosen]
    chapters += [(example, True) for example in chosen if docker and example.docker]
    if state_files.running_example():
        workshop.fail("an example is running", "make stop, then make tour")
    kit = Kit(unattended.environment() | {"LLM": "canned"}, "tour")  # a tour needs no key of a model
    table = Table("example", "", "seconds")
    code = 0
    for example, in_docker in chapters:
        name = f"{example.number} in Docker" if in_docker else str(example.number)
        print(f"example {name}", flush=True)
        began = time.monotonic()
        try:
            chapter(kit, example, in_docker)
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

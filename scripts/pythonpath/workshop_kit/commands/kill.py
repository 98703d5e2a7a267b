#!/usr/bin/env python3
"""kill -9 for one process of the running example: lists them with what they do, and asks which one dies.

WHO=…   its name or its number in the list: nothing is asked
Exit 0 if it was killed, 2 if there is no such process. A dead process is restarted: that is what example 6 is about.
"""

import os
import signal
import sys

from workshop_kit import state_files, workshop
from workshop_kit.commands import example_records


def chosen(who: str, lives: dict[str, int]) -> str:
    """The name that was typed, or the one with the number that was typed."""
    number = int(who) if who.isascii() and who.isdigit() else 0
    return list(lives)[number - 1] if 1 <= number <= len(lives) else who


def main() -> int:
    running = state_files.running_example()
    if not running:
        workshop.fail("no example is running, so there is nothing to kill", "make ex6 (in another terminal)")
    if running.docker:
        workshop.fail("the example runs in Docker", "make shell, and there: docker compose kill task-server")
    lives = state_files.children()
    task_servers = example_records.task_servers(example_records.read_once())
    in_flight = {server.name: len(server.open) for server in task_servers}
    who = os.environ.get("WHO", "")
    if not who:
        for number, (name, pid) in enumerate(lives.items(), 1):
            busy = f"   {in_flight[name]} run(s) in flight" if in_flight.get(name) else ""
            print(f"{number:3}  {name:15} pid {pid}{busy}")
        if not sys.stdin.isatty():
            workshop.fail("nobody is here to say which one", "make kill WHO=task_server.1")
        while chosen(who, lives) not in lives:  # a slip before an audience is no reason to end
            print("which one dies? ", end="", flush=True)
            if not (typed := sys.stdin.readline()):
                break
            who = typed.strip()
            if chosen(who, lives) not in lives:
                print(f"there is no {who[:40]!r}: a number from 1 to {len(lives)}, or a name (Ctrl-C: nobody)")
    name = chosen(who, lives)
    if name not in lives:
        workshop.fail(f"there is no process {who[:40]!r} (there are {', '.join(lives)})", "make kill WHO=task_server.1")
    os.kill(lives[name], signal.SIGKILL)
    print(f"kill -9 {lives[name]}: {name} is dead")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nnobody died", file=sys.stderr)
        sys.exit(130)
    except ProcessLookupError:
        workshop.fail("it had died already", "make kill")

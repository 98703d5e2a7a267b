#!/usr/bin/env python3
"""The room: one port for the learners' kits, and the instructor's board.

ONCE=1        the board of the room that is open here, as text; ALL=1: with the names
REPORT=file   what the open room knows, as CSV, without names and without what fewer than five share
Keys: n the names, for 30 s; s another order; up and down choose a row, Enter opens it; h it was helped; r another
name; x hides it, X shows what was hidden; d closes the door, so nobody can join, and opens it; D drops all who came in
the last five minutes; c how to join; q closes the room. What the room knows is deleted when it closes, and kept when it
is killed: the next make room goes on with it.
"""

import contextlib
import csv
import os
import shutil
import signal
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live

from durable import tls
from durable.joining import address, code_of, write_private
from workshop_kit import processes, workshop
from workshop_kit.commands.keys import pressed, raw_keys
from workshop_kit.launch import listen
from workshop_kit.room import screen
from workshop_kit.room.port import RoomPort
from workshop_kit.room.roster import DAY, GROUP, Roster
from workshop_kit.room.screen import Look
from workshop_kit.settings import settings

KNOWN, OPEN = "rows.json", "open"  # the second has the pid of the room that is open, and its start time
CONNECTIONS, OF_ONE_ADDRESS = 240, 60  # at once: a kit has one, for some 50 ms; a whole room may share an address
NAMES = 30  # seconds that names are shown for
TICK = 0.2  # seconds between two looks at the rows
UP, DOWN = "\x1b[A", "\x1b[B"


def home() -> Path:
    """Where the room keeps its CA, its password and its rows."""
    return settings().home / "room"


def opened() -> tuple[str, ...]:
    """The pid, the start time and the address of the room that is open here; empty without one."""
    with contextlib.suppress(OSError, ValueError):
        pid, started, at = (home() / OPEN).read_text().split()
        if processes.started_at(int(pid)) == started:
            return pid, started, at
    return ()


def need_open() -> Roster:
    if not opened():
        workshop.fail("no room is open here", "make room (in another terminal)")
    return Roster(home() / KNOWN)


def once() -> int:
    roster = need_open()
    ca = ssl.PEM_cert_to_DER_cert((home() / "ca.pem").read_text())
    look = Look(opened()[2], code_of(tls.password_in(home()), ca), names=os.environ.get("ALL") == "1", view="once")
    console = Console(highlight=False, no_color=True, width=None if sys.stdout.isatty() else 110)
    console.print(screen.board(roster, look, len(roster.all()) + 5))
    return 0


def report(file: str) -> int:
    lines = need_open().report()
    try:
        with Path(file).open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows(lines)
    except OSError as error:
        workshop.fail(f"{file} cannot be written: {error.strerror}", "make room REPORT=report.csv")
    few = f"; what fewer than {GROUP} share is left out" if len(lines) == 1 else ""
    print(f"{file}: {len(lines) - 1} lines, without names{few}")
    return 0


@contextlib.contextmanager
def serving(roster: Roster, at: str, names: list[str], password: str) -> Iterator[str]:
    """The port, in a thread; the code for it."""
    host, port = address(at)
    listening = tls.listener(host, port, CONNECTIONS, OF_ONE_ADDRESS)
    config, ca = tls.config(RoomPort(roster, password, listening.trust), home(), names)
    server = tls.Beside(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield code_of(password, ca)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)


class Screen:
    """The board on a terminal, and what the keys do."""

    def __init__(self, roster: Roster, look: Look) -> None:
        self.roster, self.look = roster, look
        self.names_until = 0.0  # of time.monotonic()

    def shown(self, width: int, height: int) -> RenderableType:
        if self.look.view == "code":
            return screen.how_to_join(self.roster, self.look, width, height)
        row = self.roster.numbered(self.look.chosen)
        if self.look.view == "one" and row:
            return screen.one(row, self.look)
        return screen.board(self.roster, self.look, height)

    def press(self, key: str) -> bool:
        """What a key does; others do nothing. False closes the room."""
        look = self.look
        if look.view == "rename":
            self._type(key)
        elif look.view == "close":
            look.view = "board"
            return key not in "yY"
        elif look.view == "drop":
            look.view = "board"
            if key in "yY":
                self.roster.drop_newcomers()
        elif key in ("q", "Q", "\x04"):
            look.view = "close"
        elif look.view == "one" and key not in "hrxn":
            look.view = "board"
        elif look.view == "code":
            look.view = "board" if key == "c" else "code"
        else:
            self._act(key)
        return True

    def _act(self, key: str) -> None:
        look, row = self.look, self.roster.numbered(self.look.chosen)
        orders = list(screen.ORDERS)
        if key == "n":
            self.names_until = 0.0 if look.names else time.monotonic() + NAMES
        elif key == "s":
            look.order = orders[(orders.index(look.order) + 1) % len(orders)]
        elif key in (UP, DOWN, "k", "j"):
            self._choose(-1 if key in (UP, "k") else 1)
        elif key == "c":
            look.view = "code"
        elif key == "d":
            self.roster.set_door(open=not self.roster.door_is_open)
        elif key == "D":
            look.view = "drop"
        elif key == "X":
            look.hidden = not look.hidden
        elif row and key in "\r\n":
            look.view = "one"
        elif row and key == "h":
            self.roster.helped(row)
        elif row and key == "r":
            look.view, look.typed = "rename", ""
        elif row and key == "x":
            self.roster.hide(row, not row.hidden)

    def _choose(self, by: int) -> None:
        numbers = [row.number for row in screen.ordered(self.roster, self.look)]
        if numbers:
            at = numbers.index(self.look.chosen) + by if self.look.chosen in numbers else 0
            self.look.chosen = numbers[max(0, min(at, len(numbers) - 1))]

    def _type(self, key: str) -> None:
        look = self.look
        if key in "\r\n":
            row = self.roster.numbered(look.chosen)
            if row and look.typed.strip():
                self.roster.rename(row, look.typed)
            look.view = "board"
        elif key == "\x1b":
            look.view = "board"
        elif key in "\x7f\b":
            look.typed = look.typed[:-1]
        elif key.isprintable():
            look.typed += key


def each_key(text: str) -> list[str]:
    """What was read from the terminal as keys: an arrow is three characters."""
    keys = []
    while text:
        key = text[:3] if text[:3] in (UP, DOWN) else text[:1]
        keys.append(key)
        text = text[len(key) :]
    return keys


def stay_on_screen(roster: Roster, look: Look) -> None:
    """Until it is closed with q and y, or twice Ctrl-C, or its terminal is gone."""
    console = Console(highlight=False, no_color=True)
    own = Screen(roster, look)
    with raw_keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        before: object = None
        while True:
            try:
                look.names = time.monotonic() < own.names_until
                now = (roster.changes, replace(look), console.size, time.time() // 10)  # and how long ago it is
                if now != before:
                    before = now
                    live.update(own.shown(console.width, console.height), refresh=True)
                keys = pressed(TICK)
                if keys is None or not all(own.press(key) for key in each_key(keys)):
                    return
            except KeyboardInterrupt:
                if look.view == "close":
                    return
                look.view = "close"


def stay(look: Look, begun: float) -> None:
    """Where there is no screen: a line for how to join, and then until it is told to end."""
    print(f'make join ROOM={look.at} ME="Ford, row 3"', flush=True)
    print(f"the code: {look.code}", flush=True)
    print(f"ready in {time.monotonic() - begun:.1f} s   the room is at {look.at}   next: make room ONCE=1", flush=True)
    while True:
        signal.pause()


def close() -> None:
    """The room is over, and so is what it knows."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):  # the end must not be cut short
        signal.signal(number, signal.SIG_IGN)
    shutil.rmtree(home(), ignore_errors=True)
    with contextlib.suppress(OSError):  # the terminal may be gone
        print("the room is closed, and what it knew is deleted", file=sys.stderr)


def open_room() -> int:
    begun = time.monotonic()
    if opened():
        workshop.fail("a room is open here already, in another terminal", "make room ONCE=1")
    at, names = listen.place("ROOM_PORT")
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    known = home() / KNOWN
    if known.exists() and known.stat().st_mtime < time.time() - DAY:
        shutil.rmtree(home())  # of a room that was killed, and of another day
        home().mkdir(mode=0o700)
    roster = Roster(home() / KNOWN)
    if roster.all():
        killed = screen.counted(len(roster.all()), "learner")
        print(f"going on with the room that was killed: {killed}", file=sys.stderr)
    try:
        roster.save()
        write_private(home() / OPEN, f"{os.getpid()} {processes.started_at(os.getpid())} {at}")
        with serving(roster, at, names, tls.password_in(home())) as code:
            look = Look(at, code)
            if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
                with contextlib.suppress(OSError):  # its terminal was closed, and nothing can be drawn: an end, too
                    stay_on_screen(roster, look)
            else:
                stay(look, begun)
    except Exception as error:  # no end that anybody wanted: what it knows stays
        workshop.fail(f"the room ended: {error or type(error).__name__}", "make room, which goes on where it was", 1)
    except BaseException:  # a signal
        close()
        raise
    close()
    return 0


def main() -> int:
    if file := os.environ.get("REPORT"):
        return report(file)
    if os.environ.get("ONCE") == "1":
        return once()
    return open_room()


if __name__ == "__main__":
    workshop.run_in_good_order(main, "")

#!/usr/bin/env python3
"""Plays the chapter of an example, a key press a step: it tells, types the commands, and shows what happens.

EX=2       which example: its README is the script (show/chapter.py says how it is read). An argument: another file
AUTO=1     unattended: no keys, no pauses; checks that everything happens which the chapter promises
ALL=1      the whole chapter, with the things to try; otherwise what is under "Run it"
FROM=4.6   goes on at this step, when a show fell over; what must run for it is brought up first
N=60 SECONDS=10   a smaller and shorter chaos
DOCKER=1   what is under "The same code in Docker", where the page has that section
NOTES=1    prints the steps with the speaker's notes and minutes, and plays nothing
While a command runs, the keyboard is its own. Otherwise any key goes on, q or Ctrl-C ends the show.
It starts what it needs, stops it at the end, and prints how long each step took. Exit 1 at the first broken promise.
"""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from durable.files import write_whole
from workshop_kit import examples, http_client, state_files, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import unattended
from workshop_kit.needs import Needs
from workshop_kit.settings import settings
from workshop_kit.show import chapter, machines
from workshop_kit.show.machines import Machines
from workshop_kit.show.terminal import Terminal, plain
from workshop_kit.waiting import within

NEEDS = Needs(own="make demo", packages="EX")

STAY = [f"ex{example.number}" for example in EXAMPLES.values() if example.servers] + ["server", "watch"]
STAYS = re.compile(rf"\bmake ({'|'.join(STAY)})\b|MANUAL=1|python \S*_server\.py|uvicorn ")  # runs until Ctrl-C
LONG = 240  # seconds that a command may take
NEWS = 6  # lines that a terminal shows of what it has printed in the background
SOON = 90  # seconds until what a chapter promises must be there
STROKE = 0.025  # seconds between two letters
console = Console(highlight=False, no_color=True)
DUMB = console.is_dumb_terminal  # NO_COLOR, too: no escape sequence


class ChapterBroken(Exception):
    """A promise of the chapter that did not come true."""


class Left(Exception):
    """The speaker ended the show."""


class Keyboard:
    """The speaker's keys: raw, so that one key is one step and Ctrl-C reaches the program in front."""

    def __enter__(self) -> "Keyboard":
        self.before = termios.tcgetattr(0)
        tty.setraw(0)
        # What is printed still needs its carriage returns.
        now = termios.tcgetattr(0)
        now[1] |= termios.OPOST | termios.ONLCR
        termios.tcsetattr(0, termios.TCSANOW, now)
        return self

    def __exit__(self, *_: object) -> None:
        termios.tcsetattr(0, termios.TCSADRAIN, self.before)

    def pressed(self, seconds: float) -> str:
        """The keys that come within so many seconds; empty if none does. Raises Left if the terminal is gone."""
        if not select.select([0], [], [], seconds)[0]:
            return ""
        try:
            keys = os.read(0, 1024).decode(errors="replace")
        except OSError:  # the terminal was closed
            keys = ""
        if not keys:
            raise Left
        return keys

    def wait(self) -> str:
        """For any key, which is returned. Raises Left for q and Ctrl-C."""
        early = ""
        while keys := self.pressed(0):
            early += keys  # what was typed too early counts for nothing, except for Ctrl-C
        key = "\x03" if "\x03" in early else ""
        while not key:
            key = self.pressed(3600)
        if key in ("q", "Q", "\x03", "\x04"):
            raise Left
        return key


class Show:
    """A chapter on the stage."""

    def __init__(self, steps: list[chapter.Event], keyboard: Keyboard | None, docker: bool) -> None:
        self.steps, self.keyboard, self.docker = steps, keyboard, docker
        self.terminals: dict[int, Terminal] = {}
        self.front: Terminal | None = None
        self.looked_at = True  # whether the audience had its pause since something happened
        self.before: dict[Path, str] = {}  # the files that were changed, as they were
        self.took: list[tuple[str, str, float]] = []  # section, what, seconds
        self.block_at: dict[int, int] = {}  # where the last block of commands begins, by terminal
        shorter = {name: os.environ[name] for name in ("N", "CHAOS_SECONDS") if name in os.environ}
        self.environment = unattended.environment() | shorter
        if not keyboard:
            # A home of its own, new each time: the chapter begins where nobody has signed up yet.
            home = settings().home / "demo"
            shutil.rmtree(home, ignore_errors=True)
            self.environment |= {"TERM": "xterm", "WORKSHOP_HOME": str(home)}
        places = {step.machine for step in steps if step.kind == "type"} - {""}
        self.machines = Machines(Path(self.environment["WORKSHOP_HOME"]), "B" in places) if places else None
        columns, lines = shutil.get_terminal_size((100, 30))
        self.size = os.terminal_size((columns, lines) if keyboard else (160, 50))

    # --- the stage ----------------------------------------------------------------------------------

    def pause(self, what: str = "") -> None:
        """Until the speaker presses a key, which will do `what`. Meanwhile the terminal in front stands still."""
        self.looked_at = True
        if not self.keyboard:
            return
        front = self.front
        if front:
            front.show = None
        mark = f" {what} ▸"
        print(mark, end="", flush=True)
        try:
            self.keyboard.wait()
        finally:
            print("\b" * len(mark) + " " * len(mark) + "\b" * len(mark), end="", flush=True)
        if front:
            print_raw(front.text[front.seen :])
            front.seen = len(front.text)
            front.show = print_raw

    def new_line(self) -> None:
        """What comes next does not stand behind a shell's prompt."""
        print("\r\033[K" if self.keyboard and not DUMB else "\n", end="", flush=True)

    def here(self, text: str) -> str:
        """What a chapter says, with the ports and addresses of this machine."""
        text = chapter.here(text)
        return self.machines.here(text) if self.machines else text

    def to_front(self, number: int) -> Terminal:
        """Bring a terminal to the front, with the last of what it has shown meanwhile."""
        terminal = self.terminals.get(number)
        if not terminal:
            environment, prefix = self.environment, []
            if self.machines:
                machine = next((step.machine for step in self.steps if step.terminal == number), "")
                environment, prefix = environment | self.machines.environment(machine), self.machines.prefix(machine)
            terminal = Terminal(number, environment, self.size, str(workshop.KIT), prefix)
            self.terminals[number] = terminal
            within(10, lambda: "$ " in terminal.text)
        if self.front is not terminal:
            if self.front:
                self.front.show = None
            self.front = terminal
            self.new_line()
            console.rule(f"terminal {number}", style="")
            news = [line for line in plain(terminal.text[terminal.seen :]) if line.strip() and line != "$ "]
            print("".join(f"{line[: self.size.columns - 1]}\n" for line in news[-NEWS:]), end="")
            print("" if terminal.running else "$ ", end="", flush=True)
            terminal.seen = len(terminal.text)
            terminal.show = print_raw if sys.stdout.isatty() and (self.keyboard or not DUMB) else print_plain
        return terminal

    @contextlib.contextmanager
    def timed(self, section: str, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.took.append((section, what, time.monotonic() - began))

    # --- the steps ------------------------------------------------------------------------------------

    def bring_up(self, steps: list[chapter.Event]) -> None:
        """Start what these have started and not ended."""
        up: dict[int, tuple[str, str]] = {}
        for index, step in enumerate(steps):
            if step.kind == "press":
                up.pop(step.terminal, None)
            elif step.kind == "type":
                for line in filter(STAYS.search, step.text.splitlines()):
                    up[step.terminal] = (self.here(line), promise_of(steps[index + 1 :]))
        for number, (command, promised) in up.items():
            terminal = self.to_front(number)
            self.block_at[number] = len(terminal.text)
            with self.timed("bringing up", command):
                terminal.write(command)
                terminal.enter(command)
                self.follow(terminal, command, promised)

    def play(self) -> None:
        for index, step in enumerate(self.steps):
            if not index or step.section != self.steps[index - 1].section:
                self.new_line()
                if step.section:
                    console.rule(f"[bold]{step.section}[/bold]", style="bold")
            getattr(self, step.kind)(step, self.steps[index + 1 :])
        self.pause()

    def say(self, step: chapter.Event, _: object) -> None:
        if not self.looked_at:
            self.pause()
        if self.front:
            self.front.show = None
            self.front = None
        if not re.fullmatch(r"Terminal \d:", step.text):
            self.new_line()
            print()
            console.print(Markdown(chapter.here(step.text)))
        for number in re.findall(r"in terminal (\d)", step.text):  # there the audience looks
            if (terminal := self.terminals.get(int(number))) and "".join(plain(terminal.text[terminal.seen :])).strip():
                self.to_front(int(number))

    def note(self, step: chapter.Event, _: object) -> None:
        """Not for the audience."""

    def type(self, step: chapter.Event, following: list[chapter.Event]) -> None:
        terminal = self.to_front(step.terminal)
        if terminal.running and not terminal.wait_for_prompt(SOON):
            raise ChapterBroken(f"{terminal.running} has not ended", terminal)
        self.block_at[step.terminal] = len(terminal.text)
        for line in step.text.splitlines():
            command = self.here(line)
            if not command.strip() or command.startswith("#"):
                continue
            while not self.run(terminal, command, step.section, promise_of(following)):
                pass

    def run(self, terminal: Terminal, command: str, section: str, promised: str) -> bool:
        """Type a command and follow it. False: it went wrong, and the speaker asks for it once more."""
        self.pause()
        for letter in command if self.keyboard else [command]:
            terminal.write(letter)
            time.sleep(STROKE if self.keyboard else 0)
        within(5, lambda: squeezed(command) in squeezed("".join(plain(terminal.text))))
        self.pause()
        try:
            with self.timed(section, command):
                terminal.enter(command)
                self.looked_at = False
                self.follow(terminal, command, promised)
        except ChapterBroken as broken:
            if not self.keyboard:
                raise
            question = f"✗ {broken.args[0]}. r: once more, q: end, any other key: go on"
            print(f"\n{question} ▸", flush=True)
            if self.keyboard.wait() in ("r", "R"):
                print("$ ", end="", flush=True)
                return False
        return True

    def follow(self, terminal: Terminal, command: str, promised: str) -> None:
        """Until the command has ended, or does what it was started for. Raises ChapterBroken if it failed."""
        stays = STAYS.search(command)
        if stays and not promised:
            raise ChapterBroken(f"the chapter does not say what {command} shows when it is up", terminal)
        promised = self.here(promised)
        questions = re.findall(r"^.*\?(?= \S+$)|(?<=\? )\S+$", promised, re.M)  # question, answer, question, …
        seconds = SOON if stays else LONG
        patience = time.monotonic() + seconds
        while terminal.ended() is None and time.monotonic() < patience:
            lines = plain(terminal.text[self.block_at[terminal.number] :])
            if stays and promised and not chapter.missing(promised, lines):
                return
            if self.keyboard and (keys := self.keyboard.pressed(0.05)):
                terminal.write(keys)
            if not self.keyboard or (questions and machines.CODE.fullmatch(questions[1])):  # nobody types that by hand
                if questions and lines[-1].rstrip() == questions[0].strip():
                    terminal.write(questions[1] + "\n")
                    questions = questions[2:]
                time.sleep(0.05)
        status = terminal.ended()
        if status is None:
            raise ChapterBroken(f"{command} {'is not up' if stays else 'has not ended'} after {seconds} s", terminal)
        if status and not re.search(r"^make: \*\*\*", promised, re.M):
            raise ChapterBroken(f"{command} ended with exit code {status}", terminal)

    def shows(self, step: chapter.Event, _: object) -> None:
        terminal = self.terminals.get(step.terminal)
        if self.keyboard and (not terminal or terminal.ended() is not None):
            return  # the audience has seen it
        terminal = self.to_front(step.terminal)
        start = self.block_at.get(step.terminal, 0)
        gone = ""
        patience = time.monotonic() + (SOON if terminal.ended() is None else 3)
        while time.monotonic() < patience:
            gone = chapter.missing(self.here(step.text), plain(terminal.text[start:]))
            if not gone:
                return
            if self.keyboard and self.keyboard.pressed(0.05):
                return  # the speaker does not want to wait
            time.sleep(0.05)
        if not self.keyboard:
            raise ChapterBroken(f"not seen: {gone}", terminal)

    def press(self, step: chapter.Event, _: object) -> None:
        terminal = self.to_front(step.terminal)
        self.pause(f"Ctrl-C in terminal {step.terminal}")
        with self.timed(step.section, f"Ctrl-C in terminal {step.terminal}"):
            self.looked_at = False
            terminal.write("\x03")
            if not terminal.wait_for_prompt(SOON):
                raise ChapterBroken("Ctrl-C did not end it", terminal)

    def open(self, step: chapter.Event, _: object) -> None:
        url = chapter.here(step.text)
        if self.keyboard:
            self.pause(f"open {url}")
            self.looked_at = False
            subprocess.run([str(workshop.KIT / "scripts" / "open.sh"), url], check=False)
            return
        with self.timed(step.section, f"open {url}"):
            code, _page = http_client.page(url)
        print(f"open {url}: {code}")
        if code >= 400 or not code:
            raise ChapterBroken(f"{url} answers {code}", None)

    def save(self, step: chapter.Event, _: object) -> None:
        first, *lines = step.text.splitlines()
        path = workshop.KIT / first.removeprefix("--- ")
        before = path.read_text()
        old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        print()
        console.print(Markdown(f"```diff\n{step.text}\n```"))
        self.pause(f"change and save {path.name}")
        if before.count(old) != 1:
            raise ChapterBroken(f"the change to {first.removeprefix('--- ')} does not fit: {old!r}", None)
        self.before.setdefault(path, before)
        for terminal in self.terminals:
            self.block_at[terminal] = len(self.terminals[terminal].text)
        write(path, before.replace(old, new))

    def undo(self, *_: object) -> None:
        if self.before:
            self.pause("put the change back")
        for terminal in self.terminals:
            self.block_at[terminal] = len(self.terminals[terminal].text)
        for path, text in self.before.items():
            write(path, text)
        self.before.clear()

    # --- the end --------------------------------------------------------------------------------------

    def end(self) -> None:
        """Everything as it was: what runs is stopped, changed files are put back."""
        if self.front:
            self.front.show = None
        for terminal in self.terminals.values():
            terminal.close(settings().grace + 20)
        for path, text in self.before.items():
            write(path, text)
        if self.machines:
            self.machines.end()
        kit = unattended.Kit({**self.environment, "GRACE": "5"}, "demo")
        # Of a home that nobody will use again, the containers, volumes and the image go too.
        kit.stop("clean DOCKER=1" if self.docker and not self.keyboard else "stop")

    def timings(self) -> Table:
        """How long each step took, and each section."""
        table = Table("section", "step", "seconds")
        for section in dict.fromkeys(row[0] for row in self.took):
            rows = [row for row in self.took if row[0] == section]
            for index, (name, what, seconds) in enumerate(rows):
                table.add_row("" if index else name, what, f"{seconds:.1f}")
            if len(rows) > 1:
                table.add_row("", "together", f"{sum(row[2] for row in rows):.1f}")
            table.add_section()
        table.add_row("", "total", f"{sum(row[2] for row in self.took):.1f}")
        return table


def promise_of(following: list[chapter.Event]) -> str:
    """What the chapter says that a command shows: the next block of text, before anything else is done."""
    for step in following:
        if step.kind == "shows":
            return step.text
        if step.kind not in ("say", "note", "open"):
            break
    return ""


def write(path: Path, text: str) -> None:
    """As an editor saves it: another file, moved into place."""
    write_whole(path, text)


def print_raw(text: str) -> None:
    print(text, end="", flush=True)


def print_plain(text: str) -> None:
    print("\n".join(plain(text)), end="", flush=True)


def squeezed(text: str) -> str:
    """Without white space: a shell that wraps a long line puts some in."""
    return "".join(text.split())


def print_notes(path: Path, steps: list[chapter.Event]) -> None:
    """The speaker's sheet."""
    sheet = Console(highlight=False, no_color=True, markup=False, width=None if sys.stdout.isatty() else 150)
    sheet.print(f"{chapter.title(path)} - about {sum(step.minutes for step in steps):g} minutes")
    section = ""
    for step in steps:
        if step.section != section:
            section = step.section
            minutes = sum(each.minutes for each in steps if each.section == section)
            sheet.print(f"\n{section}" + (f" ({minutes:g} min)" if minutes else ""))
        if step.kind == "note":
            sheet.print(f"  {step.minutes:g} min: {step.text}")
        elif step.kind == "type":
            sheet.print("\n".join(f"  [terminal {step.terminal}] $ {line}" for line in step.text.splitlines()))
        elif step.kind in ("press", "open"):
            sheet.print(f"  [terminal {step.terminal}] {step.kind} {step.text}")
        elif step.kind == "save":
            sheet.print(f"  change {step.text.splitlines()[0].removeprefix('--- ')}")


def the_chapter() -> Path:
    """The file to play."""
    if len(sys.argv) > 1:
        return workshop.KIT / sys.argv[1]
    ex = os.environ.get("EX", "")
    if ex not in map(str, EXAMPLES):
        workshop.fail(f"there is no example EX={ex[:40]!r} (there are {examples.known()})", "make demo EX=2")
    return EXAMPLES[int(ex)].folder / "README.md"


def main() -> int:
    path = the_chapter()
    flags = {name: workshop.whole_number(name, 0, 0, 1) for name in ("AUTO", "ALL", "NOTES", "DOCKER")}
    steps = chapter.read(path)
    if flags["DOCKER"]:
        steps = [step for step in steps if "Docker" in step.section]
    elif not flags["ALL"]:
        steps = [step for step in steps if step.section == "Run it"]
    else:  # what is only to be read is not for a show
        does = {step.section for step in steps if step.kind in ("type", "press", "open", "save")}
        steps = [step for step in steps if step.section in does and "Docker" not in step.section]
    before: list[chapter.Event] = []
    if wanted := os.environ.get("FROM"):
        at = chapter.index_of(steps, wanted)
        if at is None:
            known = ", ".join(chapter.numbers(steps)) or "none"
            workshop.fail(f"this show has no step FROM={wanted[:40]!r} (it has {known})", "make demo EX=4 FROM=4.4")
        before, steps = steps[:at], steps[at:]
    if flags["NOTES"]:
        print_notes(path, steps)
        return 0
    if not steps:
        workshop.fail(f"{path.parent.name} has no Docker way", "make demo EX=4 DOCKER=1")
    if state_files.running_example():
        again = f"make stop, then make demo EX={os.environ.get('EX') or 2}" + (f" FROM={wanted}" if wanted else "")
        workshop.fail("an example is running, and the demo needs the same ports", again)
    if not flags["AUTO"] and not sys.stdin.isatty():
        workshop.fail("the demo waits for keys, and there is no terminal", "make demo EX=2 AUTO=1")
    with contextlib.nullcontext() if flags["AUTO"] else Keyboard() as keyboard:
        show = Show(steps, keyboard, bool(flags["DOCKER"]))
        console.print(f"[bold]{chapter.title(path)}[/bold]")
        if keyboard:
            console.print("any key goes on, q ends the show; while a command runs, the keys are its own")
        try:
            show.bring_up(before)
            show.play()
        except ChapterBroken as broken:
            what, terminal = broken.args
            print(f"\n✗ {what}", flush=True)
            if terminal:
                print("\n".join(f"  | {line}" for line in plain(terminal.text)[-40:]))
            return 1
        except Left:
            print("\nthe show is over")
        finally:
            print("\nstopping what the demo started", flush=True)
            show.end()
            console.print(show.timings())
    if flags["AUTO"]:
        print(f"✓ every promise of {path.relative_to(workshop.KIT)} came true")
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left")

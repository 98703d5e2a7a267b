#!/usr/bin/env python3
"""Learn an example alone: your files in my/exN, checked at every save, with the sentence that matters now.

EX=2     which example; without it: how far you are in each
Keys: h the next hint, n go on anyway, l all examples and steps, s what the finished file has here, x this step's
skeleton again (a copy of your folder is kept), q leave (the example ends).
It writes the skeleton where you have no folder yet, starts the example on it as soon as it can start, and waits for a
second without a save before it looks. Without a terminal: one check, and exit 1 while a step is left.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from durable.files import write_whole
from workshop_kit import findings, in_room, state_files, workshop
from workshop_kit.commands import learn_screen, live_checks
from workshop_kit.commands.keys import pressed, raw_keys
from workshop_kit.commands.learn_screen import Everything, Finished, Page
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import unattended
from workshop_kit.learners import lesson, progress, steps
from workshop_kit.learners.lesson import Lesson
from workshop_kit.learners.steps import Step
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(packages="EX")

QUIET = 1.0  # seconds without a change until a look: an editor may save in the middle of a word
STILL = 5  # looks, at the most, until nothing is written meanwhile
TICK = 0.1  # seconds between two looks at the keyboard and at the files' times
ASK = 1.0  # seconds between two questions to the live system
SAVE_TIME = 60  # seconds between two notes of how long this example has been learnt


# What tells that a file was written, whatever its time says: `cp -p`, `rsync -a` and a version control set that to any.
Files = dict[str, tuple[int, ...]]


def saved(folder: Path) -> Files:
    """The files of the folder, as they are now."""
    found = {}
    for path in folder.glob("*.py"):
        with contextlib.suppress(OSError):  # moved away by an editor, or a link to nowhere
            said = path.stat()
            found[path.name] = (said.st_mtime_ns, said.st_ctime_ns, said.st_size, said.st_ino)
    return found


class TheExample:
    """The example on the learner's files: ours to start and to end, or one that runs in another terminal."""

    def __init__(self, ex: int, folder: Path) -> None:
        self.ex, self.folder = ex, folder
        self.kit = unattended.Kit(unattended.environment(), "learn")
        self.failed = ""  # the line that says why it could not start
        self.ready = False

    def is_ours(self) -> bool:
        return bool(self.kit.terminal)

    def start(self) -> None:
        """Begin to start it, if nothing runs."""
        if self.kit.terminal or not EXAMPLES[self.ex].servers or state_files.running_example():
            return
        self.failed, self.ready = "", False
        self.kit.log.parent.mkdir(parents=True, exist_ok=True)
        with self.kit.log.open("wb") as output:
            typed = f"ex{self.ex} CODE={workshop.shown(self.folder)}"
            self.kit.terminal = self.kit.begin(typed, output.fileno())

    def look(self) -> str:
        """What it does now, in a line."""
        if not EXAMPLES[self.ex].servers:
            return ""
        terminal = self.kit.terminal
        if terminal and terminal.poll() is not None:  # it ended by itself, or by make stop in another terminal
            self.kit.terminal = None
            errors = [line for line in self._log() if line.startswith("error: ")]
            self.failed = errors[-1] if errors else ""
        if not self.kit.terminal:
            return (
                "the example runs in another terminal" if state_files.running_example() else "the example does not run"
            )
        self.ready = self.ready or any(line.startswith("ready") for line in self._log())
        return f"the example runs: {settings().ui}" if self.ready else "the example starts"

    def _log(self) -> list[str]:
        try:
            return self.kit.log.read_text(errors="replace").splitlines()
        except OSError:
            return []

    def end(self) -> None:
        if self.kit.terminal:
            self.kit.stop()


class Learning:
    """One example and its learner: what is known, and what the keys do."""

    def __init__(self, ex: int, folder: Path, news: str = "") -> None:
        self.ex, self.folder = ex, folder
        self.example = TheExample(ex, folder)
        self.lesson: Lesson | None = None
        self.said, sentence = progress.read()
        self.news = sentence or news
        self.view = ""  # "", l, s
        self.not_seen = ""  # what is missing of what the current step must show
        self.noted = time.time()  # until when the time that was spent is written down
        self._written_since = (0, 0.0)  # the place of the current step, and since when its code is there
        self.looked_at = saved(folder)  # the files, as they were when the last look began
        self._changes = threading.Lock()

    # --- looking --------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the files now, and start the task's file in the background. Raises OSError if one goes meanwhile."""
        self.looked_at = saved(self.folder)
        self._look(self.looked_at, trying=False)
        threading.Thread(target=self._try, args=(self.looked_at,), daemon=True).start()

    def _try(self, files: Files) -> None:
        with contextlib.suppress(OSError):  # another look will follow
            self._look(files, trying=True)

    def _look(self, files: Files, trying: bool) -> None:
        """Take what is found, unless the files have changed meanwhile: another look follows, and what was written
        while this one read it may be half a file."""
        found = lesson.look(self.ex, self.folder, trying)
        if files == self.looked_at == saved(self.folder):
            self.take(found)

    def take(self, found: Lesson) -> None:
        """What a look has found is what counts now."""
        with self._changes:
            if self.lesson:  # a syntax error takes nothing back of what was written
                still = {step.place for step in steps.of(self.ex) if step.file in found.unread} & self.lesson.written
                found = replace(found, written=found.written | still)
            self.lesson = found
            self.note_what_is_done()
        if found.tried and in_room.note_solved(findings.mistakes_except(finding.what for finding in found.findings)):
            in_room.report_place()
        if found.startable:
            self.example.start()

    def watch_live(self) -> None:
        """Whether the current step can be seen now. For a thread of its own: an answer may take seconds."""
        while True:
            step = self.current()
            if step and self.waits_for(step):
                if self._written_since[0] != step.place:
                    self.not_seen = ""
                    self._written_since = (step.place, self._saved_at(step))
                missing = live_checks.missing(step.seen, self.ex, self._written_since[1])
                with self._changes:
                    self.not_seen = missing
                    if not missing and self.current() == step:
                        self.said = progress.note("done", step.number)
                        self.note_what_is_done()
            time.sleep(ASK)

    def _saved_at(self, step: Step) -> float:
        """When the step's code was saved: somebody may be quicker in the other terminal than this one looks."""
        try:
            return (self.folder / step.file).stat().st_mtime if step.file else time.time()
        except OSError:
            return time.time()

    def note_what_is_done(self) -> None:
        """Steps up to the current one that need nothing to be seen are done with their code."""
        if self.mistake():
            return
        for step in steps.of(self.ex):
            known = self.said["done"].keys() | self.said["skipped"].keys()
            if not self.lesson or step.place not in self.lesson.written or (step.seen and step.number not in known):
                return
            if step.number not in known:
                self.said = progress.note("done", step.number)

    # --- what is so -----------------------------------------------------------------------------

    def current(self) -> Step | None:
        """The first step that is not written, or not seen; None when all are done."""
        written = self.lesson.written if self.lesson else frozenset()
        for step in steps.of(self.ex):
            done = step.place in written and (not step.seen or step.number in self.said["done"])
            if not done and step.number not in self.said["skipped"]:
                return step
        return None

    def waits_for(self, step: Step) -> bool:
        """Whether its code is there, and something must still be seen."""
        return bool(step.seen and self.lesson and step.place in self.lesson.written)

    def mistake(self) -> str:
        """The mistake that matters now, as a sentence; empty without one."""
        found = self.lesson.mistake(self.current()) if self.lesson else None
        return f"✗ {found}" if found else ""

    def sentence(self, step: Step | None) -> str:
        """The one that matters now."""
        if not self.lesson:
            return "looking at your files"
        if mistake := self.mistake():
            return mistake
        if self.example.failed:
            return f"✗ {self.example.failed}"
        if not step:
            return f"✓ example {self.ex} is done"
        if lacks := self.lesson.lacks.get(step.place):
            return f"▸ {lacks}"
        written = "written; " if step.file else ""
        return (
            f"▸ {written}not seen yet: {self.not_seen}"
            if self.not_seen
            else f"▸ {written}looking whether it can be seen"
        )

    def page(self) -> Page:
        """The screen with the current step."""
        step, mistake = self.current(), self.mistake()
        written = self.lesson.written if self.lesson else frozenset()
        marks = {each.place: progress.sign(each, self.said) for each in steps.of(self.ex)}
        return Page(
            ex=self.ex,
            step=step,
            # What was done and is no longer there is to do again.
            marks={place: "·" if mark == "✓" and place not in written else mark for place, mark in marks.items()},
            sentence=self.sentence(step),
            type_next=step.type.replace("http://127.0.0.1:8000", settings().web)
            if step and self.waits_for(step) and not mistake
            else "",
            example=self.example.look(),
            hints=step.hints[: self.said["hints"].get(step.number, 0)] if step else (),
            news=self.news,
            closing=[] if step else self._closing(),
        )

    def _closing(self) -> list[str]:
        every = steps.of(self.ex)
        hints = sum(self.said["hints"].get(step.number, 0) for step in every)
        skipped = [step.number for step in every if progress.sign(step, self.said) == "–"]
        minutes = (self.said["seconds"].get(str(self.ex), 0) + time.time() - self.noted) / 60
        following = min((ex for ex in EXAMPLES if ex > self.ex), default=0)
        return [
            f"Learnt: {steps.learnt(self.ex)}",
            f"It took {minutes:.0f} min and {hints} hint(s)."
            + (f" Gone past: {', '.join(skipped)}." if skipped else ""),
            f"Next: {f'make learn EX={following}' if following else 'docs/NEXT.md'}",
        ]

    def shown(self) -> Page | Finished | Everything:
        """What is on the screen: one of the three."""
        step = self.current()
        if self.view == "l":
            return Everything(self.said, self.ex)
        return Finished(step) if self.view == "s" and step else self.page()

    # --- keys -----------------------------------------------------------------------------------

    def press(self, key: str) -> str:
        """What a key does; others do nothing. The news of it."""
        self.news = ""
        if self.view:
            self.view = ""
            return ""
        step = self.current()
        if key == "l" or (key == "s" and step):
            self.view = key
        elif key == "h" and step:
            given = self.said["hints"].get(step.number, 0)
            if given < len(step.hints):
                self.said = progress.note("hints", step.number, given + 1)
            else:
                self.news = "there is no other hint; s shows what the finished file has here"
        elif key == "n" and step:
            self.said = progress.note("skipped", step.number)
            self.news = f"skipped step {step.number}"
        elif key == "x" and step:
            self.news = self._again(step)
        return self.news

    def _again(self, step: Step) -> str:
        """What was deleted, or else the step's file without this step's code; and a copy of the folder as it was."""
        if not self.folder.is_dir():
            write_skeleton()
            return f"the skeleton is in {workshop.shown(self.folder)}"
        deleted = [name for name in EXAMPLES[self.ex].write if not (self.folder / name).exists()]
        if not deleted and not step.file:
            return f"step {step.number} writes no file"
        kept = progress.free_name(self.folder)
        shutil.copytree(self.folder, kept)
        others = (self.lesson.written if self.lesson else frozenset()) - {step.place}
        for name in deleted or [step.file]:
            write_whole(self.folder / name, steps.only(self.ex, name, others))
        what = " and ".join(deleted or [step.file])
        return f"{what}: as the kit has it before step {step.number}; yours is kept in {workshop.shown(kept)}"

    def note_time(self) -> None:
        """Write down how long it has been learnt."""
        now = time.time()
        spent = self.said["seconds"].get(str(self.ex), 0) + round(now - self.noted)
        self.said = progress.note("seconds", str(self.ex), max(1, spent))
        self.noted = now


def go_on(learning: Learning, console: Console) -> None:
    """Until q, Ctrl-D or the end of the terminal."""
    threading.Thread(target=learning.watch_live, daemon=True).start()
    dumb = console.is_dumb_terminal
    with contextlib.nullcontext() if dumb else Live(console=console, screen=True, auto_refresh=False) as screen:
        before, changed_at = learning.looked_at, 0.0
        shown: object = None
        while (keys := pressed(TICK)) is not None:
            for key in keys:
                if key in "qQ\x04":
                    return
                news = learning.press(key)
                if (
                    news and saved(learning.folder) != before
                ):  # no save of the learner's, whose look would clear the news
                    learning.look()
                    before, changed_at = learning.looked_at, 0.0
            if (now := saved(learning.folder)) != before:
                before, changed_at = now, time.monotonic()
            if changed_at and time.monotonic() - changed_at >= QUIET:
                changed_at, learning.news = 0.0, ""
                try:
                    learning.look()
                except OSError:  # an editor moves its files about
                    changed_at = time.monotonic()
            if time.time() - learning.noted > SAVE_TIME:
                learning.note_time()
            page = learning.shown()
            if dumb and page.lines() != shown:
                shown = page.lines()
                print("", *shown, learn_screen.BACK if learning.view else learn_screen.KEYS, sep="\n", flush=True)
            elif screen and (page, console.size) != shown:
                shown = (page, console.size)
                screen.update(page, refresh=True)


def once(learning: Learning) -> int:
    """One check, as lines. 0 when all is written and nothing is wrong."""
    for _ in range(STILL):
        files = saved(learning.folder)
        learning.lesson = lesson.look(learning.ex, learning.folder, trying=True)
        if saved(learning.folder) == files:
            break
    learning.note_what_is_done()
    step = learning.current()
    while step and learning.waits_for(step) and not live_checks.missing(step.seen, learning.ex, 0):
        learning.said = progress.note("done", step.number)
        learning.note_what_is_done()
        step = learning.current()
    page = learning.page()
    print("\n".join(page.lines()))
    return 1 if page.step or learning.mistake() else 0


def write_skeleton() -> None:
    """`make code` of the example in the environment. Exits with its code if that is not 0; it has said why."""
    done = subprocess.run([workshop.KIT / "scripts" / "code.sh", "code"], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def prepare(ex: int) -> tuple[Path, str]:
    """The learner's folder, with a skeleton if there was none; and what was written."""
    folder = workshop.KIT / "my" / f"ex{ex}"
    running = state_files.running_example() if EXAMPLES[ex].servers else None
    if running and (running.ex, running.code) != (ex, folder.resolve()):
        what = f"example {running.ex} is running, on {workshop.shown(running.code)}"
        workshop.fail(what, f"make stop, then make learn EX={ex}")
    if folder.is_dir():
        return folder, ""
    write_skeleton()
    return folder, f"the skeleton is in {workshop.shown(folder)}: open it in your editor"


def main() -> int:
    ex = int(os.environ.get("EX") or 0)  # scripts/py.sh has looked whether there is such an example
    if not ex:
        said, sentence = progress.read()
        print("\n".join(filter(None, [sentence, *Everything(said).lines()])))
        return 0
    folder, said = prepare(ex)
    learning = Learning(ex, folder, said)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return once(learning)
    try:
        with raw_keys():
            learning.look()
            go_on(learning, Console(highlight=False, no_color=True))
        if not learning.current():
            print("\n".join(learning.page().lines()))
    finally:
        for number in (signal.SIGHUP, signal.SIGTERM):  # the end must not be cut short: a closed window says so twice
            signal.signal(number, signal.SIG_IGN)
        learning.note_time()
        if learning.example.is_ours():
            with contextlib.suppress(OSError):  # the terminal may be gone
                print("ending the example", flush=True)
            learning.example.end()
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left; your files are in the folder my")

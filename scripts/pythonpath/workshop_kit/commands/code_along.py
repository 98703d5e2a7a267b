"""Code along: a folder of your own, my/exN, that begins as a skeleton of example N with numbered steps.

    code_along.py code      make code EX=2: the skeleton; never over anything that is there
    code_along.py solve     make solve EX=2: the difference to the finished files; APPLY=1 takes them, and keeps a copy
    code_along.py reset     make reset EX=2: the skeleton again; what was there is kept as my/ex2.1, my/ex2.2, …
    code_along.py catch-up  make catch-up EX=2 STEP=3: the files as after step 2.3; what was there is kept likewise

Standard library only, so it needs no set-up.
"""

import difflib
import os
import shutil
import sys
from itertools import count
from pathlib import Path

from workshop_kit import workshop
from workshop_kit.examples import OF_THE_KIT, Example
from workshop_kit.learners import steps
from workshop_kit.needs import example_named
from workshop_kit.settings import KIT

NOT_OF_THE_LESSON = {"README.md", "example.env", "steps.toml", "settings.sh", *OF_THE_KIT}


def lesson_files(example: Example) -> list[Path]:
    """The finished files that a learner has too, relative to the folder: none of the kit's, no keys (.openai.env)."""
    files = [path.relative_to(example.folder) for path in sorted(example.folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in files
        if path.name not in NOT_OF_THE_LESSON
        and not path.name.startswith((".", "requirements."))
        and "__pycache__" not in path.parts
    ]


def there(path: Path) -> bool:
    """Whether anything has that name, a link to nowhere too."""
    return path.exists() or path.is_symlink()


def take(source: Path, target: Path) -> None:
    """Copy it in place at once: nobody who watches the file sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{target.name}.new")
    shutil.copy(source, new)
    new.replace(target)


def text_of(path: Path) -> str:
    """What is in it, without what an editor on Windows adds; nothing where there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")  # which reads \r\n as \n
    except FileNotFoundError:
        return ""
    return text if text.endswith("\n") or not text else f"{text}\n"


class Own:
    """A learner's folder for one example."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self.ex = example.number
        self.path = KIT / "my" / f"ex{self.ex}"
        self.shown = workshop.shown(self.path)

    def next_free(self) -> Path:
        """my/exN.1, or the first that is not there yet."""
        return next(path for number in count(1) if not there(path := self.path.with_name(f"ex{self.ex}.{number}")))

    def different(self) -> list[Path]:
        """The files of the lesson that are not as the finished ones are."""
        finished = self.example.folder
        return [file for file in lesson_files(self.example) if text_of(self.path / file) != text_of(finished / file)]

    def write(self, step: str) -> None:
        """The files as after that step (0: the skeleton); what was there is kept. Exits 2 if there is no such step."""
        texts = steps.after(self.ex, steps.place_of(self.ex, step))
        new = self.path.with_name(f".ex{self.ex}.new")
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
        except OSError:
            workshop.fail(f"cannot write to {KIT / 'my'}", "use a kit in a folder of your own")
        for file in lesson_files(self.example):
            take(self.example.folder / file, new / file)
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
        if there(self.path):
            kept = self.next_free()
            self.path.rename(kept)
            print(f"kept what you had: {workshop.shown(kept)}")
        new.rename(self.path)

    def tell_steps(self) -> None:
        print("to write, step by step:")
        for name in self.example.write:
            print(f"  {self.shown}/{name}")
        if {str(file) for file in lesson_files(self.example)} - set(self.example.write):
            print(f"finished already: the other files in {self.shown}")
        own = f"make ex{self.ex} CODE={self.shown}"
        print(f"next: make learn EX={self.ex} (checks at every save), or {own} and make check EX={self.ex}")

    def show_difference(self) -> None:
        finished = workshop.shown(self.example.folder)
        if not (files := self.different()):
            print(f"no difference: {self.shown} has what {finished} has")
        bold = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"  # what is to be written
        for file in files:
            mine, ours = (text_of(folder / file).splitlines() for folder in (self.path, self.example.folder))
            for line in difflib.unified_diff(mine, ours, f"{self.shown}/{file}", f"{finished}/{file}", lineterm=""):
                print(f"\033[1m{line}\033[0m" if bold and line.startswith("+") else line)

    def take_finished(self) -> None:
        if not (files := self.different()):
            print(f"nothing to take: {self.shown} has what {workshop.shown(self.example.folder)} has")
            return
        kept = self.next_free()
        shutil.copytree(self.path, kept, symlinks=True)
        print(f"kept what you had: {workshop.shown(kept)}")
        for file in files:
            take(self.example.folder / file, self.path / file)
            print(f"taken: {self.shown}/{file}")
        print(f"next: make ex{self.ex} CODE={self.shown}")


def main(what: str) -> None:
    own = Own(example_named(os.environ.get("EX", ""), f"make {what} EX=2"))
    match what:
        case "code":
            if there(own.path):
                again = f"make reset EX={own.ex} (starts again, keeps a copy)"
                workshop.fail(f"{own.shown} is there already, and is not overwritten", again)
            own.write("0")
            own.tell_steps()
        case "reset":
            if not there(own.path):
                workshop.fail(f"there is no {own.shown} to start again from", f"make code EX={own.ex}")
            own.write("0")
            own.tell_steps()
        case "catch-up":
            if not (step := os.environ.get("STEP", "")):
                workshop.fail("which step? STEP is missing", f"make catch-up EX={own.ex} STEP=1")
            own.write(step)
            print(f"the files as after step {own.ex}.{step.removeprefix(f'{own.ex}.')}: {own.shown}")
            print(f"next: make learn EX={own.ex}, or make ex{own.ex} CODE={own.shown}")
        case "solve":
            if not own.path.is_dir():
                workshop.fail(f"there is no folder {own.shown}", f"make code EX={own.ex}")
            if os.environ.get("APPLY") == "1":
                own.take_finished()
            else:
                own.show_difference()


if __name__ == "__main__":
    main(sys.argv[1])

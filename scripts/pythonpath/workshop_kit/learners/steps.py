#!/usr/bin/env python3
"""The steps of an example: examples/exN_name/steps.toml says what each one writes, how it is checked, and its hints.

    steps.py EX FOLDER [STEP]    writes the files into FOLDER as they are after that step; after 0, the skeleton

There is no skeleton to keep up with the finished files: it is those, with the code of each step taken out and the
step's text in its place. steps.toml begins with `learnt = "…"`, what one knows after the last step; a [[step]] has

    title    its name in lists
    file     which file is written; a step that only looks at what runs has none
    text     what to do: a comment in the skeleton, the task in make learn
    code     lines of the finished file, wherever they stand there
    stub     what stands there until then, where Python or the reader needs something
    check    how the file is judged: see judging.py
    seen     what must be seen of the live system besides: see commands/live_checks.py
    type     the command that shows it
    ask, read, shape    the three hints: a question, where to read (file, heading), the line's shape
"""

import re
import sys
import textwrap
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from workshop_kit import examples, workshop

WIDTH = 120  # of a comment


@dataclass(frozen=True)
class Step:
    """One step of an example."""

    ex: int
    place: int  # in the example, from 1
    title: str
    text: str
    file: str = ""
    code: list[str] = field(default_factory=list)
    stub: str = ""
    check: dict[str, Any] = field(default_factory=dict)
    seen: str = ""
    type: str = ""
    ask: str = ""
    read: list[str] = field(default_factory=list)
    shape: str = ""

    @property
    def number(self) -> str:
        """As people say it: 2.4."""
        return f"{self.ex}.{self.place}"

    @property
    def hints(self) -> list[str]:
        """By grades."""
        where = f"Read “{self.read[1]}” in {self.read[0]}."
        return [self.ask, where, *([f"It looks like this: {self.shape}"] if self.shape else [])]


def _document(ex: int) -> dict[str, Any]:
    return tomllib.loads((examples.folder(ex) / "steps.toml").read_text(encoding="utf-8"))


@cache
def of(ex: int) -> list[Step]:
    """All steps of an example. Raises OSError without a steps.toml, ValueError or TypeError for a wrong one."""
    return [Step(ex=ex, place=place, **said) for place, said in enumerate(_document(ex).get("step", []), 1)]


@cache
def learnt(ex: int) -> str:
    """What one knows after the last step."""
    return _document(ex)["learnt"]


def after(ex: int, last: int) -> dict[str, str]:
    """The files that a learner writes, as they are after this step. Raises ValueError for code that no file has."""
    return {name: only(ex, name, range(1, last + 1)) for name in examples.EXAMPLES[ex].write}


def only(ex: int, name: str, written: Collection[int]) -> str:
    """A finished file with the code of the steps at these places alone, and with the texts of the others."""
    lines = (examples.folder(ex) / name).read_text(encoding="utf-8").splitlines()
    steps = [step for step in of(ex) if step.file == name]
    belongs = {line: step for step in steps for line in _lines_of(step, lines)}
    out: list[str] = []
    described = set()
    for number, line in enumerate(lines):
        step = belongs.get(number)
        if not step or step.place in written:
            out.append(line)
        elif step.number not in described:
            described.add(step.number)
            indent = re.match(" *", line).group()
            start, rest = f"{indent}# {step.number} ", f"{indent}#     "
            out += textwrap.wrap(step.text, WIDTH, initial_indent=start, subsequent_indent=rest, break_on_hyphens=False)
            out += [indent + each for each in step.stub.splitlines()]
    return "\n".join(out) + "\n"


def _lines_of(step: Step, lines: list[str]) -> set[int]:
    """The lines of the finished file, from 0, that are the step's code."""
    found = set()
    for code in step.code:
        wanted = code.strip("\n").splitlines()
        starts = [at for at in range(len(lines)) if lines[at : at + len(wanted)] == wanted]
        if not starts:
            raise ValueError(f"step {step.number}: {step.file} has no {wanted[0]!r}")
        found |= {at + more for at in starts for more in range(len(wanted))}
    return found


def named(ex: int, given: str) -> Step | None:
    """The step that somebody means by 3, or by 4.3; None if there is no such step."""
    found = re.fullmatch(rf"(?:{ex}\.)?(\d+)", given, re.ASCII)
    place = int(found[1][:4]) if found else 0
    return of(ex)[place - 1] if 0 < place <= len(of(ex)) else None


def place_of(ex: int, given: str) -> int:
    """The same as a place in the example; 0 means before the first. Exits 2 with one line if there is no such step."""
    if given == "0":
        return 0
    if not (step := named(ex, given)):
        all_of = f"{of(ex)[0].number} to {of(ex)[-1].number}"
        workshop.fail(f"example {ex} has no step {given[:40]!r} (there are {all_of})", f"make catch-up EX={ex} STEP=1")
    return step.place


def main() -> int:
    ex, folder, last = int(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3:] or ["0"])[0]
    for name, text in after(ex, place_of(ex, last)).items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

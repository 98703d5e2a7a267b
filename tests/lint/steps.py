#!/usr/bin/env python3
"""Goes through the steps of every example; exit 1 with a line for each fault. It needs the kit's environment.

Each step's check fails on the skeleton and on what every earlier step leaves, and holds on what it leaves itself and on
the finished file. Text, hints and the page know the same steps, and no hint gives the solution away.
"""

import ast
import inspect
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from workshop_kit import examples
from workshop_kit.commands import live_checks
from workshop_kit.examples import EXAMPLES, KIT
from workshop_kit.learners import judging, steps
from workshop_kit.learners.files import read
from workshop_kit.learners.steps import Step

NEEDED = ("title", "text", "ask", "read")
CHECKS = set(re.findall(r"^    (\w+) = ", judging.__doc__, re.M)) | {"keyed"}


def of_files(ex: int) -> Iterator[str]:
    """The checks, on the files after each step; at last these are the finished ones, byte for byte."""
    every = steps.of(ex)
    for last in range(len(every) + 1):
        after = steps.after(ex, last)
        with tempfile.TemporaryDirectory() as folder:
            for path in examples.lesson_files(ex):
                text = after.get(path.name, path.read_text())
                (Path(folder) / path.name).write_text(text)
                if last == len(every) and text != path.read_text():
                    yield f"after the last step {path.name} is not the finished file"
            files, broken = read(ex, Path(folder))
            yield from (f"after step {ex}.{last}: {finding}" for finding in broken)
            there = {file.path.name: file for file in files}
            for step in every:
                if not step.file:
                    continue
                lacks = judging.missing(step, there[step.file])
                if step.place <= last and lacks:
                    yield f"after step {ex}.{last}, step {step.number} is not written: {lacks}"
                if step.place > last and not lacks:
                    yield f"after step {ex}.{last}, step {step.number} is written already"
                if (f"# {step.number} " in after[step.file]) != (step.place > last):
                    yield f"after step {ex}.{last}, the text of step {step.number} is there, or is not"
    for name in EXAMPLES[ex].write:
        if name not in {step.file for step in every}:
            yield f"no step writes {name}"


def of_step(ex: int, step: Step) -> Iterator[str]:
    """What stands in steps.toml."""
    yield from (f"step {step.number} has no {name}" for name in NEEDED if not getattr(step, name))
    if unknown := step.check.keys() - CHECKS:
        yield f"step {step.number}: nothing knows the check {sorted(unknown)}"
    if not step.check and not step.seen:
        yield f"step {step.number} has no check"
    if step.seen and (not live_checks.known(ex, step.seen) or not step.type):
        yield f"step {step.number}: seen={step.seen!r} is not known, or there is no command that shows it"
    if bool(step.file) != bool(step.code and step.check and step.shape):
        yield f"step {step.number} has a file without code, check and shape, or these without a file"
    page, heading = [KIT / step.read[0], step.read[1]] if len(step.read) == 2 else [KIT, ""]
    if step.read and not page.is_file() or not re.search(rf"^#+ (.* )?{re.escape(heading)}$", page.read_text(), re.M):
        yield f"step {step.number}: read={step.read} is not a page and a heading in it"
    solution = statements("\n".join(textwrap.dedent(part.strip("\n")) for part in step.code))
    for grade, hint in enumerate(step.hints, 1):
        shared = {found for text in re.findall(r"`([^`]+)`", hint) for found in statements(text)} & solution
        if shared and (grade < 3 or shared == solution):
            yield f"step {step.number}: hint {grade} gives it away"


def statements(text: str) -> set[str]:
    """The syntax trees of the statements and decorators in there; nothing for what is no Python."""
    for code in (text, f"{text}\ndef function(): pass", f"async def function():\n{textwrap.indent(text, ' ')}"):
        try:
            tree = ast.parse(code)
        except SyntaxError:
            continue
        nodes = list(ast.walk(tree))
        found = {
            ast.dump(node) for node in nodes if isinstance(node, ast.stmt) and getattr(node, "name", "") != "function"
        }
        return found | {ast.dump(each) for node in nodes for each in getattr(node, "decorator_list", ())}
    return set()


def of_page(ex: int) -> Iterator[str]:
    """The headings of the page: 2.1, or 2.1–2.3, and each step once, in their order."""
    text = (examples.folder(ex) / "README.md").read_text()
    told: list[int] = []
    for first, last in re.findall(rf"^### {ex}\.(\d+)(?:–{ex}\.(\d+))? ", text, re.M):
        told += range(int(first), int(last or first) + 1)
    if told != [step.place for step in steps.of(ex)]:
        yield f"the headings of its page have the steps {told}"


def of_promises(ex: int) -> Iterator[str]:
    """What `make check` calls."""
    check = getattr(examples.own(ex, "promises"), "check", None)
    if check and len(inspect.signature(check).parameters) != 3:
        yield "check() of its promises.py takes (example, done, command)"


def of_example(ex: int) -> Iterator[str]:
    """All faults, or that which makes its steps.toml unreadable."""
    try:
        for step in steps.of(ex):
            yield from of_step(ex, step)
        if not steps.learnt(ex):
            yield "steps.toml says nothing in learnt"
        yield from of_files(ex)
        yield from of_page(ex)
        yield from of_promises(ex)
    except (OSError, KeyError, TypeError, ValueError) as error:
        yield f"steps.toml: {type(error).__name__}: {error}"


def main() -> int:
    faults = [f"example {ex}: {fault}" for ex in EXAMPLES for fault in of_example(ex)]
    print("\n".join(faults) or f"{sum(len(steps.of(ex)) for ex in EXAMPLES)} steps of {len(EXAMPLES)} examples")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

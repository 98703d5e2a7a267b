"""The steps of a skeleton that are still to be written: no mistakes yet."""

import ast
import re
from collections.abc import Iterator

from workshop_kit import examples
from workshop_kit.learners.files import SUBMITTING, File, Finding, calls, functions, modules_imported, names_read


def unwritten(file: File, ex: int) -> Iterator[Finding]:
    """Functions that are still as `make code` put them there, with steps to write inside."""
    path = examples.folder(ex) / "skeleton" / file.path.name
    if not path.is_file():
        return
    text = path.read_text()
    skeleton = ast.parse(text)
    ends = [node.lineno for node in skeleton.body[1:]] + [len(text.splitlines()) + 1]
    until = dict(zip(skeleton.body, ends, strict=True))
    own = {function.name: function for function in functions(file.tree)}
    for function in functions(skeleton):
        lines = text.splitlines()[function.lineno : until[function] - 1]
        steps = [found[1] for line in lines if (found := re.match(r" +# (\d+)\. ", line))]
        mine = own.get(function.name)
        if steps and mine and list(map(ast.dump, mine.body)) == list(map(ast.dump, function.body)):
            which = f"steps {', '.join(steps[:-1])} and {steps[-1]} are" if steps[1:] else f"step {steps[0]} is"
            yield Finding(file.at(mine), f"in {function.name} {which} to be written", f"make solve EX={ex}", step=True)


def submits_nothing(file: File, files: list[File]) -> Iterator[Finding]:
    """A file that submits when it is finished, and does not yet."""
    helpers = {path.stem for path in file.path.parent.glob("*.py")} - {each.path.stem for each in files}
    if SUBMITTING & names_read(file.finished) and not file.is_main and not modules_imported(file.tree) & helpers:
        called = {call.func.id for call, _ in calls(file.tree) if isinstance(call.func, ast.Name)}
        if not SUBMITTING & names_read(file.tree) and not called & file.tasks:
            yield Finding(file.at(), "submits nothing yet", "its steps; the method is `delay`, or `map`", step=True)

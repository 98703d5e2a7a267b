#!/usr/bin/env python3
"""For `make lint`: no file of scripts/ compares with an example's number, or asks for one example by its number.

What an example can stands in its folder: `example.env`, `promises.py`. Exit 1 with each line that does not ask there.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMES = {"ex", "running_ex", "EX"}  # what holds a number in the code
FUNCTIONS = "compose_settings|finished_folder|need_docker|need_free_ports|procfile|refuse_mistakes"
IN_BASH = re.compile(
    rf"\$\{{?({'|'.join(NAMES)})(:-[1-9]*)?\}}?\"? *(=|==|!=|-eq|-ne|-gt|-ge|-lt|-le) *\"?[1-9]"  # [ "$ex" = 4 ]
    rf"|^ *(local )?({'|'.join(NAMES)})=[1-9]|\b({FUNCTIONS}) [1-9]|\bexample [1-9] [A-Z]"  # ex=4; need_docker 4
)
CASE = re.compile(rf"\bcase [^#]*\$\{{?({'|'.join(NAMES)})\b.* in\b(.*)")  # and then 4) or chaos6 | soak6)
PATTERN = re.compile(r"^\s*[a-z]*[1-9](\s*\|\s*[a-z]*[1-9])*\)")


def in_bash(text: str) -> Iterator[int]:
    """The numbers of such lines."""
    of_example = False
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^| )#.*", "", line)
        started = CASE.search(line)
        of_example = (of_example or bool(started)) and "esac" not in line
        if IN_BASH.search(line) or PATTERN.search(started[2] if started else line if of_example else ""):
            yield number


def is_number(node: ast.expr) -> bool:
    """Whether it is 4, or a list of such."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(is_number, node.elts))
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 0


def in_python(text: str) -> Iterator[int]:
    """The numbers of such lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = {getattr(side, "id", getattr(side, "attr", "")) for side in sides}
            found = bool(names & NAMES) and any(map(is_number, sides))
        elif isinstance(node, ast.Subscript):
            found = getattr(node.value, "id", getattr(node.value, "attr", "")) == "EXAMPLES" and is_number(node.slice)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            found = called in ("examples.folder", "examples.own") and any(map(is_number, node.args))
        else:
            continue
        if found:
            yield node.lineno


def main() -> int:
    wrong = []
    for path in sorted(SCRIPTS.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8")
            lines = in_python(text) if path.suffix == ".py" else in_bash(text)
            wrong += [
                f"{path.relative_to(SCRIPTS.parent)}:{number} compares with an example's number" for number in lines
            ]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

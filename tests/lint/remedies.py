#!/usr/bin/env python3
"""For `make lint`: after `Try:` stands an imperative, a command or code to write. Prints each remedy that does not.

It reads the second argument of `fail` in bash, the remedies that Python's fail(), errors and findings are given, and
whatever text follows `Try: `. It cannot judge a remedy that begins with a variable, and lets it pass.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent.parent
# What a remedy may begin with: commands that people type, and verbs. Add a word here if it is one of these.
COMMANDS = "chmod docker export git make pip python sudo unset"
VERBS = (
    "add ask await call change check choose clone close connect copy declare delete enter exchange fix follow free "
    "give go import increase install join keep leave let look lower make move name open pass press put raise read "
    "remove rename replace restart return run save set shorten start stop submit take try turn type use wait write"
)
FIRST = set(f"{COMMANDS} {VERBS}".split())
REMEDY_AT = {"fail": 1, "Finding": 2, "NotJoined": 1, "NoAnswer": 1, "AnotherAnswers": 1, "Reason": 2, "Unusable": 1}
CODE = re.compile(r"[`@…]|[\w.]+\(|def ")  # a line of Python to write, in a learner's file
IN_BASH = re.compile(r"""\bfail (?:'[^']*'|"(?:[^"\\]|\\.)*") (['"])(.*)""")


def beginning(node: ast.expr) -> str | None:
    """How a text begins, if that can be read here."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    if isinstance(node, ast.BinOp):
        return beginning(node.left)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def in_python(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            at = REMEDY_AT.get(name)
            if at is not None and len(node.args) > at and (text := beginning(node.args[at])):
                yield node.lineno, text
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value.strip():
            for text in node.value.split("Try: ")[1:]:
                if text:
                    yield node.lineno, text


def in_bash(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if found := IN_BASH.search(line):
            yield number, found[2]


def main() -> int:
    folders = [KIT / name for name in ("scripts", "durable/src", "template", "examples")]
    python = [path for folder in folders for path in folder.rglob("*.py") if ".venv" not in path.parts]
    bash = sorted((KIT / "scripts").rglob("*.sh"))
    wrong = 0
    for read, paths in ((in_python, sorted(python)), (in_bash, bash)):
        for path in paths:
            for number, text in read(path):
                if text[0] not in "${" and not CODE.match(text) and re.split(r"[^\w.]", text)[0] not in FIRST:
                    print(f"{path.relative_to(KIT)}:{number}: no imperative after Try: {text[:80]}")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

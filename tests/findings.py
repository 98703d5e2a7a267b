#!/usr/bin/env python3
"""For `make lint`: has every sentence that make check can say a number in workshop_kit/findings.py, and no other?

findings.py           exit 1 with a line for each sentence without a number, and for each number without a sentence
findings.py --list    the sentences in the code, what is filled in replaced by …

A sentence is what Finding(…) has second, or promise(…) as its text; where that is a variable, whatever the function
gives to it.
"""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent
CODE = KIT / "scripts" / "pythonpath" / "workshop_kit"
SENTENCE = {"Finding": 1, "promise": 1}  # whose argument it is, by its place


def template(node: ast.expr) -> str | None:
    """A text as it stands in the code, what is filled in replaced by …; None if it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        return "".join(map(str, parts))
    return None


def given_to(name: str, function: ast.AST) -> Iterator[ast.expr]:
    """What a function gives to a variable."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from (
                    value
                    for each, value in zip(target.elts, node.value.elts, strict=True)
                    if isinstance(each, ast.Name) and each.id == name
                )


def sentences(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for call in ast.walk(function):
            name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
            if name not in SENTENCE or len(call.args) <= SENTENCE[name]:
                continue
            said = call.args[SENTENCE[name]]
            for each in given_to(said.id, function) if isinstance(said, ast.Name) else [said]:
                options = [each.body, each.orelse] if isinstance(each, ast.IfExp) else [each]
                yield from filter(None, map(template, options))


def main() -> int:
    files = [CODE / "commands" / "check.py", *sorted((CODE / "learners").glob("*.py"))]
    said = dict.fromkeys(sentence for path in files for sentence in sentences(path))
    if "--list" in sys.argv:
        print(*said, sep="\n")
        return 0
    os.environ.setdefault("KIT", str(KIT))
    sys.path.insert(0, str(CODE.parent))
    from workshop_kit import findings

    known = set(findings.SENTENCES.values()) - findings.ANOTHER
    for sentence in said:
        if sentence not in known and sentence.strip("… :"):
            print(f"no number in workshop_kit/findings.py: {sentence}")
    for number in findings.SENTENCES:
        if findings.PROMISE < number < findings.MISTAKE and number not in findings.BROKEN:
            print(f"findings.BROKEN does not say what is so where {number} does not hold")
            return 1
    for sentence in known - said.keys():
        print(f"nothing says this sentence of workshop_kit/findings.py: {sentence}")
    return int(known != {sentence for sentence in said if sentence.strip("… :")})


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""For `make lint`: after `Try:` stands an imperative, a command or code to write. Prints each remedy that does not.

It reads the second argument of `fail` in bash, the remedies that Python's fail(), errors and findings are given, and
whatever text follows `Try: `. A variable stands for all that its function, or the file, gives it. What comes from
elsewhere cannot be judged here, and passes.
"""

import ast
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent.parent
# What a remedy may begin with: commands that people type, and verbs. Add a word here if it is one of these.
COMMANDS = "chmod docker export git make pip python sudo unset"
VERBS = (
    "add ask await call change check choose clone close connect copy declare define delete enter exchange fix follow "
    "free give go import increase install join keep leave let look lower make move name open pass press put raise read "
    "remove rename replace restart return run save set shorten start stop submit take try turn type undo use wait write"
)
FIRST = set(f"{COMMANDS} {VERBS}".split())
REMEDY_AT = {"fail": 1, "Finding": 2, "NotJoined": 1, "NoAnswer": 1, "AnotherAnswers": 1, "Reason": 2, "Unusable": 1}
REMEDY_AT["whole_number"] = 4
FILLED_IN = "◇"  # what a variable says that cannot be read here
CODE = re.compile(rf"[`@…]|[\w.{FILLED_IN}]+(\(| ?=)|def ")  # a line of Python to write, in a learner's file
TEXT = r"""(?:'[^']*'|"(?:[^"\\]|\\.)*")"""
IN_BASH = re.compile(rf"""\b(?:fail|refuse) {TEXT} ['"](.*)|Try: (.+)""")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


class Reader:
    """How the remedies of one Python file begin."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.given: dict[tuple[Function, str], list[ast.expr]] = {}  # function, variable → all values that it is given
        self.inside: dict[ast.AST, Function] = {}
        self.learn(tree, tree)

    def learn(self, node: ast.AST, function: Function) -> None:
        for child in ast.iter_child_nodes(node):
            self.inside[child] = function
            if isinstance(child, ast.Assign):
                for target in child.targets:
                    self.assign(function, target, child.value)
            elif isinstance(child, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and child.value:
                self.assign(function, child.target, child.value)
            self.learn(child, child if isinstance(child, Function) else function)

    def assign(self, function: Function, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.given.setdefault((function, target.id), []).append(value)
        elif isinstance(target, ast.Tuple):
            values = self.parts(value, len(target.elts))
            for each in values:
                for part, of_it in zip(target.elts, each, strict=True):
                    self.assign(function, part, of_it)

    def parts(self, value: ast.expr, count: int) -> list[list[ast.expr]]:
        """What `a, b = value` gives to a and to b; both branches of `x if … else y`."""
        if isinstance(value, ast.IfExp):
            return self.parts(value.body, count) + self.parts(value.orelse, count)
        return [value.elts] if isinstance(value, ast.Tuple) and len(value.elts) == count else []

    def beginnings(self, node: ast.expr, seen: frozenset[ast.expr] = frozenset()) -> set[tuple[int, str]]:
        """How a text may begin, and the line where it does. FILLED_IN: what cannot be read here."""
        if node in seen:  # remedy = remedy or …
            return set()
        seen |= {node}
        match node:
            case ast.Constant(value=str(text)):
                return {(node.lineno, text)}
            case ast.JoinedStr(values=[first, *rest]):
                after = "".join(str(each.value) if isinstance(each, ast.Constant) else FILLED_IN for each in rest)
                return {(line, start + after) for line, start in self.beginnings(first, seen)}
            case ast.FormattedValue(value=value):
                return {(line, start or FILLED_IN) for line, start in self.beginnings(value, seen)}
            case ast.IfExp(body=one, orelse=other):
                return self.beginnings(one, seen) | self.beginnings(other, seen)
            case ast.BoolOp(values=values):
                return {each for value in values for each in self.beginnings(value, seen)}
            case ast.BinOp(left=left):
                return self.beginnings(left, seen)
            case ast.Name(id=name):
                function = self.inside[node]
                given = self.given.get((function, name)) or self.given.get((self.tree, name)) or []
                if given:
                    return {each for value in given for each in self.beginnings(value, seen)}
        return {(node.lineno, FILLED_IN)}

    def remedies(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                at = REMEDY_AT.get(name, len(node.args))
                for given in [*node.args[at : at + 1], *(k.value for k in node.keywords if k.arg == "remedy")]:
                    yield from self.beginnings(given)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value.strip():
                yield from ((node.lineno, text) for text in node.value.split("Try: ")[1:])
            elif isinstance(node, ast.JoinedStr):
                for one, following in pairwise(node.values):
                    if isinstance(one, ast.Constant) and str(one.value).endswith("Try: "):
                        yield from self.beginnings(following)


def in_python(path: Path) -> Iterator[tuple[int, str]]:
    return Reader(ast.parse(path.read_bytes())).remedies()


def in_bash(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if found := IN_BASH.search(line):
            yield number, found[1] or found[2] or ""


def is_imperative(text: str) -> bool:
    """Whether it is an imperative, a command or code; or begins with a variable that may be one."""
    if not text or text[0] in "${%" or text.split(" ")[0] == FILLED_IN or CODE.match(text):
        return True
    return re.split(r"[^\w.]", text)[0] in FIRST


def main() -> int:
    folders = [KIT / name for name in ("scripts", "durable/src", "docker", "template", "examples")]
    files = [path for folder in folders for path in folder.rglob("*") if ".venv" not in path.parts]
    wrong = 0
    for read, ending in ((in_python, ".py"), (in_bash, ".sh")):
        for path in sorted(path for path in files if path.suffix == ending):
            for number, text in sorted(set(read(path))):
                if not is_imperative(text):
                    print(f"{path.relative_to(KIT)}:{number}: no imperative after Try: {text[:80]}")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

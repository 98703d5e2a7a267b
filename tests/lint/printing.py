#!/usr/bin/env python3
"""For `make lint`: what others wrote (a run's name, key, state and message, a task server's name and host) is shown by
durable's printable(), or as a repr: each place that prints it as it is, is named.

It reads one function at a time. What others wrote is a value that is read by one of the names in FIELDS, `.name` of
what is called one of OWNERS, and whatever is made of it there: by an assignment, a loop, an f-string, a method, a
function of TAKES. It cannot see what goes through another function, an attribute or a list to which it is added; and
what a process of an example prints, launch/output.py shows, whoever prints it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("scripts/pythonpath/workshop_kit", "durable/src/durable")
FIELDS = {"message", "task_key", "host", "identifier", "follow", "state_name"}
OWNERS = {"run", "task_run", "state", "server", "process", "session", "by"}
CALLS = {"ran_on"}  # methods that return such a text
KEYS = FIELDS | {"name", "server", "state", "ui", "machine"}  # of a dict
SHOWS = {"print", "Text", "add_row", "say", "write", "info", "warning", "error", "promise"}
TAKES = {"str", "sorted", "list", "set", "tuple", "next", "max", "min", "join", "zip", "enumerate", "dict"}
OWN_SAY = "from durable.port.output import say"  # which is printable itself
FILES = {"record", "_record", "file", "sheet", "stream"}  # what is written there, nobody sees


def name_of(node: ast.AST) -> str:
    """The last word of `a.b.c`, `c` or `c(…)`."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def outside(node: ast.AST | None, known: set[str]) -> bool:
    """Whether that value is, or contains, what others wrote."""
    match node:
        case ast.Name():
            return node.id in known
        case ast.Attribute():
            owner = name_of(node.value)
            return (node.attr in FIELDS and owner != "options") or (node.attr == "name" and owner in OWNERS)
        case ast.Subscript():
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return key in KEYS if isinstance(key, str) else outside(node.value, known)
        case ast.Call():
            if isinstance(node.func, ast.Attribute) and (node.func.attr in CALLS or outside(node.func.value, known)):
                return True
            return name_of(node.func) in TAKES and any(outside(each, known) for each in node.args)
        case ast.FormattedValue():
            return node.conversion != ord("r") and outside(node.value, known)
        case ast.JoinedStr() | ast.Tuple() | ast.List() | ast.Set():
            return any(outside(each, known) for each in getattr(node, "values", None) or getattr(node, "elts", []))
        case ast.BinOp():
            return outside(node.left, known) or outside(node.right, known)
        case ast.BoolOp():
            return any(outside(each, known) for each in node.values)
        case ast.IfExp():
            return outside(node.body, known) or outside(node.orelse, known)
        case ast.Starred() | ast.NamedExpr():
            return outside(node.value, known)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return outside(node.elt, with_loops(node, known))
        case ast.DictComp():
            return outside(node.value, with_loops(node, known))
    return False


def with_loops(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, known: set[str]) -> set[str]:
    found = set(known)
    for loop in node.generators:
        if outside(loop.iter, found):
            found |= names(loop.target)
    return found


def names(target: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}


def printed(function: ast.AST, shows: set[str]) -> Iterator[int]:
    """The lines of a function that show what others wrote as it is: by a call of one of these."""
    known: set[str] = set()
    nodes = sorted(ast.walk(function), key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = {name for target in targets for name in names(target) if isinstance(target, ast.Name | ast.Tuple)}
            if outside(node.value, known):
                known |= found
            elif not isinstance(node, ast.AugAssign):
                known -= found
        elif isinstance(node, ast.For) and outside(node.iter, known):
            known |= names(node.target)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            known = with_loops(node, known)
        elif isinstance(node, ast.Call) and name_of(node.func) in shows:
            owner = name_of(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if owner not in FILES and any(outside(each, known) for each in node.args):
                yield node.lineno


def main() -> int:
    paths = [path for folder in FOLDERS for path in (KIT / folder).rglob("*.py")]
    wrong: dict[str, None] = {}
    for path in sorted([*paths, *(KIT / "examples").glob("*/promises.py")]):
        text = path.read_text()
        tree, shows = ast.parse(text), SHOWS - ({"say"} if OWN_SAY in text else set())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for line in printed(function, shows):
                    where = f"{path.relative_to(KIT)}:{line}"
                    wrong[f"{where}: shows what others wrote without printable() of durable.text"] = None
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

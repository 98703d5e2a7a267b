"""What works in a program, and not in a task that a task server runs: the keyboard, classes of its own file."""

import ast
from collections.abc import Iterator

from workshop_kit.findings import Mistake
from workshop_kit.learners.files import SUBMITTING, File, Finding, calls, functions, last_name, tasks_defined

BY_VALUE = {"str", "int", "float", "StrEnum", "IntEnum"}  # what is derived from these is equal by its value


def keyboard(file: File) -> Iterator[Finding]:
    """`breakpoint()` and `input()` in a task: under honcho nobody can type anything."""
    for function in functions(file.tree):
        if function.name not in tasks_defined(file.tree):
            continue
        for call, _ in calls(ast.Module([function], [])):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in {"breakpoint", "input"} - file.bound:
                what = Mistake.KEYBOARD(name)
                remedy = f"make ex1 (a Prefect server alone), then in make shell: python {file.path.name}"
                yield Finding(file.at(call), what, remedy)


def own_classes(file: File, files: list[File]) -> Iterator[Finding]:
    """A class of the task's own file that travels to or from a task, and is compared or asked for somewhere.

    The task server runs this file as its program, and what comes to it is of the class of the imported module: two
    classes. Who only reads what such an object has will never notice, and is told nothing.
    """
    for node in file.tree.body:
        if isinstance(node, ast.ClassDef) and travels(node.name, file, files):
            equal = bool(BY_VALUE & set(map(last_name, node.bases)))
            if any(compared(node.name, each.tree, equal) for each in files):
                what = Mistake.OWN_CLASS(node.name)
                yield Finding(file.at(node), what, "put the class into a module of its own")


def mentions(name: str, tree: ast.AST | None) -> bool:
    return tree is not None and any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def travels(name: str, file: File, files: list[File]) -> bool:
    """Whether objects of that class are parameters or results of a task of the file."""
    for function in functions(file.tree):
        if function.name in tasks_defined(file.tree):
            hints = [arg.annotation for arg in ast.walk(function.args) if isinstance(arg, ast.arg)]
            returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
            if any(mentions(name, hint) for hint in [*hints, function.returns]) or any(
                is_made(name, v) for v in returned
            ):
                return True
    given = [
        arg
        for each in files
        for call, _ in calls(each.tree)
        if last_name(call) in SUBMITTING and isinstance(call.func, ast.Attribute)
        if last_name(call.func.value) in each.tasks
        for arg in [*call.args, *(keyword.value for keyword in call.keywords)]
    ]
    return any(is_made(name, arg) for arg in given)


def is_made(name: str, value: ast.expr | None) -> bool:
    """Whether it is Name.MEMBER or Name(…), or a list of such."""
    if isinstance(value, ast.List | ast.Tuple):
        return any(is_made(name, each) for each in value.elts)
    owner = value.func if isinstance(value, ast.Call) else value.value if isinstance(value, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == name


def compared(name: str, tree: ast.AST, equal: bool) -> bool:
    """Whether it is asked for with isinstance, `is` or a match; or with `==`, unless its objects are equal by value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node) == "isinstance" and mentions(name, node):
            return True
        if isinstance(node, ast.MatchClass) and mentions(name, node.cls):
            return True
        if isinstance(node, ast.MatchValue) and mentions(name, node.value) and not equal:
            return True
        by_identity = isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        if isinstance(node, ast.Compare) and mentions(name, node) and (by_identity or not equal):
            return True
    return False

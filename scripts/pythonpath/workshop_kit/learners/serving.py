"""Mistakes of the task server: whether it serves, what, with which options, and only as a program."""

import ast
from collections.abc import Iterator

from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake
from workshop_kit.learners.files import (
    MAIN,
    OPTIONS,
    File,
    Finding,
    as_imported,
    beside,
    calls,
    defined,
    last_name,
    modules_imported,
    names_read,
    similar,
)

OTHERS = {"execv", "execvp", "execlp", "Popen", "system"}  # another program serves
SERVING = {"serve", "aserve", "TaskWorker", "DrainingTaskWorker"}


def serving(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """The task server's file: does it serve, what, and only when it is started as a program?"""
    names = EXAMPLES[ex].tasks
    imported = {module.partition(".")[0] for module in modules_imported(file.tree)}
    here = [file] + [each for each in files if each.path.stem in imported]
    unread = beside(file.path.parent) - {each.path.stem for each in files}
    serves = any((as_imported(each.tree, SERVING) | OTHERS) & names_read(each.tree) for each in here)
    if not serves and not imported & unread:
        what = Mistake.NOTHING_SERVES()
        last = file.tree.body[-1] if file.tree.body else None
        yield Finding(file.at(last), what, f"serve({', '.join(names)}) under {MAIN}", stops=True)
    for call, around in calls(file.tree):
        if last_name(call) not in ("serve", "aserve") or last_name(call) in defined(file.tree):  # or one of their own
            continue
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        own = isinstance(receiver, ast.Name) and receiver.id in file.tasks  # my_task.serve()
        if receiver and not own and last_name(receiver) not in ("task_worker", "durable"):
            continue
        if not own and not call.args and not call.keywords:
            yield Finding(file.at(call), Mistake.SERVE_WITHOUT_TASK(), f"serve({names[0]})", stops=True)
        for arg in call.args:
            if isinstance(arg, ast.Call) and isinstance(arg.func, ast.Name) and arg.func.id in file.tasks:
                what = Mistake.SERVE_GIVEN_A_CALL(arg.func.id)
                yield Finding(file.at(call), what, f"serve({arg.func.id}), without ()", stops=True)
            elif isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                what = Mistake.SERVE_GIVEN_A_NAME()
                yield Finding(file.at(call), what, f"serve({arg.value})", stops=True)
            elif isinstance(arg, ast.List | ast.Tuple):
                what = Mistake.SERVE_GIVEN_A_LIST()
                tasks = [one for each in call.args for one in (each.elts if isinstance(each, type(arg)) else [each])]
                yield Finding(file.at(call), what, f"serve({', '.join(map(ast.unparse, tasks))})", stops=True)
        if last_name(call) == "aserve" and isinstance(around[-1], ast.Expr):
            inside = any(isinstance(node, ast.AsyncFunctionDef) for node in around)
            remedy = f"await {ast.unparse(call)}" if inside else f"asyncio.run({ast.unparse(call)})"
            yield Finding(file.at(call), Mistake.ASERVE_NOT_AWAITED(), remedy, stops=True)
        for keyword in call.keywords:
            if keyword.arg and keyword.arg not in OPTIONS:
                like = similar(keyword.arg, OPTIONS)
                what, remedy = Mistake.SERVE_HAS_NO_OPTION(keyword.arg), f"use one of {', '.join(OPTIONS)}"
                yield Finding(file.at(keyword.value), what, f"{like}=…" if like else remedy, stops=True)
            kind = {"limit": "int", "grace": "float"}.get(keyword.arg or "")
            if kind and from_environment(keyword.value):
                what = Mistake.OPTION_IS_TEXT(keyword.arg)
                remedy = f"{keyword.arg}={kind}({ast.unparse(keyword.value)})"
                yield Finding(file.at(keyword.value), what, remedy, stops=True)
        if len(around) == 1 and isinstance(around[0], ast.Expr):
            what = Mistake.SERVE_OUTSIDE_OF_MAIN(MAIN)
            yield Finding(file.at(call), what, f"write the line {MAIN} above it", stops=True)


def from_environment(node: ast.expr) -> bool:
    """Whether it is os.environ["NAME"], os.environ.get("NAME") or os.getenv("NAME")."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value) == "environ"
    if not isinstance(node, ast.Call):
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    return last_name(node) == "getenv" or (
        last_name(node) == "get" and owner is not None and last_name(owner) == "environ"
    )


def not_served(file: File, ex: int) -> Iterator[Finding]:
    """A task that the finished file serves is here, and left out where the others are served."""
    served = [call for call, _ in calls(file.tree) if last_name(call) in SERVING and call.args]
    if len(served) != 1:
        return
    given: list[ast.expr] = []
    for arg in served[0].args:  # *(fail, hang, poison) is three
        inside = arg.value if isinstance(arg, ast.Starred) else None
        given += inside.elts if isinstance(inside, ast.Tuple | ast.List) else [arg]
    names = {arg.id if isinstance(arg, ast.Name) else "" for arg in given}
    # What is given otherwise may have it.
    if names <= file.tasks and (missing := [name for name in EXAMPLES[ex].tasks if name in file.tasks - names]):
        what = Mistake.NOT_SERVED(" and ".join(missing))
        yield Finding(file.at(served[0]), what, f"serve({', '.join(sorted(names) + missing)}, …)")


def never_main(file: File) -> Iterator[Finding]:
    """`if __name__ == "main":`: what stands below it never runs, and nothing says so."""
    for node in file.tree.body:
        test = node.test if isinstance(node, ast.If) else None
        if isinstance(test, ast.Compare) and last_name(test.left) == "__name__":
            value = getattr(test.comparators[0], "value", None)
            if isinstance(value, str) and value != "__main__" and value.strip("_").lower() == "main":
                what = Mistake.NEVER_MAIN(f"{value!r}")
                yield Finding(file.at(node), what, MAIN, stops=file.is_main)

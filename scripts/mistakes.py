#!/usr/bin/env python3
"""The typical mistakes of one who codes along, each named by a sentence: what is wrong, and the edit that mends it.

    mistakes.py EX FOLDER    exit 2, with the first of them on one line; 0 and silent if there is none

It reads the files that example EX has finished, too. What can be seen without running anything comes first (`ast`).
Only when the task's file passes that, it is imported, in a process of its own and for some seconds at the most.
A program may be right in another style than the finished one, and must not be accused: in doubt nothing is said.
"""

import ast
import builtins
import difflib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import workshop

PATIENCE = 30  # seconds that importing the task's file may take; then nothing is said about it
SERVING = {"serve", "aserve", "TaskWorker", "DrainingTaskWorker"}
SUBMITTING = {"delay", "map", "apply_async", "submit", "create_run"}
OPTIONS = ["limit", "grace", "name", "records", "status_server_port", "timeout"]  # of serve
ENVIRONMENT = {"environ", "getenv"}
MAIN = 'if __name__ == "__main__":'

# The file that has the example's tasks, and the tasks that the kit's commands and the other files expect there.
# Where a web app takes the work, EXAMPLES names no task.
BEHIND_AN_APP = {
    4: ["send_confirmation_email", "enrol_in_onboarding_flow", "populate_workspace"],
    5: ["answer_question"],
}
LESSONS: dict[int, tuple[str, list[str]]] = {
    ex: (f"{module}.py", [task] if task else BEHIND_AN_APP[ex]) for ex, (_, module, task) in workshop.EXAMPLES.items()
}
KEYED = {4: "signups", 5: "marvin", 6: "ex6"}  # the namespaces of their keys: they do not depend on the file's path
# What Prefect called it once, or people think it is called, and today's name.
RENAMED = {
    "prefect.task_server": "prefect.task_worker",
    "prefect.task_servers": "prefect.task_worker",
    "prefect.task_workers": "prefect.task_worker",
    "prefect.taskworker": "prefect.task_worker",
    "prefect.worker": "prefect.task_worker",
}


@dataclass(frozen=True)
class Finding:
    """One mistake. stops: the example cannot run so (else a step is missing that may be written while it runs)."""

    where: str
    what: str
    remedy: str
    stops: bool = True


@dataclass
class File:
    """A learner's file, read and not run."""

    path: Path
    tree: ast.Module
    finished: ast.Module  # the same file, finished
    is_main: bool  # whether it has the tasks
    bound: set[str] = field(default_factory=set)  # every name that it gives a value, wherever
    tasks: set[str] = field(default_factory=set)  # names that are tasks for sure: defined here, or imported from beside

    def at(self, node: ast.AST | None = None) -> str:
        """File and line, as people and editors write it."""
        line = getattr(node, "lineno", 0)
        return workshop.shown(self.path) + (f":{line}" if line else "")


# --- reading ----------------------------------------------------------------------------------------


def names_bound(tree: ast.AST) -> set[str]:
    """Every name that is given a value somewhere in there: more than are visible anywhere, so never too few."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):  # def f[T](…), from Python 3.12 on
            found.add(node.name)  # type: ignore[attr-defined]
    return found


def last_name(node: ast.AST) -> str:
    """`task` for task, prefect.task, task(…) and prefect.task(…)."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def tasks_defined(tree: ast.Module) -> set[str]:
    """The names of functions with `@task` above them, under whatever name it was imported."""
    decorators = {"task"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "prefect":
            decorators |= {alias.asname for alias in node.names if alias.name in ("task", "Task") and alias.asname}
    return {f.name for f in functions(tree) if decorators & {last_name(d) for d in f.decorator_list}}


def imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Those at the top of the file: what stands in a `try` or a function may be meant to fail."""
    return (node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))


def read(ex: int, folder: Path) -> tuple[list[File], list[Finding]]:
    """The learner's files that the finished example has too, the task's first; and what cannot be read."""
    files: list[File] = []
    wrong: list[Finding] = []
    main = LESSONS[ex][0]
    for finished in sorted(workshop.finished_folder(ex).glob("*.py"), key=lambda path: (path.name != main, path.name)):
        path = folder / finished.name
        if not path.is_file():
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError as error:
            where = f"{workshop.shown(path)}:{error.lineno}"
            wrong.append(Finding(where, f"is no valid Python: {error.msg}", f"mending line {error.lineno}"))
            continue
        except ValueError as error:  # a null byte
            wrong.append(Finding(workshop.shown(path), f"is no valid Python: {error}", "saving it as UTF-8 text"))
            continue
        file = File(path, tree, ast.parse(finished.read_bytes()), path.name == main)
        file.bound, file.tasks = names_bound(tree), tasks_defined(tree)
        files.append(file)
    for file in files:
        for node in imports(file.tree):
            beside = next((f for f in files if isinstance(node, ast.ImportFrom) and f.path.stem == node.module), None)
            if beside:
                file.tasks |= {a.asname or a.name for a in node.names if a.name in tasks_defined(beside.tree)}
    return files, wrong


def beside(folder: Path) -> set[str]:
    """The learner's own modules and packages; a package is a folder, with an __init__.py or without."""
    return {path.stem for path in folder.glob("*.py")} | {path.name for path in folder.iterdir() if path.is_dir()}


def as_imported(tree: ast.Module, names: set[str]) -> set[str]:
    """These names, and what the file calls them: `from prefect.task_worker import serve as start`."""
    aliases = [alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    return names | {alias.asname for alias in aliases if alias.name in names and alias.asname}


def modules_imported(tree: ast.Module) -> set[str]:
    """At the top of the file."""
    found = {node.module or "" for node in imports(tree) if isinstance(node, ast.ImportFrom)}
    return found | {alias.name for node in imports(tree) if isinstance(node, ast.Import) for alias in node.names}


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, list[ast.AST]]]:
    """Every call, with what it stands in, from the outside inwards."""

    def walk(node: ast.AST, around: list[ast.AST]) -> Iterator[tuple[ast.Call, list[ast.AST]]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield child, around
            yield from walk(child, [*around, child])

    return walk(tree, [])


def names_read(tree: ast.AST) -> set[str]:
    """The names and attributes that are looked up somewhere."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
    return {last_name(node) for node in nodes if isinstance(node.ctx, ast.Load)}


def similar(name: str, known: set[str] | list[str], at_least: float = 0.6) -> str:
    """The most similar of the known names, or nothing."""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1, at_least)), "")


def defined(tree: ast.Module) -> set[str]:
    """The functions, classes and other names that the file itself makes, at its top."""
    names = {getattr(node, "name", "") for node in tree.body}
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return (names | {target.id for target in assigned if isinstance(target, ast.Name)}) - {""}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Those at the top of the file."""
    return (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# --- a: imports ---------------------------------------------------------------------------------------


def old_names(file: File, ex: int) -> Iterator[Finding]:
    """Prefect's names of before, and names of Prefect that are something else."""
    for node in imports(file.tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if modules == ["prefect"]:
            modules += [f"prefect.{name}" for name in names if f"prefect.{name}" in RENAMED]
        for module in modules:
            if today := RENAMED.get(module):
                what = "serve" if "serve" in names or "TaskServer" not in names else "TaskWorker"
                remedy = f"`from {today} import {what}`"
                yield Finding(file.at(node), f"there is no {module}: Prefect 3 says {today}", remedy)
        if modules == ["prefect.task_worker"] and "TaskServer" in names:
            yield Finding(
                file.at(node), "TaskServer is called TaskWorker in Prefect 3", f"`from {modules[0]} import serve`"
            )
        if modules == ["prefect"] and "tasks" in names and uses_as_task(file, "tasks"):
            yield Finding(
                file.at(node), "prefect.tasks is a module, the decorator is `task`", "`from prefect import task`"
            )
        if (
            modules == ["prefect"]
            and "serve" in names
            and any(
                last_name(call) == "serve" and any(last_name(arg) in file.tasks for arg in call.args)
                for call, _ in calls(file.tree)
            )
        ):
            what = "prefect.serve is for deployments of flows, and does not take a task"
            yield Finding(file.at(node), what, "`from prefect.task_worker import serve`")


def uses_as_task(file: File, name: str) -> bool:
    """Whether a module's name is used as if it were the decorator, or the decorator without an import."""
    used = [node for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in used:
        for decorator in function.decorator_list:
            plain = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(plain, ast.Name) and plain.id == name:
                return True
    return "task" not in file.bound and any(isinstance(n, ast.Name) and n.id == "task" for n in ast.walk(file.tree))


def imports_from_beside(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """Modules that are not there, and names that a file beside it does not have."""
    own = beside(file.path.parent)
    for node in imports(file.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = ", ".join(alias.name for alias in node.names)
            what = f"`from .{node.module or ''} import …` works in a package only, and this folder is none"
            yield Finding(file.at(node), what, f"`from {node.module or '…'} import {names}`")
            continue
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for module in modules:
            top = module.partition(".")[0]
            if top not in own and not importlib.util.find_spec(top):
                finished = {name for statement in imports(file.finished) for name in tops(statement)}
                if top in finished:  # the finished file wants it, too
                    yield Finding(file.at(node), f"the package {top} is not installed", f"make setup EX={ex}")
                    continue
                like = similar(top, own | finished | {"prefect"})
                names = ", ".join(alias.name for alias in node.names)
                remedy = f"`from {like} import {names}`" if like and isinstance(node, ast.ImportFrom) else ""
                remedy = remedy or (f"`import {like}`" if like else "mending the name")
                yield Finding(file.at(node), f"there is no module {module}", remedy)
        other = next((f for f in files if isinstance(node, ast.ImportFrom) and f.path.stem == node.module), None)
        if other and not {"*", "__getattr__"} & other.bound:
            for alias in node.names:
                if alias.name not in other.bound | {"*"}:
                    tasks = tasks_defined(other.tree)
                    like = similar(alias.name, tasks, 0.5) or similar(alias.name, defined(other.tree))
                    remedy = f"`from {node.module} import {like}`" if like else f"writing {alias.name} there"
                    if alias.name in LESSONS[ex][1] and like in tasks:  # the kit's commands want it by this name
                        remedy = f"calling {like} so there"
                    yield Finding(file.at(node), f"{other.path.name} has no {alias.name}", remedy)


def tops(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The packages of an import statement."""
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {module.partition(".")[0] for module in modules}


def not_imported(file: File, files: list[File]) -> Iterator[Finding]:
    """Names that the finished files import, used here without an import: Python would say so only on reaching them."""
    statements: dict[str, str] = {}
    for tree in [each.finished for each in reversed(files)] + [file.finished]:
        for node in imports(tree):
            if isinstance(node, ast.ImportFrom) and node.module == file.path.stem:
                continue  # the file itself
            for alias in node.names:
                name = alias.asname or alias.name
                start = f"from {node.module} import" if isinstance(node, ast.ImportFrom) else "import"
                statements[name] = f"{start} {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    statements.setdefault("task", "from prefect import task")
    statements.setdefault("serve", "from prefect.task_worker import serve")
    if "*" in file.bound:
        return
    told = set()
    for node in ast.walk(file.tree):
        name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
        if name in statements and name not in file.bound | told and not hasattr(builtins, name):
            told.add(name)
            yield Finding(file.at(node), f"{name} is used and not imported", f"`{statements[name]}`")


def plain_functions(file: File, ex: int) -> Iterator[Finding]:
    """The example's tasks that are functions still: nothing above them, and nothing made of them later."""
    for name in LESSONS[ex][1]:
        named = [node for node in ast.walk(file.tree) if getattr(node, "name", "") == name]
        stored = [
            n for n in ast.walk(file.tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
        ]
        if (
            len(named) == 1
            and named[0] in file.tree.body
            and not stored
            and not getattr(named[0], "decorator_list", [1])
        ):
            yield not_a_task(file, name, named[0])


def not_a_task(file: File, name: str, node: ast.AST | None) -> Finding:
    remedy = f"the line @task above `def {name}`, and `from prefect import task`"
    return Finding(file.at(node), f"{name} is not a task yet", remedy)


# --- b: serve -------------------------------------------------------------------------------------------


def serving(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """The task server's file: does it serve, what, and only when it is started as a program?"""
    names = LESSONS[ex][1]
    imported = {module.partition(".")[0] for module in modules_imported(file.tree)}
    here = [file] + [each for each in files if each.path.stem in imported]
    unread = beside(file.path.parent) - {each.path.stem for each in files}
    if not any(as_imported(each.tree, SERVING) & names_read(each.tree) for each in here) and not imported & unread:
        what = "nothing serves the task, so the task server would end at once"
        yield Finding(file.at(file.tree.body[-1] if file.tree.body else None), what, f"serve({names[0]}) under {MAIN}")
    for call, around in calls(file.tree):
        if last_name(call) not in ("serve", "aserve") or last_name(call) in defined(file.tree):  # or one of their own
            continue
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        own = isinstance(receiver, ast.Name) and receiver.id in file.tasks  # my_task.serve()
        if receiver and not own and last_name(receiver) not in ("task_worker", "durable"):
            continue
        if not own and not call.args and not call.keywords:
            yield Finding(file.at(call), "serve() is given no task", f"serve({names[0]})")
        for arg in call.args:
            if isinstance(arg, ast.Call) and isinstance(arg.func, ast.Name) and arg.func.id in file.tasks:
                what = f"serve wants the task itself; {arg.func.id}() calls it"
                yield Finding(file.at(call), what, f"serve({arg.func.id}), without ()")
            elif isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                yield Finding(file.at(call), "serve wants the task itself, not its name", f"serve({arg.value})")
            elif isinstance(arg, ast.List | ast.Tuple):
                what = "serve wants the tasks themselves, not a list of them"
                yield Finding(file.at(call), what, f"serve({', '.join(map(ast.unparse, arg.elts))})")
        if called_only(call, around) and last_name(call) == "aserve":
            what = "aserve(…) without await does nothing"
            yield Finding(file.at(call), what, f"asyncio.run({ast.unparse(call)})")
        for keyword in call.keywords:
            if keyword.arg and keyword.arg not in OPTIONS:
                like = similar(keyword.arg, OPTIONS)
                what = f"serve has no option {keyword.arg}"
                yield Finding(file.at(keyword.value), what, f"{like}=…" if like else f"one of {', '.join(OPTIONS)}")
            kind = {"limit": "int", "grace": "float"}.get(keyword.arg or "")
            if kind and from_environment(keyword.value):
                what = f"{keyword.arg} is text here, as all that comes from the environment is"
                yield Finding(file.at(keyword.value), what, f"{keyword.arg}={kind}({ast.unparse(keyword.value)})")
        if len(around) == 1 and isinstance(around[0], ast.Expr):
            what = f"serve stands outside of `{MAIN}`, so whoever imports this file starts a task server, and hangs"
            yield Finding(file.at(call), what, f"the line {MAIN} above it")


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


def above_tasks(file: File) -> Iterator[Finding]:
    """Slips with what stands above a task: @keyed without its namespace or below @task, and the name of its runs."""
    durables = any(isinstance(node, ast.ImportFrom) and node.module == "durable" for node in imports(file.tree))
    for function in functions(file.tree):
        names = [last_name(decorator) for decorator in function.decorator_list]
        for decorator in function.decorator_list:
            if durables and isinstance(decorator, ast.Name) and decorator.id == "keyed":
                yield Finding(file.at(decorator), "keyed wants a namespace", '@keyed("…")')
        if durables and "keyed" in names and "task" in names[: names.index("keyed")]:
            yield Finding(
                file.at(function), "@keyed belongs above @task, for it wants a task", "the two lines exchanged"
            )
        parameters = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
        for call in (d for d in function.decorator_list if isinstance(d, ast.Call) and last_name(d) == "task"):
            template = next((keyword.value for keyword in call.keywords if keyword.arg == "task_run_name"), None)
            if isinstance(template, ast.JoinedStr) and names_read(template) & parameters:
                what = "task_run_name is filled in for each run, by Prefect: here there is no such name yet"
                yield Finding(file.at(template), what, "the same without the f before it")
            if isinstance(template, ast.Constant) and isinstance(template.value, str):
                wanted = set(re.findall(r"(?<!{){([A-Za-z_]\w*)[^{}]*}", template.value))
                for name in sorted(wanted - parameters - {"flow_run", "task_run"}):
                    like = similar(name, parameters) or next(iter(sorted(parameters)), "")
                    what = f"task_run_name has {{{name}}}, and {function.name} has no parameter of that name"
                    yield Finding(file.at(template), what, f"{{{like}}}" if like else "a name without it")


def own_coroutines(tree: ast.Module) -> set[str]:
    """The asynchronous functions of this file that are a coroutine when they are called."""
    return {
        function.name
        for function in functions(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        and {last_name(decorator) for decorator in function.decorator_list} <= {"task", "keyed", "fn"}
        and not any(isinstance(node, ast.Yield) for node in ast.walk(function))  # a generator: `async for`
    }


def not_awaited(file: File) -> Iterator[Finding]:
    """In an asynchronous function, an asynchronous function of this file is called without `await`."""
    coroutines = own_coroutines(file.tree)
    for function in functions(file.tree):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            call = node.value if isinstance(node, ast.Assign | ast.Expr) else None
            if not isinstance(call, ast.Call) or (
                isinstance(node, ast.Assign) and not taken_for_its_value(function, node, coroutines)
            ):
                continue
            name, of = last_name(call), call.func.value if isinstance(call.func, ast.Attribute) else None
            marvins = of is not None and last_name(of) == "marvin" and name.endswith("_async")
            if (of is None and name in coroutines) or marvins:
                yield Finding(file.at(call), f"{name}(…) without await gives no answer", f"await {ast.unparse(call)}")


def taken_for_its_value(function: ast.AsyncFunctionDef, assigned: ast.Assign, coroutines: set[str]) -> bool:
    """Whether a name that was given a coroutine is used as what the coroutine would have given, and in no other way.

    It may be awaited later, put into a list that is awaited, or handed to who awaits it: that is right.
    """
    names = {target.id for target in assigned.targets if isinstance(target, ast.Name)}
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    is_task = "task" in map(last_name, function.decorator_list)

    def as_value(node: ast.Name) -> bool:
        user = parents[node]
        while is_task and isinstance(user, ast.Dict | ast.List | ast.Tuple):  # in what a task returns
            user = parents[user]
        if isinstance(user, ast.Call):
            return node in user.args and last_name(user) in coroutines | {"print", "str", "len"}
        return isinstance(user, ast.Attribute | ast.FormattedValue) or (is_task and isinstance(user, ast.Return))

    if not names or any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(function)):
        return False
    loads = [n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in names]
    return all(map(as_value, loads))


def called_only(call: ast.Call, around: list[ast.AST]) -> bool:
    """Whether the call is a line of its own, outside of every asynchronous function and class."""
    inside = any(isinstance(node, ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) for node in around)
    return isinstance(around[-1], ast.Expr) and not inside if around else False


def not_run(file: File) -> Iterator[Finding]:
    """An asynchronous function of this file is called as a line of its own, in ordinary code: that does nothing."""
    coroutines = own_coroutines(file.tree)
    for call, around in calls(file.tree):
        if isinstance(call.func, ast.Name) and call.func.id in coroutines and called_only(call, around):
            what = f"{call.func.id} is asynchronous, so calling it so does nothing"
            yield Finding(file.at(call), what, f"asyncio.run({ast.unparse(call)}), and `import asyncio`")


def never_main(file: File) -> Iterator[Finding]:
    """`if __name__ == "main":`: what stands below it never runs, and nothing says so."""
    for node in file.tree.body:
        test = node.test if isinstance(node, ast.If) else None
        if isinstance(test, ast.Compare) and last_name(test.left) == "__name__":
            value = getattr(test.comparators[0], "value", None)
            if isinstance(value, str) and value != "__main__" and value.strip("_").lower() == "main":
                what = f"__name__ is never {value!r}, so what stands below this line never runs"
                yield Finding(file.at(node), what, MAIN)


# --- c: submitting ----------------------------------------------------------------------------------------


def misses_argument(file: File, files: list[File], call: ast.Call, name: str) -> Iterator[Finding]:
    """A run is submitted without an argument that its task wants, or with one more than it takes."""
    function = function_of(name, files)
    if not function or any(isinstance(arg, ast.Starred) for arg in call.args):
        return
    given = [keyword.arg or "**" for keyword in call.keywords]
    takes, wants = parameters(function)
    if "**" not in given and (missing := [arg for arg in wants[len(call.args) :] if arg not in given]):
        values = ", ".join([*map(ast.unparse, call.args), *(f"{arg}=…" for arg in missing)])
        what = f"{name} wants {' and '.join(missing)}, which this run is not given"
        yield Finding(file.at(call), what, f"{name}.delay({values})")
    elif len(call.args) > takes:
        what = f"{name} takes {takes or 'no'} argument(s), and this run is given {len(call.args)}"
        yield Finding(file.at(call), what, f"a parameter more in `def {name}`")


def function_of(name: str, files: list[File]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The one function of these files that is a task of this name, with nothing unknown above it."""
    found = [function for file in files for function in functions(file.tree) if function.name == name]
    known = len(found) == 1 and {last_name(d) for d in found[0].decorator_list} <= {"task", "keyed"}
    return found[0] if known and found[0].decorator_list else None


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[float, list[str]]:
    """How many positional arguments it takes, and the names of those that it cannot do without."""
    args = function.args
    positional = [arg.arg for arg in args.posonlyargs + args.args]
    wants = positional[: len(positional) - len(args.defaults)]
    wants += [arg.arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if not default]
    return (float("inf") if args.vararg else len(positional)), wants


def other_parameters(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """The kit's commands submit with as many values as the finished task takes."""
    for finished in functions(file.finished):
        mine = function_of(finished.name, files)
        if mine and ex in (2, 3, 6) and finished.name in LESSONS[ex][1]:
            given = [arg.arg for arg in finished.args.args]
            takes, wants = parameters(mine)
            if takes < len(given) or len(wants) > len(given):
                what = f"{mine.name} takes other arguments than the kit's commands give it: {', '.join(given)}"
                yield Finding(file.at(mine), what, f"def {mine.name}({ast.unparse(finished.args)})")


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
    if names <= file.tasks and (missing := [name for name in LESSONS[ex][1] if name in file.tasks - names]):
        what = f"serve is not given {' and '.join(missing)}, whose runs would wait for ever"
        yield Finding(file.at(served[0]), what, f"serve({', '.join(sorted(names) + missing)}, …)")


def ships_again(file: File, ex: int) -> Iterator[Finding]:
    """Example 6: the parcel's file is opened with "w", which a second start of the run does not notice."""
    modes = {
        arg.value
        for call, _ in calls(file.tree)
        if last_name(call) == "open"
        for arg in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(arg, ast.Constant)
    }
    others = {"O_EXCL", "link", "symlink", "exists", "is_file", "rename", "replace"}
    if ex == 6 and file.is_main and "w" in modes and "x" not in modes and not others & names_read(file.tree):
        what = 'opens a file with "w", so a run that is started again ships a second time'
        yield Finding(file.at(), what, '"x", which fails if the file is there', stops=False)


def undefined(file: File, ex: int) -> Iterator[Finding]:
    """A name that nothing in the file gives a value: Python says so only on reaching it."""
    if "*" in file.bound or names_read(file.tree) & {"exec", "globals", "locals", "vars", "setattr"}:
        return
    tried = {inner for node in ast.walk(file.tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    hints = {
        inner
        for node in ast.walk(file.tree)
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if hint
        for inner in ast.walk(hint)
    }
    told: set[str] = set()
    for node in ast.walk(file.tree):
        name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
        known = not name or name.startswith("__") or hasattr(builtins, name) or name in file.bound | told
        if known or node in tried or node in hints:
            continue
        told.add(name)
        like = similar(name, file.tasks, 0.5) or similar(name, file.bound | set(dir(builtins)))
        if file.is_main and name in LESSONS[ex][1]:
            what, remedy = f"has no {name}, which the kit's commands submit to", f"calling {like} so" if like else ""
        else:
            what, remedy = f"{name} is not defined", f"{like}, perhaps" if like else ""
        yield Finding(file.at(node), what, remedy or f"writing {name}")


def submitting(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """`submit` and `map` outside a flow, and a task that is called where it should be submitted."""
    submits = SUBMITTING & names_read(file.tree)
    for call, around in calls(file.tree):
        if any(isinstance(node, ast.Try) for node in around):  # somebody may want to see the error
            continue
        inside = [node for node in around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        decorated = {last_name(decorator) for function in inside for decorator in function.decorator_list}
        if decorated & {"flow", "task"} or (inside and "flow" in file.bound):  # may be called from a flow
            continue
        if isinstance(call.func, ast.Attribute):
            name = last_name(call.func.value) if isinstance(call.func.value, ast.Name | ast.Attribute) else ""
            if name not in file.tasks:
                continue
            if ex == 1 and call.func.attr in SUBMITTING:
                what = f"example 1 has no task server, which {name}.{call.func.attr}(…) is for"
                yield Finding(file.at(call), what, f"{name}({', '.join(map(ast.unparse, call.args))})")
            elif call.func.attr == "submit":
                what = f"{name}.submit(…) works in a flow only"
                yield Finding(file.at(call), what, f"{name}.delay(…)")
            if call.func.attr == "delay":
                yield from misses_argument(file, files, call, name)
            if ex > 1 and call.func.attr == "map" and maps_at_once(call):
                what = f"{name}.map(…) without deferred=True works in a flow only"
                yield Finding(file.at(call), what, f"{name}.map([…], deferred=True)")
            elif call.func.attr == "map" and call.args and no_list(call):
                what = f"{name}.map wants a list with a value for each run, and gets none"
                values = ", ".join(map(ast.unparse, call.args))
                yield Finding(file.at(call), what, f"{name}.map([{values}], deferred=True)")
        elif (
            ex > 1
            and not file.is_main
            and isinstance(call.func, ast.Name)
            and call.func.id in file.tasks
            and not submits
        ):
            what = f"{call.func.id}(…) runs the task here, in this program, and not on a task server"
            yield Finding(file.at(call), what, f"{call.func.id}.delay(…)")


def no_list(call: ast.Call) -> bool:
    """Whether nothing that is given can be a list: texts and numbers alone."""
    given = call.args + [keyword.value for keyword in call.keywords if keyword.arg != "deferred"]
    return all(isinstance(value, ast.Constant) for value in given)


def not_called(file: File) -> Iterator[Finding]:
    """`my_task.delay` as a line of its own, without parentheses: Python looks it up and does nothing."""
    for node in ast.walk(file.tree):
        method = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute) else None
        if method and method.attr in SUBMITTING and last_name(method.value) in file.tasks:
            name = ast.unparse(method)
            yield Finding(file.at(node), f"{name} without parentheses submits nothing", f"{name}(…)")


def defined_again(file: File, files: list[File]) -> Iterator[Finding]:
    """A task of the task server, written down again in a file that submits: another task, with another key."""
    main = next((each for each in files if each.is_main), None)
    if not main or file.is_main or not SUBMITTING & names_read(file.tree):
        return
    for function in functions(file.tree):
        keyed = "keyed" in map(last_name, function.decorator_list)
        if not keyed and function.name in tasks_defined(file.tree) & tasks_defined(main.tree):
            what = f"{function.name} is defined in {main.path.name} too; this one is another task, which nobody serves"
            remedy = f"`from {main.path.stem} import {function.name}` in its place"
            yield Finding(file.at(function), what, remedy)


def maps_at_once(call: ast.Call) -> bool:
    """Whether it is a map() without `deferred`, or with one that is plainly False."""
    for keyword in call.keywords:
        if keyword.arg is None:  # **options: who knows
            return False
        if keyword.arg == "deferred":
            return isinstance(keyword.value, ast.Constant) and not keyword.value.value
    return True


def unwritten(file: File, ex: int) -> Iterator[Finding]:
    """Functions that are still as `make code` put them there, with steps to write inside."""
    path = workshop.finished_folder(ex) / "skeleton" / file.path.name
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
            yield Finding(
                file.at(mine), f"in {function.name} {which} to be written", f"make solve EX={ex}", stops=False
            )


def submits_nothing(file: File, files: list[File]) -> Iterator[Finding]:
    """A file that submits when it is finished, and does not yet."""
    helpers = {path.stem for path in file.path.parent.glob("*.py")} - {each.path.stem for each in files}
    if SUBMITTING & names_read(file.finished) and not file.is_main and not modules_imported(file.tree) & helpers:
        called = {call.func.id for call, _ in calls(file.tree) if isinstance(call.func, ast.Name)}
        if not SUBMITTING & names_read(file.tree) and not called & file.tasks:
            yield Finding(
                file.at(),
                "submits nothing yet",
                "its steps; the method is `delay`, or `map`",
                stops=False,
            )


# --- e: another server --------------------------------------------------------------------------------------


def own_address(file: File) -> Iterator[Finding]:
    """PREFECT_API_URL set in the code, to something else than the kit's: the runs would go to another server."""
    if workshop.REMOTE:
        return
    # `if not os.getenv(…): os.environ[…] = …` does nothing in the kit.
    asked = [node for node in ast.walk(file.tree) if isinstance(node, ast.If) and names_read(node.test) & ENVIRONMENT]
    conditional = {inner for node in asked for inner in ast.walk(node)}
    for node in ast.walk(file.tree):
        if node in conditional:
            continue
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Assign):
            values = [node.value for target in node.targets if names_address(target)]
        elif isinstance(node, ast.Delete):
            values = [None for target in node.targets if names_address(target)]
        elif isinstance(node, ast.Call) and last_name(node) == "pop" and node.args and is_address(node.args[0]):
            values = [None] if last_name(node.func.value) == "environ" else []  # type: ignore[attr-defined]
        elif isinstance(node, ast.Call) and last_name(node) == "putenv" and len(node.args) == 2:
            values = [node.args[1]] if is_address(node.args[0]) else []
        elif isinstance(node, ast.Call) and last_name(node) in ("temporary_settings", "update"):
            values = [keyword.value for keyword in node.keywords if keyword.arg == "PREFECT_API_URL"]
            dicts = [d for d in [*node.args, *(k.value for k in node.keywords)] if isinstance(d, ast.Dict)]
            values += [v for d in dicts for k, v in zip(d.keys, d.values, strict=True) if k and is_address(k)]
        for value in values:
            if value is None or (isinstance(value, ast.Constant) and other_server(value.value)):
                to = f" to {value.value}" if isinstance(value, ast.Constant) else ""
                what = f"sets PREFECT_API_URL{to}" if value else "takes PREFECT_API_URL away"
                kit = os.environ.get("PREFECT_API_URL", "")
                what += f", and the kit's Prefect server is {kit}: runs would go elsewhere"
                yield Finding(file.at(node), what, f"deleting line {node.lineno}: the kit sets it")


def is_address(node: ast.expr) -> bool:
    named = isinstance(node, ast.Name | ast.Attribute) and last_name(node) == "PREFECT_API_URL"
    return named or (isinstance(node, ast.Constant) and node.value == "PREFECT_API_URL")


def names_address(target: ast.expr) -> bool:
    """Whether it is os.environ["PREFECT_API_URL"]."""
    return isinstance(target, ast.Subscript) and last_name(target.value) == "environ" and is_address(target.slice)


def other_server(value: object) -> bool:
    def plain(url: str) -> str:
        return url.rstrip("/").replace("://localhost:", "://127.0.0.1:")

    return not isinstance(value, str) or plain(value) != plain(os.environ.get("PREFECT_API_URL", ""))


# --- a real import, in a process of its own ---------------------------------------------------------------


def importing(ex: int, folder: Path) -> list[Finding]:
    """What only Python itself can say. Nothing when it takes too long or says nothing."""
    command = [sys.executable, __file__, "--import", str(ex), str(folder)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return [Finding(**found) for found in json.loads(done.stdout)]
    except (subprocess.TimeoutExpired, ValueError, TypeError):
        return []


def import_here(ex: int, folder: Path) -> list[Finding]:
    """In that process: the imports of every file, one after the other, and then the task's file itself."""
    sys.path.insert(0, str(folder))
    files, _ = read(ex, folder)
    own = beside(folder)
    found = []
    for file in files:
        for node in imports(file.tree):
            if isinstance(node, ast.ImportFrom) and not node.level and not tops(node) & own:
                found += names_missing(file, node)
            elif isinstance(node, ast.Import):
                found += [
                    f for alias in node.names if not tops(node) & own for f in module_missing(file, node, alias.name)
                ]
    main = next(file for file in files if file.is_main)
    return found or task_missing(main, ex)


def module_missing(file: File, node: ast.stmt, module: str) -> list[Finding]:
    """Whether a module of somebody else's can be imported."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not module.startswith(error.name):
            raise
        package, _, last = error.name.rpartition(".")
        around = dir(importlib.import_module(package)) if package else []
        paths = importlib.import_module(package).__path__ if package else []
        around += [path.stem for folder in paths for path in Path(folder).glob("*")]
        like = similar(last, around)
        remedy = f"`{package}.{like}`" if like else "mending the name"
        return [Finding(file.at(node), f"there is no module {error.name}", remedy)]
    return []


def names_missing(file: File, node: ast.ImportFrom) -> list[Finding]:
    """Whether it has the names that are imported from it."""
    module = node.module or ""
    if found := module_missing(file, node, module):
        return found
    has = importlib.import_module(module)
    missing = []
    for alias in node.names:
        name = alias.name
        if (
            name == "*"
            or hasattr(has, name)
            or (hasattr(has, "__path__") and importlib.util.find_spec(f"{module}.{name}"))
        ):
            continue
        today = {"serve": "prefect.task_worker", "task": "prefect"}.get(name, "")
        like = similar(name, [known for known in dir(has) if not known.startswith("_")])
        if module == "prefect.task_worker" and name.startswith("serv"):
            like = "serve"
        remedy = (
            f"`from {today} import {name}`" if today else f"`from {module} import {like}`" if like else "mending it"
        )
        missing.append(Finding(file.at(node), f"{module} has no {name}", remedy))
    return missing


def runs_at_import(main: File) -> bool:
    """Whether importing the file would call or submit a task: then it is not ours to do."""
    for call, around in calls(main.tree):
        if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.If) for node in around):
            continue
        of = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr in SUBMITTING else call.func
        if isinstance(of, ast.Name) and of.id in main.tasks:
            return True
    return False


def task_missing(main: File, ex: int) -> list[Finding]:
    """Import the file and look whether its tasks are tasks."""
    from prefect import Task

    if runs_at_import(main):
        return []
    sys.argv = [str(main.path)]
    try:
        module = importlib.import_module(main.path.stem)
    except Exception as error:
        return [broken_import(main, error)]
    at = {getattr(node, "name", ""): node for node in main.tree.body}
    for name in LESSONS[ex][1]:
        if not hasattr(module, name):
            like = similar(name, [known for known, value in vars(module).items() if isinstance(value, Task)])
            remedy = f"calling {like} so" if like else "writing it"
            return [Finding(main.at(), f"has no {name}, which the kit's commands submit to", remedy)]
        if not isinstance(getattr(module, name), Task):
            return [not_a_task(main, name, at.get(name))]
        key = f"{KEYED[ex]}.{name}-" if ex in KEYED else ""
        if not getattr(module, name).task_key.startswith(key):
            what = f"the key of {name} is not the one that make check looks for, {key}…"
            remedy = f'@keyed("{KEYED[ex]}") above its @task, and `from durable import keyed`'
            return [Finding(main.at(at.get(name)), what, remedy, stops=False)]
    return []


def broken_import(main: File, error: Exception) -> Finding:
    """The last line of the learner's own on the way to the error."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(main.path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = main.at() + (f":{line}" if line else "")
    like = getattr(error, "name", None) if isinstance(error, NameError) else None
    like = similar(str(like), main.bound | set(dir(builtins))) if like else ""
    remedy = (
        f"{like}, perhaps"
        if like
        else f"mending line {line}"
        if line
        else "python " + main.path.name + " in make shell"
    )
    return Finding(where, f"cannot be imported: {type(error).__name__}: {error}", remedy)


# --- all of them -----------------------------------------------------------------------------------------


def seen(ex: int, folder: Path) -> list[Finding]:
    """What can be seen in the files without running them: takes milliseconds."""
    files, found = read(ex, folder)
    for file in files:
        old = list(old_names(file, ex))
        lines = {finding.where for finding in old}
        found += old
        found += [finding for finding in imports_from_beside(file, ex, files) if finding.where not in lines]
        found += [] if old else not_imported(file, files)
        if file.is_main:
            found += plain_functions(file, ex)
        if file.is_main and ex > 1:
            found += [*serving(file, ex, files), *not_served(file, ex), *other_parameters(file, ex, files)]
        found += [*above_tasks(file), *not_awaited(file), *never_main(file), *defined_again(file, files)]
        found += [*submitting(file, ex, files), *not_called(file), *not_run(file), *ships_again(file, ex)]
        known = {finding.where for finding in found}
        found += [finding for finding in undefined(file, ex) if finding.where not in known]
        found += own_address(file)
        found += list(unwritten(file, ex)) or submits_nothing(file, files)
    return found


def look(ex: int, folder: Path) -> list[Finding]:
    """Every mistake that is known. Where the task's file looks well it is imported, which takes two seconds or more."""
    found = seen(ex, folder)
    main = workshop.shown(folder / LESSONS[ex][0])
    if all(finding.where.partition(":")[0] != main for finding in found):
        known = {finding.where for finding in found}
        found += [finding for finding in importing(ex, folder) if finding.where not in known]
    return found


def main() -> int:
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    ex, folder = int(sys.argv[-2]), Path(sys.argv[-1])
    if sys.argv[1] == "--import":
        answer = os.dup(1)  # what the learner's file prints is not for us
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        found = [vars(finding) for finding in import_here(ex, folder)]
        os.write(answer, json.dumps(found).encode())
        os._exit(0)  # whatever it has started ends here
    found = [finding for finding in seen(ex, folder) if finding.stops] or [f for f in look(ex, folder) if f.stops]
    if found:
        first, more = found[0], len(found) - 1
        others = f" ({more} more: make check EX={ex})" if more else ""
        workshop.fail(f"{first.where}: {first.what}", first.remedy + others)
    return 0


if __name__ == "__main__":
    sys.exit(main())

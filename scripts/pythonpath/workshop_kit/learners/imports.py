"""Mistakes with imports and names: Prefect's old names, modules and names that are not there."""

import ast
import builtins
import importlib.util
from collections.abc import Iterator

from workshop_kit import procfile
from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake
from workshop_kit.learners.files import (
    File,
    Finding,
    at_start,
    beside,
    calls,
    changes_path,
    defined,
    imports,
    last_name,
    names_read,
    similar,
    tasks_defined,
    tops,
)

# What Prefect called it once, or people think it is called, and today's name.
RENAMED = {
    "prefect.task_server": "prefect.task_worker",
    "prefect.task_servers": "prefect.task_worker",
    "prefect.task_workers": "prefect.task_worker",
    "prefect.taskworker": "prefect.task_worker",
    "prefect.worker": "prefect.task_worker",
}


def old_names(file: File, ex: int) -> Iterator[Finding]:
    """Prefect's old names, and names of Prefect that are something else."""
    for node in imports(file.tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if modules == ["prefect"]:
            modules += [f"prefect.{name}" for name in names if f"prefect.{name}" in RENAMED]
        for module in modules:
            if today := RENAMED.get(module):
                meant = "serve" if "serve" in names or "TaskServer" not in names else "TaskWorker"
                remedy = f"`from {today} import {meant}`"
                yield Finding(file.at(node), Mistake.OLD_MODULE(module, today), remedy, stops=True)
        if modules == ["prefect.task_worker"] and "TaskServer" in names:
            remedy = f"`from {modules[0]} import serve`"
            yield Finding(file.at(node), Mistake.TASK_SERVER_CLASS(), remedy, stops=True)
        if modules == ["prefect"] and "tasks" in names and uses_as_task(file, "tasks"):
            what = Mistake.TASKS_IS_A_MODULE()
            yield Finding(file.at(node), what, "`from prefect import task`", stops=True)
        if (
            modules == ["prefect"]
            and "serve" in names
            and any(
                last_name(call) == "serve" and any(last_name(arg) in file.tasks for arg in call.args)
                for call, _ in calls(file.tree)
            )
        ):
            what = Mistake.SERVE_OF_FLOWS()
            yield Finding(file.at(node), what, "`from prefect.task_worker import serve`", stops=True)


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
            what = Mistake.RELATIVE_IMPORT(node.module or "")
            yield Finding(file.at(node), what, f"`from {node.module or '…'} import {names}`", stops=True)
            continue
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for module in modules:
            top = module.partition(".")[0]
            if top not in own | {"__main__"} and not changes_path(file) and not importlib.util.find_spec(top):
                finished = {name for statement in imports(file.finished) for name in tops(statement)}
                if top in finished:  # the finished file needs it, too
                    what = Mistake.PACKAGE_NOT_INSTALLED(top)
                    yield Finding(file.at(node), what, f"make setup EX={ex}", stops=True)
                    continue
                # from my.ex2.task_server import …: the file itself is beside this one.
                last = module.rpartition(".")[2]
                like = last if last in own else similar(top, own | finished | {"prefect"})
                names = ", ".join(alias.name for alias in node.names)
                remedy = f"`from {like} import {names}`" if like and isinstance(node, ast.ImportFrom) else ""
                remedy = remedy or (f"`import {like}`" if like else "fix the name")
                yield Finding(file.at(node), Mistake.NO_MODULE(module), remedy, stops=True)
        other = next((f for f in files if isinstance(node, ast.ImportFrom) and f.path.stem == node.module), None)
        if other and not {"*", "__getattr__"} & other.bound:
            for alias in node.names:
                if alias.name not in other.bound | {"*"}:
                    tasks = tasks_defined(other.tree)
                    like = similar(alias.name, tasks, 0.5) or similar(alias.name, defined(other.tree))
                    remedy = f"`from {node.module} import {like}`" if like else f"define {alias.name} there"
                    if alias.name in EXAMPLES[ex].tasks and like in tasks:  # the kit's commands want it by this name
                        remedy = f"rename {like} to {alias.name} there"
                    yield Finding(file.at(node), Mistake.NO_SUCH_NAME(other.path.name, alias.name), remedy, stops=True)


def no_app(file: File, ex: int) -> Iterator[Finding]:
    """The web server is told to start MODULE:app, and it is not there."""
    if file.path.stem in procfile.apps(ex) and not {"app", "*", "__getattr__"} & file.bound:
        apps = {name for name in defined(file.tree) if name in ("api", "application", "web", "server")}
        remedy = f"rename {apps.pop()} to app" if apps else "app = …, as in the finished file (make solve)"
        yield Finding(file.at(), Mistake.NO_APP(), remedy, stops=True)


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
    reported = set()
    reached = at_start(file)
    for node in ast.walk(file.tree):
        name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
        if name in statements and name not in file.bound | reported and not hasattr(builtins, name):
            reported.add(name)
            what = Mistake.NOT_IMPORTED(name)
            yield Finding(file.at(node), what, f"`{statements[name]}`", stops=node in reached)


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
    reported: set[str] = set()
    reached = at_start(file)
    for node in ast.walk(file.tree):
        name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
        known = not name or name.startswith("__") or hasattr(builtins, name) or name in file.bound | reported
        if known or node in tried or node in hints:
            continue
        reported.add(name)
        like = similar(name, file.tasks, 0.5) or similar(name, file.bound | set(dir(builtins)))
        if file.is_main and name in EXAMPLES[ex].tasks:
            what, remedy = Mistake.NO_TASK_OF_THE_EXAMPLE(name), f"rename {like} to {name}" if like else ""
        else:
            what, remedy = Mistake.NOT_DEFINED(name), f"write {like} instead" if like else ""
        yield Finding(file.at(node), what, remedy or f"define {name}", stops=node in reached)

"""What only Python itself can say: a real import of the learner's task, in a process of its own, for some seconds."""

import ast
import builtins
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import workshop
from learners.files import LESSONS, SUBMITTING, File, Finding, beside, calls, imports, read, similar, tops
from learners.tasks import not_a_task

PATIENCE = 30  # seconds that importing the task's file may take; then nothing is said about it
KEYED = {4: "signups", 5: "marvin", 6: "ex6"}  # the namespaces of their keys: they do not depend on the file's path


def importing(ex: int, folder: Path) -> list[Finding]:
    """What only Python itself can say. Nothing when it takes too long or says nothing."""
    command = [sys.executable, str(workshop.KIT / "scripts" / "mistakes.py"), "--import", str(ex), str(folder)]
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
                missing = names_missing(file, node)
            elif isinstance(node, ast.Import) and not tops(node) & own:
                missing = [finding for alias in node.names for finding in module_missing(file, node, alias.name)]
            else:
                continue
            found += missing if file.started else [replace(finding, stops=False) for finding in missing]
    main = next(file for file in files if file.is_main)
    return found + ([] if any(finding.stops for finding in found) else task_missing(main, ex))


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
        return [Finding(file.at(node), f"there is no module {error.name}", remedy, stops=True)]
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
        missing.append(Finding(file.at(node), f"{module} has no {name}", remedy, stops=True))
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
            what = f"has no {name}, which the kit's commands submit to"
            return [Finding(main.at(), what, remedy, stops=True)]
        if not isinstance(getattr(module, name), Task):
            return [not_a_task(main, name, at.get(name))]
        key = f"{KEYED[ex]}.{name}-" if ex in KEYED else ""
        if not getattr(module, name).task_key.startswith(key):
            what = f"the key of {name} is not the one that make check looks for, {key}…"
            remedy = f'@keyed("{KEYED[ex]}") above its @task, and `from durable import keyed`'
            return [Finding(main.at(at.get(name)), what, remedy)]
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
    return Finding(where, f"cannot be imported: {type(error).__name__}: {error}", remedy, stops=True)

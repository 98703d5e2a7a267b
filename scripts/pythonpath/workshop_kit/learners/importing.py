"""What only Python itself can say: the learner's files, really imported and started, in a process that serves nothing.

There `serve` says that it was reached and ends the process, and no Prefect server can be found, so that nothing runs.
"""

import ast
import builtins
import errno
import importlib.util
import inspect
import json
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from workshop_kit import theirs
from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake, Said
from workshop_kit.learners.files import (
    MAIN,
    OPTIONS,
    File,
    Finding,
    beside,
    changes_path,
    imports,
    read,
    similar,
    tops,
)
from workshop_kit.learners.no_serving import Served, instead_of_serving, refuse_to_serve
from workshop_kit.learners.tasks import not_a_task

PATIENCE = 30  # seconds that it may take until serve is reached; then nothing is said about it
NOWHERE = "http://127.0.0.1:9/api"  # no Prefect server


def try_out(ex: int, folder: Path) -> tuple[bool, list[Finding]]:
    """Whether the program came to a `serve` that is right, and what Python says. Nothing when it takes too long."""
    command = [sys.executable, "-P", "-m", "workshop_kit.learners.mistakes", "--try", str(ex), str(folder)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        # What the example gives its task servers; the rest of it every command has.
        given = {"LIMIT": str(EXAMPLES[ex].limit or 1), "TASK_SERVER_NAME": "task_server.1"}
        environment = given | os.environ | {"PREFECT_API_URL": NOWHERE}
        theirs.give_back(environment)
        done = subprocess.run(command, **quiet, env=environment, text=True, timeout=PATIENCE, check=False)
        answer = json.loads(done.stdout)
        return answer["served"], [Finding.from_json(found) for found in answer["found"]]
    except (subprocess.TimeoutExpired, ValueError, TypeError, KeyError):
        return False, []


def try_here(ex: int, folder: Path) -> None:
    """The same, in that process. Prints the answer as JSON, and ends the process."""
    output = os.dup(1)  # what the learner's file prints is not for us
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def answer(found: list[Finding], served: bool = False) -> None:
        os.write(output, json.dumps({"served": served, "found": [finding.as_json() for finding in found]}).encode())
        os._exit(0)  # whatever it has started ends here

    sys.path.insert(0, str(folder))
    files, _ = read(ex, folder)
    main = next((file for file in files if file.is_main), None)
    if not main:  # it is not there, or no Python
        return answer([])
    missing = {file.path: imports_missing(file, beside(folder)) for file in files if not changes_path(file)}
    words = missing.pop(main.path, [])
    elsewhere = [finding for of_file in missing.values() for finding in of_file]
    found = import_it(main, ex, words)
    if EXAMPLES[ex].servers and not any(finding.stops for finding in found):
        instead_of_serving(lambda *tasks, **given: answer(*judged(main, ex, tasks, given, found + elsewhere)))
        found += run_it(main)
    answer(found + elsewhere)


def imports_missing(file: File, own: set[str]) -> list[Finding]:
    """Modules of others that are not there, and names that they do not have."""
    found = []
    for node in imports(file.tree):
        if tops(node) & own or (isinstance(node, ast.ImportFrom) and node.level):
            continue
        if isinstance(node, ast.ImportFrom):
            found += names_missing(file, node)
        else:
            found += [finding for alias in node.names for finding in module_missing(file, node, alias.name)]
    return found if file.started else [replace(finding, stops=False) for finding in found]


def module_missing(file: File, node: ast.stmt, module: str) -> list[Finding]:
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
        remedy = f"`{package}.{like}`" if like else "fix the name"
        return [Finding(file.at(node), Mistake.NO_MODULE(error.name), remedy, stops=True)]
    return []


def names_missing(file: File, node: ast.ImportFrom) -> list[Finding]:
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
            f"`from {today} import {name}`" if today else f"`from {module} import {like}`" if like else "fix the name"
        )
        missing.append(Finding(file.at(node), Mistake.NO_SUCH_NAME(module, name), remedy, stops=True))
    return missing


def import_it(main: File, ex: int, words: list[Finding]) -> list[Finding]:
    """Import the task's file, as make submit does, and look whether its tasks are tasks. words: why it may fail."""
    from prefect import Task

    refuse_to_serve()
    sys.argv = [str(main.path)]
    try:
        module = importlib.import_module(main.path.stem)
    except Served as error:
        what = Mistake.SERVE_REACHED_BY_IMPORT(MAIN)
        first = main.at(next(iter(lines(main, error)), 0))
        return [Finding(first, what, f"write the line {MAIN} above it", stops=True)]
    except Exception as error:
        return [] if for_want_of_a_server(error) else words or [broken(main, error)]
    at = {getattr(node, "name", ""): node for node in main.tree.body}
    for name in EXAMPLES[ex].tasks:
        if not hasattr(module, name):
            like = similar(name, [known for known, value in vars(module).items() if isinstance(value, Task)])
            remedy = f"rename {like} to {name}" if like else "define it at the top of the file"
            return [Finding(main.at(), Mistake.NO_TASK_OF_THE_EXAMPLE(name), remedy)]
        if not isinstance(getattr(module, name), Task):
            return [not_a_task(main, name, at.get(name))]
        key = f"{EXAMPLES[ex].key}.{name}-" if EXAMPLES[ex].key else ""
        if not getattr(module, name).task_key.startswith(key):
            what = Mistake.OTHER_KEY(name, key)
            remedy = f'@keyed("{EXAMPLES[ex].key}") above its @task, and `from durable import keyed`'
            return [Finding(main.at(at.get(name)), what, remedy)]
    return []


def run_it(main: File) -> list[Finding]:
    """Run the file as the example does. It comes back only when the program did not come to its serve."""
    last = main.at(main.tree.body[-1])
    try:
        runpy.run_path(str(main.path), run_name="__main__")
    except SystemExit as error:
        if error.code not in (0, None):
            return [
                Finding(
                    last, Mistake.ENDS_BEFORE_SERVE(f"{error.code!r}"), f"python {main.path.name} in make shell", True
                )
            ]
    except Exception as error:
        return [] if for_want_of_a_server(error) else [broken(main, error)]
    what = Mistake.ENDS_WITHOUT_SERVE()
    return [Finding(last, what, f"call what has the serve(…), under {MAIN}", stops=True)]


def judged(
    main: File, ex: int, tasks: tuple[Any, ...], given: dict[str, Any], found: list[Finding]
) -> tuple[list[Finding], bool]:
    """What was found before and what is wrong with a serve that was reached, and whether it is right."""
    from prefect import Task

    name, remedy = EXAMPLES[ex].tasks[0], ""
    what: Said | None = None
    for option, value in given.items():
        kind = "int" if option == "limit" else "float"
        if option not in OPTIONS:
            what = Mistake.SERVE_HAS_NO_OPTION(option)
            like = similar(option, OPTIONS)
            remedy = f"{like}=…" if like else f"use one of {', '.join(OPTIONS)}"
        elif option in ("limit", "grace", "timeout") and not isinstance(value, int | float | None):
            what, remedy = Mistake.NO_NUMBER(option, f"{value!r}"), f"{option}={kind}(…)"
        elif option == "limit" and isinstance(value, float):
            what, remedy = Mistake.NO_WHOLE_NUMBER(f"{value!r}"), "limit=int(…)"
    for task in tasks:
        if not isinstance(task, Task):
            what, remedy = Mistake.SERVE_NEEDS_TASKS(type(task).__name__, f"{task!r:.60}"), f"serve({name}, …)"
    if not tasks:
        what, remedy = Mistake.SERVE_WITHOUT_TASK(), f"serve({name})"
    if not what:
        return found, True
    frame = inspect.currentframe()
    while frame and frame.f_code.co_filename != str(main.path):
        frame = frame.f_back
    return [*found, Finding(main.at(frame.f_lineno if frame else 0), what, remedy, stops=True)], False


def for_want_of_a_server(error: BaseException | None) -> bool:
    """Whether it failed because it wanted a Prefect server, or a port that its real self has."""
    import httpx

    while error:
        if isinstance(error, httpx.HTTPError) or "Failed to reach API" in str(error):
            return True
        if isinstance(error, OSError) and error.errno in (errno.ECONNREFUSED, errno.EADDRINUSE):
            return True
        error = error.__cause__ or error.__context__
    return False


def lines(main: File, error: BaseException) -> list[int]:
    """The lines of the learner's own file on the way to the error."""
    found, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(main.path):
            found.append(trace.tb_lineno)
        trace = trace.tb_next
    return found


def broken(main: File, error: Exception) -> Finding:
    """An error as the file is imported or started, at the last line of the learner's own."""
    line = (lines(main, error) or [0])[-1]
    if isinstance(error, SyntaxError) and error.filename == str(main.path):
        line = error.lineno or 0
    like = getattr(error, "name", None) if isinstance(error, NameError) else None
    like = similar(str(like), main.bound | set(dir(builtins))) if like else ""
    remedy = f"fix line {line}" if line else "python " + main.path.name + " in make shell"
    if like:
        remedy = f"define {like} above it" if like == error.name else f"write {like} instead"
    return Finding(main.at(line), Mistake.FAILS_AT_START(type(error).__name__, error), remedy, stops=True)

"""Is a step written? The `check` of steps.toml, on a learner's file that is read and not run.

    imports = ["prefect.task"]         the name is there: `from prefect import task`, or `import prefect`
    tasks = ["greet"]                  these functions are tasks; with keyed = true, of a key of their own
    options = { greet = ["retries"] }  what the @task above a function is given; `**`: from a dict
    decorated = { reply = "fn" }       another decorator above a function
    serves = ["greet"]                 serve is given these, or something that may hold them
    inside = "submit_task"             the rest of the line looks into this function alone
    calls = ["delay|apply_async"]      functions and methods that are called; `|`: one of them is enough
    uses = ["task_run_id"]             names and attributes that are looked up
    given = ["deferred"]               options of some call
    says = [410, "follow"]             texts and numbers

A learner may write it in another way: these look for what every way needs, and no more.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache

from workshop_kit.findings import Mistake
from workshop_kit.learners import steps
from workshop_kit.learners.files import File, Finding, as_imported, calls, functions, imports, last_name, names_read
from workshop_kit.learners.steps import Step


@lru_cache(maxsize=32)
def lacking(file: File, ex: int) -> dict[int, tuple[int, str]]:
    """The places of the steps that are not written in their file, and what `missing` says of each."""
    here = {step.place: missing(step, file) for step in steps.of(ex) if step.file == file.path.name}
    return {place: found for place, found in here.items() if found}


def unwritten(file: File, ex: int) -> Iterator[Finding]:
    """The steps whose comment is still there, and that are not written: no mistakes yet."""
    lacks = lacking(file, ex)
    if left := [step for step in steps.of(ex) if step.place in lacks and f"# {step.number} " in file.text]:
        numbers = [step.number for step in left]
        which = f"steps {', '.join(numbers[:-1])} and {numbers[-1]} are" if numbers[1:] else f"step {numbers[0]} is"
        yield Finding(file.at(_line(left[0], file)), Mistake.TO_BE_WRITTEN(which), f"make learn EX={ex}", step=True)


def missing(step: Step, file: File) -> tuple[int, str] | None:
    """The line (0: none) and the first thing that the step still lacks there; None if it is written."""
    check = step.check
    for name in check.get("imports", ()):
        if not _imported(name, file.tree):
            return _line(step, file), f"{name.rpartition('.')[2]} is not imported yet"
    here: ast.AST = file.tree
    if inside := check.get("inside"):
        function = next((f for f in functions(file.tree) if f.name == inside), None)
        if not function:
            return 0, f"there is no function {inside}"
        here = ast.Module(function.body, [])  # without its decorators
    return _of_tasks(step, file) or _of_serve(step, file) or _of_names(step, file, here)


def _line(step: Step, file: File, otherwise: int = 1) -> int:
    """Where the step's comment stands, if it still does."""
    return next((at for at, line in enumerate(file.text.splitlines(), 1) if f"# {step.number} " in line), otherwise)


def _imported(name: str, tree: ast.Module) -> bool:
    module, _, wanted = name.rpartition(".")
    for node in imports(tree):
        for alias in node.names:
            # prefect's own serve is for flows, and that of prefect.task_worker keeps no records.
            others = ("prefect", "prefect.task_worker" if module == "durable" else "") if wanted == "serve" else ()
            if isinstance(node, ast.ImportFrom) and alias.name in (wanted, "*") and node.module not in others:
                return True
            if isinstance(node, ast.Import) and alias.name.partition(".")[0] == (module or wanted).partition(".")[0]:
                return True
    return False


def _of_tasks(step: Step, file: File) -> tuple[int, str] | None:
    above = {function.name: function for function in functions(file.tree)}
    for name in step.check.get("tasks", ()):
        if name not in above:
            return 0, f"there is no function {name}"
        if name not in file.tasks:
            return above[name].lineno, f"{name} is not a task yet"
        decorators = {last_name(decorator) for decorator in above[name].decorator_list}
        if step.check.get("keyed") and not decorators & as_imported(file.tree, {"keyed"}):
            return above[name].lineno, f"{name} has no @keyed above its @task yet"
    for name, options in step.check.get("options", {}).items():
        given = [d for d in above[name].decorator_list if isinstance(d, ast.Call)] if name in above else []
        keywords = {keyword.arg or "**" for decorator in given for keyword in decorator.keywords}
        for option in options:
            if not keywords & set(option.split("|")):
                line = above[name].lineno if name in above else 0
                return line, f"the @task of {name} has no {option.partition('|')[0]} yet"
    for name, decorator in step.check.get("decorated", {}).items():
        if name not in above or decorator not in map(last_name, above[name].decorator_list):
            return above[name].lineno if name in above else 0, f"there is no decorator .{decorator} above {name} yet"
    return None


def _of_serve(step: Step, file: File) -> tuple[int, str] | None:
    wanted = set(step.check.get("serves", ()))
    if not wanted:
        return None
    names = as_imported(file.tree, {"serve", "aserve"})
    served = [call for call, _ in calls(file.tree) if last_name(call) in names]
    if not served:
        return _line(step, file), "nothing serves the task yet"
    given = {node.id for call in served for node in ast.walk(call) if isinstance(node, ast.Name)}
    plain = all(isinstance(argument, ast.Name) for call in served for argument in call.args)
    if plain and (left := [name for name in step.check["serves"] if name not in given]):
        return served[0].lineno, f"serve is not given {left[0]} yet"
    return None


def _of_names(step: Step, file: File, here: ast.AST) -> tuple[int, str] | None:
    where = f" in {step.check['inside']}" if "inside" in step.check else ""
    line = _line(step, file, next((node.lineno for node in ast.walk(here) if isinstance(node, ast.stmt)), 1))
    called = {last_name(node) for node in ast.walk(here) if isinstance(node, ast.Call)}
    for name in step.check.get("calls", ()):
        if not called & set(name.split("|")):
            return line, f"nothing calls {name.partition('|')[0]}{where} yet"
    known = names_read(here)
    for name in step.check.get("uses", ()):
        if not known & set(name.split("|")):
            return line, f"there is no `{name.partition('|')[0]}`{where} yet"
    keywords = {keyword.arg for node in ast.walk(here) if isinstance(node, ast.Call) for keyword in node.keywords}
    for name in step.check.get("given", ()):
        if not keywords & {*name.split("|"), None}:
            return line, f"no call{where} has the option {name.partition('|')[0]}= yet"
    said = {node.value for node in ast.walk(here) if isinstance(node, ast.Constant)}
    for value in step.check.get("says", ()):
        if value not in said:
            return line, f"there is no {value!r}{where} yet"
    return None

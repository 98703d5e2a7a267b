"""Mistakes with submitting: `submit` and `map` as in a flow, a direct call, another Prefect server."""

import ast
from collections.abc import Iterator

from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake
from workshop_kit.learners.files import (
    SUBMITTING,
    File,
    Finding,
    at_start,
    calls,
    functions,
    last_name,
    names_read,
    tasks_defined,
)
from workshop_kit.learners.tasks import function_of, parameters
from workshop_kit.settings import settings

ENVIRONMENT = {"environ", "getenv"}
ASKING = {"is_completed", "is_failed", "is_final", "is_crashed", "is_cancelled", "is_running"}  # methods of a state


def submitting(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """`submit` and `map` outside a flow, and a task that is called where it should be submitted."""
    served = EXAMPLES[ex].servers > 0
    submits = SUBMITTING & names_read(file.tree)
    flows = "flow" in names_read(file.tree)
    reached = at_start(file)
    for call, around in calls(file.tree):
        stops = call in reached
        if any(isinstance(node, ast.Try) for node in around):  # somebody may want to see the error
            continue
        inside = [node for node in around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        decorated = {last_name(decorator) for function in inside for decorator in function.decorator_list}
        if decorated & {"flow", "task"} or (inside and flows):  # may be called from a flow
            continue
        if isinstance(call.func, ast.Attribute):
            before = call.func.value
            if isinstance(before, ast.Call) and call.func.attr in SUBMITTING and last_name(before) in file.tasks:
                what = Mistake.SUBMITS_A_CALL(last_name(before), call.func.attr)
                yield Finding(file.at(call), what, f"{last_name(before)}.{call.func.attr}(…), without ()")
            name = last_name(before) if isinstance(before, ast.Name | ast.Attribute) else ""
            if name not in file.tasks:
                continue
            if not served and call.func.attr in SUBMITTING:
                what = Mistake.NO_TASK_SERVER_HERE(ex, name, call.func.attr)
                yield Finding(file.at(call), what, f"{name}({', '.join(map(ast.unparse, call.args))})", stops)
            elif call.func.attr == "submit":
                what = Mistake.SUBMIT_IN_A_FLOW(name)
                yield Finding(file.at(call), what, f"{name}.delay(…)", stops)
            if call.func.attr == "delay":
                yield from misses_argument(file, files, call, name)
            if served and call.func.attr == "map" and maps_at_once(call):
                what = Mistake.MAP_NOT_DEFERRED(name)
                yield Finding(file.at(call), what, f"{name}.map([…], deferred=True)")
            elif call.func.attr == "map" and call.args and no_list(call):
                what = Mistake.MAP_WITHOUT_VALUES(name)
                values = ", ".join(map(ast.unparse, call.args))
                yield Finding(file.at(call), what, f"{name}.map([{values}], deferred=True)")
        elif (
            served
            and not file.is_main
            and isinstance(call.func, ast.Name)
            and call.func.id in file.tasks
            and not submits
        ):
            what = Mistake.RUNS_HERE(call.func.id)
            yield Finding(file.at(call), what, f"{call.func.id}.delay(…)")


def misses_argument(file: File, files: list[File], call: ast.Call, name: str) -> Iterator[Finding]:
    """A run is submitted without an argument that its task needs, or with one more than it takes."""
    function = function_of(name, files)
    if not function or any(isinstance(arg, ast.Starred) for arg in call.args):
        return
    given = [keyword.arg or "**" for keyword in call.keywords]
    takes, needs = parameters(function)
    if "**" not in given and (missing := [arg for arg in needs[len(call.args) :] if arg not in given]):
        values = ", ".join([*map(ast.unparse, call.args), *(f"{arg}=…" for arg in missing)])
        what = Mistake.PARAMETER_MISSING(name, " and ".join(missing))
        yield Finding(file.at(call), what, f"{name}.delay({values})")
    elif len(call.args) > takes:
        what = Mistake.TOO_MANY_ARGUMENTS(name, takes or "no", len(call.args))
        yield Finding(file.at(call), what, f"add a parameter to `def {name}`")


def no_list(call: ast.Call) -> bool:
    """Whether nothing that is given can be a list: texts and numbers alone."""
    given = call.args + [keyword.value for keyword in call.keywords if keyword.arg != "deferred"]
    return all(isinstance(value, ast.Constant) for value in given)


def awaited_though_plain(file: File) -> Iterator[Finding]:
    """`await my_task.delay(…)`: delay, apply_async and map give back a future at once, which cannot be awaited."""
    for node in ast.walk(file.tree):
        call = node.value if isinstance(node, ast.Await) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        method, name = call.func.attr, ast.unparse(call.func)
        if method in ("delay", "apply_async", "map") and last_name(call.func.value) in file.tasks:
            what = Mistake.FUTURE_AWAITED(name)
            yield Finding(file.at(call), what, f"{name}(…), without await")


def not_called(file: File) -> Iterator[Finding]:
    """`my_task.delay` as a line of its own, or `if state.is_final:`: without parentheses Python only looks it up."""
    for node in ast.walk(file.tree):
        method = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Attribute) else None
        if method and method.attr in SUBMITTING and last_name(method.value) in file.tasks:
            name = ast.unparse(method)
            yield Finding(file.at(node), Mistake.NOT_CALLED(name), f"{name}(…)")
        test = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else None
        if isinstance(test, ast.Attribute) and test.attr in ASKING and last_name(test.value) == "state":
            name = ast.unparse(test)
            yield Finding(file.at(node), Mistake.ALWAYS_TRUE(name), f"{name}()")


def defined_again(file: File, files: list[File]) -> Iterator[Finding]:
    """A task of the task server, written down again in a file that submits: another task, with another key."""
    main = next((each for each in files if each.is_main), None)
    if not main or file.is_main or not SUBMITTING & names_read(file.tree):
        return
    for function in functions(file.tree):
        keyed = "keyed" in map(last_name, function.decorator_list)
        if not keyed and function.name in tasks_defined(file.tree) & tasks_defined(main.tree):
            what = Mistake.DEFINED_AGAIN(function.name, main.path.name)
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


def own_address(file: File) -> Iterator[Finding]:
    """PREFECT_API_URL set in the code, to something else than the kit's: the runs would go to another server."""
    if settings().remote:
        return
    # `if not os.getenv(…): os.environ[…] = …` does nothing in the kit.
    asked = [node for node in ast.walk(file.tree) if isinstance(node, ast.If) and names_read(node.test) & ENVIRONMENT]
    conditional = {inner for node in asked for inner in ast.walk(node)}
    reached = at_start(file)
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
        elif isinstance(node, ast.Call) and (
            last_name(node) == "temporary_settings"
            or (last_name(node) == "update" and last_name(node.func.value) == "environ")  # type: ignore[attr-defined]
        ):
            values = [keyword.value for keyword in node.keywords if keyword.arg == "PREFECT_API_URL"]
            dicts = [d for d in [*node.args, *(k.value for k in node.keywords)] if isinstance(d, ast.Dict)]
            values += [v for d in dicts for k, v in zip(d.keys, d.values, strict=True) if k and is_address(k)]
        for value in values:
            if value is None or (isinstance(value, ast.Constant) and other_server(value.value)):
                to = f" to {value.value}" if isinstance(value, ast.Constant) else ""
                kit = f"the kit's Prefect server is {settings().api}: runs would go elsewhere"
                what = Mistake.SETS_ADDRESS(to, kit) if value else Mistake.TAKES_ADDRESS_AWAY(kit)
                remedy = f"delete line {node.lineno}: the kit sets it"
                yield Finding(file.at(node), what, remedy, stops=node in reached, sure=True)


def is_address(node: ast.expr) -> bool:
    named = isinstance(node, ast.Name | ast.Attribute) and last_name(node) == "PREFECT_API_URL"
    return named or (isinstance(node, ast.Constant) and node.value == "PREFECT_API_URL")


def names_address(target: ast.expr) -> bool:
    """Whether it is os.environ["PREFECT_API_URL"]."""
    return isinstance(target, ast.Subscript) and last_name(target.value) == "environ" and is_address(target.slice)


def other_server(value: object) -> bool:
    def plain(url: str) -> str:
        return url.rstrip("/").replace("://localhost:", "://127.0.0.1:")

    return not isinstance(value, str) or plain(value) != plain(settings().api)

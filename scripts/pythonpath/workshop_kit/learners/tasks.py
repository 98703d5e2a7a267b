"""Mistakes with a task: what stands above it, what it is given, and what is awaited in it."""

import ast
import re
from collections.abc import Iterator

from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake
from workshop_kit.learners.files import (
    File,
    Finding,
    calls,
    functions,
    imports,
    last_name,
    names_read,
    similar,
)


def plain_functions(file: File, ex: int) -> Iterator[Finding]:
    """The example's tasks that are functions still: nothing above them, and nothing made of them later."""
    for name in EXAMPLES[ex].tasks:
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
    remedy = f"write the line @task above `def {name}`, and `from prefect import task`"
    if any(last_name(decorator) == "flow" for decorator in getattr(node, "decorator_list", [])):
        remedy = f"@task in the place of @flow above `def {name}`, and `from prefect import task`"
    return Finding(file.at(node), Mistake.NOT_A_TASK(name), remedy, stops=True)


def above_tasks(file: File) -> Iterator[Finding]:
    """Slips with what stands above a task: @keyed without its namespace or below @task, and the name of its runs."""
    durables = any(isinstance(node, ast.ImportFrom) and node.module == "durable" for node in imports(file.tree))
    for function in functions(file.tree):
        names = [last_name(decorator) for decorator in function.decorator_list]
        for decorator in function.decorator_list:
            if durables and isinstance(decorator, ast.Name) and decorator.id == "keyed":
                yield Finding(file.at(decorator), Mistake.KEYED_WITHOUT_NAMESPACE(), '@keyed("…")', stops=True)
        if durables and "keyed" in names and "task" in names[: names.index("keyed")]:
            what = Mistake.KEYED_BELOW_TASK()
            yield Finding(file.at(function), what, "exchange the two lines", stops=True)
        parameters = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
        for call in (d for d in function.decorator_list if isinstance(d, ast.Call) and last_name(d) == "task"):
            template = next((keyword.value for keyword in call.keywords if keyword.arg == "task_run_name"), None)
            if isinstance(template, ast.JoinedStr) and names_read(template) & parameters:
                what = Mistake.RUN_NAME_TOO_EARLY()
                yield Finding(file.at(template), what, "remove the f before it", stops=True)
            if isinstance(template, ast.Constant) and isinstance(template.value, str):
                wanted = set(re.findall(r"(?<!{){([A-Za-z_]\w*)[^{}]*}", template.value))
                for name in sorted(wanted - parameters - {"flow_run", "task_run"}):
                    like = similar(name, parameters) or next(iter(sorted(parameters)), "")
                    what = Mistake.RUN_NAME_UNKNOWN(name, function.name)
                    yield Finding(file.at(template), what, f"{{{like}}}" if like else "leave the name out")


def other_parameters(file: File, ex: int, files: list[File]) -> Iterator[Finding]:
    """The kit's commands submit with as many values as the finished task takes."""
    for finished in functions(file.finished):
        mine = function_of(finished.name, files)
        if mine and "make submit" in EXAMPLES[ex].submit and finished.name in EXAMPLES[ex].tasks:
            given = [arg.arg for arg in finished.args.args]
            takes, needs = parameters(mine)
            if takes < len(given) or len(needs) > len(given):
                what = Mistake.OTHER_PARAMETERS(mine.name, ", ".join(given))
                yield Finding(file.at(mine), what, f"def {mine.name}({ast.unparse(finished.args)})")


def function_of(name: str, files: list[File]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The one function of these files that is a task of this name, with nothing unknown above it."""
    found = [function for file in files for function in functions(file.tree) if function.name == name]
    known = len(found) == 1 and {last_name(d) for d in found[0].decorator_list} <= {"task", "keyed"}
    return found[0] if known and found[0].decorator_list else None


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[float, list[str]]:
    """How many positional arguments it takes, and the names of those that it cannot do without."""
    args = function.args
    positional = [arg.arg for arg in args.posonlyargs + args.args]
    needs = positional[: len(positional) - len(args.defaults)]
    needs += [arg.arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if not default]
    return (float("inf") if args.vararg else len(positional)), needs


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
                yield Finding(file.at(call), Mistake.NOT_AWAITED(name), f"await {ast.unparse(call)}")


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


def not_run(file: File) -> Iterator[Finding]:
    """An asynchronous function of this file is called as a line of its own, in ordinary code: that does nothing."""
    stored = {node.id for node in ast.walk(file.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    coroutines = own_coroutines(file.tree) - stored  # main = sync(main)
    for call, around in calls(file.tree):
        if isinstance(call.func, ast.Name) and call.func.id in coroutines and called_only(call, around):
            what = Mistake.ASYNC_CALLED_PLAINLY(call.func.id)
            yield Finding(file.at(call), what, f"asyncio.run({ast.unparse(call)}), and `import asyncio`")


def called_only(call: ast.Call, around: list[ast.AST]) -> bool:
    """Whether the call is a line of its own, outside of every asynchronous function and class."""
    inside = any(isinstance(node, ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) for node in around)
    return isinstance(around[-1], ast.Expr) and not inside if around else False


def fails_if_there(call: ast.Call) -> bool:
    """Whether it is path.mkdir() or path.touch(exist_ok=False)."""
    given = [keyword.value.value for keyword in call.keywords if isinstance(keyword.value, ast.Constant)]
    return (last_name(call) == "mkdir" and True not in given) or (last_name(call) == "touch" and False in given)


def ships_again(file: File, ex: int) -> Iterator[Finding]:
    """A task that must do its work once: a file is opened with "w", which a second start of the run does not notice."""
    modes = {
        arg.value
        for call, _ in calls(file.tree)
        if last_name(call) == "open"
        for arg in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(arg, ast.Constant)
    }
    others = {"O_EXCL", "link", "symlink", "exists", "is_file", "rename", "replace"}
    once = any(fails_if_there(call) for call, _ in calls(file.tree)) or others & names_read(file.tree)
    if EXAMPLES[ex].once and file.is_main and "w" in modes and "x" not in modes and not once:
        what = Mistake.SHIPS_AGAIN()
        yield Finding(file.at(), what, 'use "x", which fails if the file is there')

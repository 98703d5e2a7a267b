"""Mutation testing: changes one thing at a time in a module that decides, and shows which changes no test notices.

python mutants.py MODULE...      in durable/tests, such as losses or port/policy; exit 1 if over 15 % are not noticed

The tables of a module are asked first, as they are quick, and then 3,000 schedules of the simulation. What no test
could notice is counted all the same: a default that is always given, `>` where equal times cannot be.
"""

import ast
import copy
import importlib.util
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src" / "durable"
TABLES = {
    "arguments": ["test_wrong_uses.py"],
    "reconcile": ["test_reconcile.py"],
    "losses": ["test_losses.py"],
    "port/policy": ["test_policy.py"],
    "run_history": ["test_run_history.py", "test_losses.py", "test_records.py"],
    "claiming": ["test_claiming.py"],
    "watchdog": ["test_watchdog.py"],
}
SIMULATED = ("claiming", "losses", "reconcile", "run_history")
SEEDS = 3_000
LONGEST = 60  # seconds, for a change after which something never ends
ENOUGH = 0.85
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip


def others(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of this part of the module."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[place] = OTHER[type(operator)]()
            yield changed
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in OTHER:
        changed = copy.deepcopy(node)
        changed.op = OTHER[type(node.op)]()
        yield changed
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and node.value is None:
        yield ast.Constant("")
    elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False):
            changed = copy.copy(node)
            changed.test = ast.Constant(value)
            yield changed
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Raise) and not is_text(node):
        yield ast.Pass()


def is_text(node: ast.AST) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Each part inside a function, as: what holds it, the field, and the place in that field's list.

    What a module says once, as it is imported, is a table of constants: a test of it would be the same table again.
    """
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    seen: set[int] = set()
    for function in functions:
        for holder in [each for statement in function.body for each in ast.walk(statement)] + [function]:
            if id(holder) in seen or isinstance(holder, ast.JoinedStr | ast.FormattedValue):
                continue
            seen.add(id(holder))
            for field, value in ast.iter_fields(holder):
                if holder is function and field != "body":
                    continue
                if isinstance(value, ast.AST):
                    yield holder, field, None
                elif isinstance(value, list):
                    yield from ((holder, field, place) for place, each in enumerate(value) if isinstance(each, ast.AST))


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """The line of each change, what stands there then, and the whole module with it."""
    tree = ast.parse(source)
    for holder, field, place in places(tree):
        value = getattr(holder, field)
        node = value if place is None else value[place]
        for other in others(node):
            if place is None:
                setattr(holder, field, other)
            else:
                value[place] = other
            text = ast.unparse(ast.fix_missing_locations(tree))
            if place is None:
                setattr(holder, field, node)
            else:
                value[place] = node
            yield node.lineno, f"{ast.unparse(node)}  →  {ast.unparse(other)}".replace("\n", " "), text  # type: ignore[attr-defined]


def is_noticed(module: str, text: str) -> bool:
    """Whether a test fails with that text as the module's. In a process of its own, which has not imported durable."""
    import pytest  # noqa: PLC0415

    name = "durable." + module.replace("/", ".")
    spec = importlib.util.spec_from_loader(name, Loader(text), origin=str(SOURCES / f"{module}.py"))
    sys.meta_path.insert(0, Finder(name, spec))
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):  # noqa: PTH123
        if TABLES[module] and pytest.main(["-x", "-q", "-p", "no:cacheprovider", *TABLES[module]]):
            return True
        if module not in SIMULATED:
            return False
        from simulation.world import simulate  # noqa: PLC0415

        return any(simulate(seed) for seed in range(SEEDS))


class Loader:
    """Gives a module that text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def create_module(self, spec: object) -> None: ...

    def exec_module(self, module: object) -> None:
        exec(compile(self.text, "a mutant", "exec"), vars(module))  # noqa: S102


class Finder:
    """Finds that one module, before all others do."""

    def __init__(self, name: str, spec: object) -> None:
        self.name, self.spec = name, spec

    def find_spec(self, name: str, *_: object) -> object:
        return self.spec if name == self.name else None


def in_a_process(module: str, text: str) -> bool:
    """As is_noticed(); a change after which nothing ends is noticed, too."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] != 0
    try:
        import signal  # noqa: PLC0415

        signal.alarm(LONGEST)
        os._exit(1 if is_noticed(module, text) else 0)
    except BaseException:  # of the simulation; that is noticed, too
        os._exit(1)


def main(modules: list[str]) -> int:
    import hypothesis  # noqa: F401, PLC0415
    import prefect.client.orchestration  # noqa: F401, PLC0415 - all that takes long, and is the same for each

    code = 0
    for module in modules:
        source = (SOURCES / f"{module}.py").read_text()
        if in_a_process(module, source):
            raise SystemExit(f"the tests of {module} fail as it is")
        found = list(mutants(source))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            noticed = list(pool.map(lambda mutant, module=module: in_a_process(module, mutant[2]), found))
        for (line, change, _), dead in zip(found, noticed, strict=True):
            if not dead:
                print(f"  {module}.py:{line}: {change}")
        print(f"{module}: {sum(noticed)} of {len(found)} noticed, {sum(noticed) / len(found):.0%}", flush=True)
        code = code or int(sum(noticed) / len(found) < ENOUGH)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

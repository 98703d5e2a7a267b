"""A learner's files, read and not run: what is in them, what the example starts of them, and what a mistake is."""

import ast
import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from workshop_kit import examples, procfile, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake, Said

SUBMITTING = {"delay", "map", "apply_async", "submit", "create_run"}
MAIN = 'if __name__ == "__main__":'
OPTIONS = ["limit", "grace", "name", "records", "status_server_port", "timeout"]  # of serve


@dataclass(frozen=True)
class Finding:
    """One mistake."""

    where: str
    what: Said
    remedy: str
    stops: bool = False  # whether the example cannot start so
    step: bool = False  # a step that is still to be written, while the example runs
    sure: bool = False  # whether it is wrong though the program comes to its serve

    @property
    def file(self) -> str:
        return self.where.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. Try: {self.remedy}"

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return {**vars(self), "what": [self.what.number, self.what]}

    @staticmethod
    def from_json(found: dict[str, Any]) -> "Finding":
        """Raises KeyError, TypeError or ValueError for something else."""
        return Finding(**{**found, "what": Said(*found["what"])})


@dataclass(eq=False)
class File:
    """A learner's file, read and not run. One object for one content: what was found in it can be kept with it."""

    path: Path
    text: str
    tree: ast.Module
    finished: ast.Module  # the same file, finished
    is_main: bool  # whether it has the tasks
    started: bool = False  # whether the example runs it, itself or through an import
    bound: set[str] = field(default_factory=set)  # every name that it gives a value, wherever
    tasks: set[str] = field(default_factory=set)  # names that are tasks for sure: defined here, or imported from beside

    def at(self, node: ast.AST | int | None = None) -> str:
        """File and line, as people and editors write it."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 0)
        return workshop.shown(self.path) + (f":{line}" if line else "")


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
    """The learner's files that the finished example has too, the task's first; and what cannot be read.

    They are parsed once a save: whoever asks again gets that answer.
    """
    main = EXAMPLES[ex].task_file
    finished = sorted(examples.lesson_files(ex), key=lambda path: (path.name != main, path.name))
    files, wrong = _parsed(ex, tuple((path, _text(folder / path.name), path.read_bytes()) for path in finished), folder)
    return list(files), list(wrong)


def _text(path: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):  # an editor moves its files about
        return path.read_bytes() if path.is_file() else None
    return None


@lru_cache(maxsize=4)
def _parsed(
    ex: int, texts: tuple[tuple[Path, bytes | None, bytes], ...], folder: Path
) -> tuple[tuple[File, ...], tuple[Finding, ...]]:
    """texts: of each file of the example its path, the learner's text of it, and the finished one."""
    files: list[File] = []
    wrong: dict[str, Finding] = {}
    for finished, text, finished_text in texts:
        path = folder / finished.name
        if text is None:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)  # none for a null byte
            said = str(getattr(error, "msg", error))
            where = workshop.shown(path) + ("" if line is None else f":{line}")
            remedy = "save it as UTF-8 text" if line is None else f"fix line {line}"
            if "codec can't" in said:
                remedy = "save it as UTF-8"
            wrong[path.stem] = Finding(where, Mistake.NO_PYTHON(said), remedy)
            continue
        file = File(
            path, text.decode(errors="replace"), tree, ast.parse(finished_text), finished.name == EXAMPLES[ex].task_file
        )
        file.bound, file.tasks = names_bound(tree), tasks_defined(tree)
        files.append(file)
    runs = started(ex, files)
    for file in files:
        file.started = file.path.stem in runs
        for node in imports(file.tree):
            beside = next((f for f in files if isinstance(node, ast.ImportFrom) and f.path.stem == node.module), None)
            if beside:
                file.tasks |= {a.asname or a.name for a in node.names if a.name in tasks_defined(beside.tree)}
    return tuple(files), tuple(replace(finding, stops=stem in runs) for stem, finding in wrong.items())


def started(ex: int, files: list[File]) -> set[str]:
    """The modules that the example runs, by its Procfile or through an import; others are for the learner to run."""
    found = {Path(EXAMPLES[ex].task_file).stem} | procfile.modules(ex)
    while more := {m for file in files if file.path.stem in found for m in modules_imported(file.tree)} - found:
        found |= more
    return found


def at_start(file: File) -> set[ast.AST]:
    """What Python comes to for sure as the example starts.

    Nothing in a function, a loop, a `try` or an `if`, but for the one that asks whether the file is the program.
    """
    plain = ast.Expr | ast.Assign | ast.AnnAssign | ast.Delete | ast.Import | ast.ImportFrom
    found: set[ast.AST] = set()

    def add(statements: list[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                above = [*statement.decorator_list, *statement.args.defaults, *filter(None, statement.args.kw_defaults)]
                found.update(node for expression in above for node in ast.walk(expression))
            elif isinstance(statement, ast.If):
                if file.is_main and "__name__" in names_read(statement.test):
                    add(statement.body)
            elif isinstance(statement, plain):
                lambdas = [node for node in ast.walk(statement) if isinstance(node, ast.Lambda)]
                later = {inner for each in lambdas for inner in ast.walk(each.body)}
                found.update(node for node in ast.walk(statement) if node not in later)

    if file.started:
        add(file.tree.body)
    return found


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


def changes_path(file: File) -> bool:
    """Whether it imports from folders that only it knows."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "path" and last_name(node.value) == "sys"
        for node in ast.walk(file.tree)
    )


def tops(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The packages of an import statement."""
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {module.partition(".")[0] for module in modules}

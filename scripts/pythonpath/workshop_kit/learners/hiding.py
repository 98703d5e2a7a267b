"""Files beside a learner's program with the name of a module of Python's or a package: imports find them first."""

import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from workshop_kit import examples, workshop
from workshop_kit.findings import Mistake
from workshop_kit.learners.files import File, Finding, modules_imported

PATIENCE = 30  # seconds that the imports may take
SEEN_EVERYWHERE = {"test", "tests", "docs", "examples", "sitecustomize"}  # nobody imports these by such a name
# Prints what Python has loaded before it looks into the program's folder, and what these modules load besides.
LOADED = """
import sys
before = {name.partition(".")[0] for name in sys.modules}
for name in sys.argv[1:]:
    try:
        __import__(name)
    except Exception:
        pass
print(*{name.partition(".")[0] for name in sys.modules} - before)
"""


def hiding(ex: int, folder: Path, files: list[File]) -> list[Finding]:
    """Files and packages that hide a module: the example cannot start if it needs that one, else it is a note.

    Nearly always there are none, and this takes a millisecond. Otherwise Python says what the example imports.
    """
    finished = {path.stem for path in examples.lesson_files(ex)}
    own = {path.stem: path for path in folder.glob("*.py")}
    packages = {path.parent.name: path for path in folder.glob("*/__init__.py")}
    packages.pop("durable", None)  # the kit's own, taken along
    own |= packages
    elsewhere = [path for path in sys.path if Path(path).resolve() != folder]
    hidden = [
        name
        for name in sorted(own.keys() - finished - SEEN_EVERYWHERE)
        if name in sys.stdlib_module_names or PathFinder.find_spec(name, elsewhere)
    ]
    if not hidden:
        return []
    modules = {"prefect.task_worker", "durable"}
    for file in files:
        modules |= modules_imported(file.finished) | modules_imported(file.tree)
    needed = loaded_by(sorted(modules - finished - (own.keys() - set(hidden)) - {""}))
    found = []
    for name in hidden:
        needs = name in needed
        use = ", which the example needs" if needs else ""
        what = Mistake.HIDES_PYTHONS_OWN(name, use)
        if name not in sys.stdlib_module_names:
            what = Mistake.HIDES_PACKAGE(name, use)
        new = f"my_{name}" + (".py" if own[name].stem == name else "")
        found.append(Finding(workshop.shown(own[name]), what, f"rename it, for example to {new}", stops=needs))
    return sorted(found, key=lambda finding: not finding.stops)


def loaded_by(modules: list[str]) -> set[str]:
    """The packages and modules that are loaded when these are imported, from anywhere but the learner's folder."""
    command = [sys.executable, "-P", "-c", LOADED, *modules]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        return set(subprocess.run(command, **quiet, text=True, timeout=PATIENCE, check=False).stdout.split())
    except subprocess.TimeoutExpired:
        return set()

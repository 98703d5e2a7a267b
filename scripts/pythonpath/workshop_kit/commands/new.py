"""Writes a project of your own, which stands without the kit: a web app, task servers, their tests, and a compose file.

    new.py look     exits 2 with one line if it cannot be written there, or not under that name; before the set-up, too
    new.py write    the same, and then writes it

DIR=…    the folder: not there yet, or empty, and not in the kit
NAME=…   the project's Python name (default: the folder's name)
"""

import hashlib
import keyword
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import packages_distributions
from pathlib import Path

from workshop_kit import workshop
from workshop_kit.settings import KIT

TEMPLATE = KIT / "template"
IN_TEMPLATE = "my_service"  # the project's name there
LEFT_BEHIND = ("__pycache__", ".*_cache", ".venv", "data", "secrets")  # by somebody who tried the template itself
OWN = {"durable", "tests"}


def chosen_folder(given: str) -> Path:
    """Where the project will be. given: from the kit's folder. Exits 2 with one line if it cannot be written there."""
    again = "make new DIR=../shop"
    if not given:
        workshop.fail("which folder? DIR is missing", again)
    said = f"DIR={given!r}"
    folder = KIT / (Path.home() / given[2:] if given.startswith("~/") else given)
    if "\n" in given or os.path.basename(given.rstrip("/")) in (".", ".."):
        workshop.fail(f"{said} is not the name of a new folder", again)
    if not folder.parent.is_dir():
        workshop.fail(f"{said} is in a folder that is not there", f"make the folder first (mkdir -p), or {again}")
    folder = folder.parent.resolve() / folder.name
    if folder.is_dir():
        folder = folder.resolve()
    if folder.is_relative_to(KIT):
        workshop.fail(f"{said} is inside the kit, and the project is to stand without it", again)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        workshop.fail(f"{said} is there already, and is not an empty folder", again)
    if not os.access(folder.parent, os.W_OK) or (folder.is_dir() and not os.access(folder, os.W_OK)):
        workshop.fail(f"cannot write to {said}", "make new DIR=/a/folder/of/yours")
    return folder


def chosen_name(folder: Path) -> str:
    """The project's Python name. Exits 2 with one line if a package cannot have it."""
    name = os.environ.get("NAME", folder.name)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        workshop.fail(
            f"{name!r} is not a name for a Python package: small letters, digits and _", "make new DIR=… NAME=shop"
        )
    return name


def in_python(distribution: str) -> str:
    """A distribution's name as a module's would be: `pydantic-core` is pydantic_core."""
    return re.sub("[-.]", "_", distribution).lower()


def why_not(name: str, locks: list[Path]) -> str:
    """A module of this name would hide one that the project imports, or be hidden by it; empty if not."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "is a word of Python's own"
    if name in sys.stdlib_module_names:
        return "is a module of Python's own"
    locked = {
        in_python(found) for lock in locks for found in re.findall("(?m)^[a-zA-Z0-9._-]+(?===)", lock.read_text())
    }
    # What is imported may have another name than what is installed; the kit has the same packages.
    imported = {module for module, ours in packages_distributions().items() if locked & set(map(in_python, ours))}
    return "is a module that the project itself uses" if name in OWN | locked | imported else ""


def is_lock(path: Path) -> bool:
    """Whether it is one of the project's lists of packages."""
    return path.match("requirements*.txt")


def write(project: Path, name: str) -> None:
    """The template, with the project's name in the place of its own, and durable's wheel. Raises OSError."""
    shutil.copytree(
        TEMPLATE, project, ignore=shutil.ignore_patterns(*LEFT_BEHIND), copy_function=shutil.copy, symlinks=True
    )
    (project / "src" / IN_TEMPLATE).rename(project / "src" / name)
    for path in project.rglob("*"):
        if path.is_file() and not is_lock(path):
            path.write_bytes(path.read_bytes().replace(IN_TEMPLATE.encode(), name.encode()))
    vendor = project / "vendor"
    built = subprocess.run([KIT / "scripts" / "wheel.sh"], env={**os.environ, "OUT": str(vendor)}, capture_output=True)
    if built.returncode:
        workshop.fail("the wheel of durable could not be built", "make wheel")
    with (project / "requirements.txt").open("a", encoding="utf-8") as lock:
        for wheel in vendor.glob("*.whl"):
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lock.write(f"./vendor/{wheel.name} --hash=sha256:{digest}\n")


def main() -> int:
    folder = chosen_folder(os.environ.get("DIR", ""))
    name = chosen_name(folder)
    if sys.argv[1:] == ["look"]:
        return 0
    if why := why_not(name, list(TEMPLATE.glob("requirements*.txt"))):
        workshop.fail(f"{name!r} {why}", f"make new DIR=… NAME=my_{name}")
    try:
        # Beside its place first, so that a disk that is full leaves nothing there.
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as beside:
            project = Path(beside) / folder.name
            write(project, name)
            project.replace(folder)
    except OSError as error:
        workshop.fail(f"the project could not be written: {error}", "make new DIR=/a/folder/of/yours")
    files = [path for path in folder.rglob("*") if path.is_file()]
    read = [path for path in files if not is_lock(path) and path.suffix != ".whl"]
    lines = sum(path.read_bytes().count(b"\n") for path in read)
    print(f"written: {folder}, {len(files)} files and {lines} lines without the locks, with no path into the kit")
    print(f"next: cd {shlex.quote(str(folder))} && make test, then make dev")
    return 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "nothing was written")

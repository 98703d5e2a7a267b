"""Called by scripts/new.sh: prints why a project cannot have this Python name, or nothing.

project_name.py NAME LOCK…     the locks name the packages that the project uses
"""

import keyword
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

OWN = {"durable", "tests"}


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


if __name__ == "__main__":
    print(why_not(sys.argv[1], [Path(lock) for lock in sys.argv[2:]]))

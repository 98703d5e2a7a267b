#!/usr/bin/env python3
"""For `make lint`: which room of the kit's Python imports which. No arrow upwards, and no circle.

import_directions.py              exit 1 with a line for each import that MAY does not allow, and for each circle
import_directions.py --picture    the arrows that there are, a line a room
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

KIT = Path(__file__).resolve().parents[2]
ROOTS = (KIT / "scripts" / "pythonpath", KIT / "durable" / "src")
GROUND = "ground"  # the modules of workshop_kit that are in no package
# Each package, and what it may import besides itself; what stands above is imported by nothing below.
MAY: dict[str, set[str]] = {
    "durable": set(),  # people take it along
    GROUND: {"durable"},
    "doctor": {GROUND, "durable"},
    "prefect_patches": {GROUND, "durable"},
    "learners": {GROUND, "durable"},
    "launch": {GROUND, "durable", "prefect_patches", "learners"},
    "commands": {GROUND, "durable", "learners", "launch"},
    "room": {GROUND, "durable", "learners", "launch", "commands"},
    "chaos": {GROUND, "durable", "launch", "commands"},
    "perf": {GROUND, "durable", "launch", "commands", "chaos"},
    "show": {GROUND, "durable", "launch", "commands", "learners"},
    "sitecustomize": {"durable", "prefect_patches"},
}


def module_of(path: Path, root: Path) -> str:
    """`workshop_kit.launch.keep` for its file; a package for its __init__.py."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    first, *rest = module.split(".")
    if first != "workshop_kit":
        return first
    return rest[0] if rest and rest[0] in MAY else GROUND


def imported(tree: ast.AST, known: set[str]) -> set[str]:
    """The modules of ours that are imported anywhere in there: also in a function, where it is only later."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names} & known
            names |= below or {node.module}
    return names & known


def main() -> int:
    paths = {module_of(path, root): path for root in ROOTS for path in root.rglob("*.py")}
    arrows = {module: imported(ast.parse(path.read_bytes()), set(paths)) - {module} for module, path in paths.items()}
    packages: dict[str, set[str]] = {package: set() for package in MAY}
    wrong = []
    for module, others in sorted(arrows.items()):
        for other in sorted(others):
            here, there = room_of(module), room_of(other)
            packages[here] |= {there} - {here}
            if here != there and there not in MAY[here]:
                wrong.append(f"{module} imports {other}: {here} may not import {there}")
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        wrong.append(f"a circle: {' imports '.join(reversed(error.args[1]))}")
    if sys.argv[1:] == ["--picture"]:
        for package, others in packages.items():
            print(f"{package:16} -> {', '.join(sorted(others)) or 'nothing'}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

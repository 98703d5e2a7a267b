#!/usr/bin/env python3
"""Each example.env says what its folder, Procfile, locks and docker/ have; exit 1 with a line for each fault."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")]

from workshop_kit import procfile  # noqa: E402
from workshop_kit.examples import EXAMPLES, Example, values  # noqa: E402

# The lines that there are, by the page that explains each.
EXPLAINED = (KIT / "docs" / "ARCHITECTURE.md").read_text().partition("## What an example is")[2].partition("\n## ")[0]
LINES = {name for row in re.findall(r"^\| (`[^|]+`) \|", EXPLAINED, re.M) for name in re.findall(r"[A-Z_]+", row)}
PORTS = {"PREFECT_PORT", "WEB_PORT"}


def faults(example: Example) -> Iterator[str]:
    """What does not agree."""
    said = values(example.folder / "example.env")
    group = example.packages
    lock = example.folder / "requirements.txt" if group.startswith("ex") else KIT / "requirements" / f"{group}.txt"
    if not lock.is_file():
        yield "PACKAGES names no lock"
    if example.docker != (KIT / "docker" / f"compose.ex{example.number}.yaml").is_file():
        yield "DOCKER and docker/ do not agree"
    yield from (f"no page explains its line EXAMPLE_{name}" for name in said.keys() - LINES)
    if unknown := set(example.ports) - PORTS:
        yield f"PORTS: {' '.join(sorted(unknown))} is no common port"
    if len(list(KIT.glob(f"examples/ex{example.number}_*"))) > 1:
        yield "two folders have its number"
    file = example.folder / example.task_file
    for task in example.tasks if file.is_file() else []:
        if not re.search(rf"^(async )?def {task}\(", file.read_text(), re.M):
            yield f"TASKS: {example.task_file} has no task {task}"
    lines = procfile.commands(example.number)
    if bool(example.servers) != bool(lines):
        yield f"SERVERS and Procfile.ex{example.number}: one is there without the other"
    for line, name, has in ("RESCUER", "rescuer", example.rescuer), ("PAGE", "web", bool(example.page)):
        if lines and has != (name in lines):
            yield f"{line} and the line {name} of its Procfile: one is there without the other"
    for module in sorted(procfile.modules(example.number) | {example.task_file.removesuffix(".py")}):
        if not (example.folder / f"{module}.py").is_file():
            yield f"it starts {module}.py, which is not there"


found = [f"example {example.number}: {fault}" for example in EXAMPLES.values() for fault in faults(example)]
print(*found, sep="\n", end="\n" if found else "")
sys.exit(bool(found))

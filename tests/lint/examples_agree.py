#!/usr/bin/env python3
"""Each example.env says what its folder, Procfile, locks and docker/ have; exit 1 with a line for each fault."""

import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")]

from workshop_kit import procfile  # noqa: E402
from workshop_kit.examples import EXAMPLES, Example  # noqa: E402


def faults(example: Example) -> Iterator[str]:
    """What does not agree."""
    group = example.packages
    lock = example.folder / "requirements.txt" if group.startswith("ex") else KIT / "requirements" / f"{group}.txt"
    if not lock.is_file():
        yield "PACKAGES names no lock"
    if example.docker != (KIT / "docker" / f"compose.ex{example.number}.yaml").is_file():
        yield "DOCKER and docker/ do not agree"
    lines = procfile.commands(example.number)
    if example.servers and (example.rescuer, bool(example.page)) != ("rescuer" in lines, "web" in lines):
        yield "RESCUER or PAGE and its Procfile do not agree"
    for module in sorted(procfile.modules(example.number) | {example.task_file.removesuffix(".py")}):
        if not (example.folder / f"{module}.py").is_file():
            yield f"it starts {module}.py, which is not there"


found = [f"example {example.number}: {fault}" for example in EXAMPLES.values() for fault in faults(example)]
print(*found, sep="\n", end="\n" if found else "")
sys.exit(bool(found))

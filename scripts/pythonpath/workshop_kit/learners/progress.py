"""How far a learner is: my/progress.json, which moves with the folder `my` and which no update of the kit touches.

    {"done": {"2.1": "2026-11-26T23:10:00+00:00"}, "skipped": {…}, "hints": {"2.5": 2}, "seconds": {"2": 340}}

done and skipped say when; hints how many of a step were given; seconds how long an example was learnt.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from durable.files import write_whole
from workshop_kit import in_room, workshop
from workshop_kit.learners.steps import Step

PATH = workshop.KIT / "my" / "progress.json"
PARTS = ("done", "skipped", "hints", "seconds")


def peek() -> dict[str, dict[str, Any]]:
    """What the file says; nothing without one. Raises ValueError or OSError if it cannot be read."""
    try:
        said = json.loads(PATH.read_text(encoding="utf-8"))
        kinds = {"done": str, "skipped": str, "hints": int, "seconds": int}
        if all(isinstance(value, kinds[part]) for part in PARTS for value in said[part].values()):
            return {part: dict(said[part]) for part in PARTS}
    except FileNotFoundError:
        return {part: {} for part in PARTS}
    except (KeyError, TypeError, AttributeError):
        pass
    raise ValueError("it is no progress.json")


def read() -> tuple[dict[str, dict[str, Any]], str]:
    """What the file says; and a sentence, if it could not be read and was put aside."""
    try:
        return peek(), ""
    except (OSError, ValueError):
        aside = free_name(PATH)
        PATH.rename(aside)
    lost = f"{workshop.shown(PATH)} could not be read, and begins again; it is kept as {workshop.shown(aside)}"
    return {part: {} for part in PARTS}, lost


def free_name(path: Path) -> Path:
    """path.1, or the first that is not there yet."""
    number = 1
    while (found := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return found


def note(part: str, name: str, value: Any = "") -> dict[str, dict[str, Any]]:
    """Write one thing down: the time, if no value is given. What the file says then.

    Another terminal may have written meanwhile, so the file is read first.
    """
    said, _ = read()
    said[part][name] = value or datetime.now(UTC).isoformat(timespec="seconds")
    PATH.parent.mkdir(exist_ok=True)
    write_whole(PATH, json.dumps(said, indent=1) + "\n")
    if part in ("done", "skipped"):
        in_room.report_place(int(name.partition(".")[0]))
    return said


def sign(step: Step, said: dict[str, dict[str, Any]]) -> str:
    """✓ done, – skipped, or · to do."""
    return "✓" if step.number in said["done"] else "–" if step.number in said["skipped"] else "·"

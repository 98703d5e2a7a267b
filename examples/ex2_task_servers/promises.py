"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

from typing import Any

from workshop_kit.commands.promises import check_spread
from workshop_kit.examples import Example


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """The work is spread."""
    if done:
        check_spread([run["id"] for run in done[:20]], "make submit-map N=20")

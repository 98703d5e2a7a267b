"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

from typing import Any

from workshop_kit import http_client
from workshop_kit.commands.live_checks import completed_runs
from workshop_kit.commands.promises import promise
from workshop_kit.examples import Example


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """The board shows what a run has written."""
    url = example.services[0].url.removesuffix("health")
    promise(http_client.page(url)[0] == 200, f"the board shows the newest banner: {url}", example.next)


def shown(ex: int, since: float) -> str:
    """A run has completed since."""
    return "" if completed_runs(ex, since) else "no banner has been written yet"

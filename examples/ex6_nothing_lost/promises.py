"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

from typing import Any

from workshop_kit import state_files
from workshop_kit.commands import example_records
from workshop_kit.commands.live_checks import completed_runs
from workshop_kit.commands.promises import lost_runs, promise
from workshop_kit.examples import Example
from workshop_kit.findings import Promise
from workshop_kit.settings import settings


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """Each run that completed has shipped, and somebody puts lost runs back."""
    shipped = [(settings().home / "shipped" / run["id"]).exists() for run in done]
    promise(all(shipped), Promise.SHIPPED_ONCE(sum(shipped)), "make runs")
    promise(bool(state_files.children("rescuer")), Promise.RESCUER_UP(), "make ex6 without RESCUE=0")


def shipped(ex: int, since: float) -> str:
    """Each run that completed has shipped its parcel."""
    if not (done := completed_runs(ex, since)):
        return "no run of it has completed yet"
    left = [run for run in done if not (settings().home / "shipped" / run["id"]).exists()]
    return f"{len(left)} of {len(done)} runs completed and shipped nothing" if left else ""


def survived(ex: int, since: float) -> str:
    """A task server has died, sixty runs have completed, and none is lost."""
    found = example_records.read_once()
    died = [one for one in found.processes.values() if one.keys and not one.alive and one.quiet_since > since]
    if not died:
        return "no task server has died yet"
    if len(done := completed_runs(ex, since)) < 50:
        return f"{len(done)} runs have completed"
    lost = lost_runs()
    return f"{len(lost)} runs are lost" if lost else ""

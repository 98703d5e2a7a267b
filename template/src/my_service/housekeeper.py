"""`python -m my_service.housekeeper`: requeues lost runs (task servers die, Prefect forgets), and deletes old ones."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.client.schemas.sorting import TaskRunSort
from prefect.logging import get_logger
from prefect.logging.configuration import setup_logging

from durable import Rescuer
from my_service import RECORDS, STORAGE, settings

log, EVERY, CLEAN_EVERY = get_logger("housekeeper"), 2, 3600  # seconds


async def delete_old(days: float) -> int:
    """Delete runs that ended so long ago, and files as old that no run needs. Returns how many runs."""
    limit = needed_since = datetime.now(UTC) - timedelta(days=days)
    ended = {"state": {"type": {"any_": TERMINAL_STATES}}, "end_time": {"before_": limit}}
    chosen = TaskRunFilter.model_validate({"state": {"type": {"any_": set(StateType) - TERMINAL_STATES}}})
    by_id, offset, deleted = TaskRunSort.ID_DESC, 0, 0
    async with get_client() as client:
        while runs := await client.read_task_runs(task_run_filter=chosen, limit=200, offset=offset, sort=by_id):
            # The parameters of a run are written minutes before it is created, at the most.
            needed_since = min([needed_since, *(run.created - timedelta(minutes=5) for run in runs if run.created)])
            offset += 100  # pages that overlap: a run that ends meanwhile moves the others up
        for path in STORAGE.rglob("*"):
            if path.is_file() and path.stat().st_mtime < needed_since.timestamp():
                path.unlink(missing_ok=True)
        chosen = TaskRunFilter.model_validate(ended)
        while runs := await client.read_task_runs(task_run_filter=chosen, limit=200, sort=by_id):
            for run in runs:
                await client.delete_task_run(run.id)
            deleted += len(runs)
    return deleted


async def keep_looking() -> None:  # until it is stopped: one process, on the machine that has the records
    rescuer, clean_at, away = Rescuer(RECORDS, settings.max_rescues), 0.0, False
    while True:
        try:
            report = await rescuer.look()
            for lost in report.requeued + report.given_up:
                log.warning(lost.why, extra={"task_run_id": lost.run.id})
            if time.monotonic() > clean_at:
                log.info("deleted %s runs older than %s days", await delete_old(settings.keep_days), settings.keep_days)
                clean_at = time.monotonic() + CLEAN_EVERY
            away = False
        except (httpx.HTTPError, OSError, ValueError) as error:
            log.log(logging.DEBUG if away else logging.WARNING, "the Prefect API is unreachable: %r", error)
            away = True
        await asyncio.sleep(EVERY)


if __name__ == "__main__":
    setup_logging()
    asyncio.run(keep_looking())

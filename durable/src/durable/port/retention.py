"""Parameters and results in the port's folder are deleted when they are old, but those of runs that have not ended."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType

from durable.port.output import say
from durable.rescuer import PAGE, runs_in
from durable.storage import Folder

DAY = 24 * 3600  # seconds
UNDER_WAY = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING)


async def delete_old(folder: Folder, api: str, seconds: float) -> int:
    """Delete parameters and results that were last written so long ago, but those of runs that have not ended.

    api: of the Prefect server, on loopback. Returns how many. Raises httpx.HTTPError when the API is unreachable.
    """
    before = time.time() - seconds

    def find() -> list[Path]:
        found = []
        for path in folder.path.rglob("*"):
            with suppress(FileNotFoundError):  # it was exchanged, or deleted, in between
                if path.is_file() and path.stat().st_mtime < before:
                    found.append(path)
        return found

    old = await asyncio.to_thread(find)
    if not old:
        return 0
    wanted: set[str] = set()
    async with PrefectClient(api) as client:
        for run in await runs_in(client, *UNDER_WAY, step=PAGE // 2):
            # The id of its parameters stands in the state that queued it.
            answer = await client._client.get("/task_run_states/", params={"task_run_id": str(run.id)})
            for state in answer.json():
                wanted.add(state["state_details"].get("task_parameters_id") or "")
                wanted.add((state.get("data") or {}).get("storage_key") or "")
    gone = [path for path in old if path.name not in wanted]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


async def delete_old_now_and_then(folder: Folder, api: str, seconds: float) -> None:
    """Every hour, or more often where files are kept for less, until cancelled."""
    while True:
        await asyncio.sleep(min(3600, max(1, seconds / 10)))
        try:
            await delete_old(folder, api, seconds)
        except Exception as error:  # the API is busy, a file is another's: next time
            say(f"old files could not be deleted now ({error or type(error).__name__})")

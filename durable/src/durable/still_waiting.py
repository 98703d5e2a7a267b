"""Whether runs that a task server is about to begin still wait, in one question for all of them.

Reading a run costs a Prefect server 7 ms, as it makes an object of it; counting takes a fraction of that.
"""

import asyncio
from uuid import UUID

from prefect.client.orchestration import PrefectClient

TOGETHER = 0.02  # seconds in which several become one question: what arrives in a burst, and no run waits for it


class StillWaiting:
    def __init__(self) -> None:
        self._runs: set[UUID] = set()
        self._answer: asyncio.Task[bool] | None = None

    async def ask(self, client: PrefectClient, run: UUID) -> bool:
        """True if it waits, and so do the others of which was asked at the same time. Raises httpx.HTTPError."""
        self._runs.add(run)
        if not self._answer:
            self._answer = asyncio.create_task(self._ask(client))
        return await asyncio.shield(self._answer)

    async def _ask(self, client: PrefectClient) -> bool:
        await asyncio.sleep(TOGETHER)
        runs, self._runs, self._answer = self._runs, set(), None
        wanted = {"id": {"any_": [str(run) for run in runs]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        answer = await client._client.post("/task_runs/count", json={"task_runs": wanted})
        return bool(answer.json() == len(runs))

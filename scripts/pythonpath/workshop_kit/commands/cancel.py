#!/usr/bin/env python3
"""Cancels a run: one that waits never begins, one that runs ends Cancelled within seconds.

RUN=…       its id, as make runs shows it; RUN=waiting: all that wait, after a question
FORCE=1     no question
Exit 0 when it is cancelled, 1 when it had ended or does not end, 2 for bad input.
"""

import asyncio
import os
import sys
import time
from uuid import UUID

import httpx
from prefect.exceptions import ObjectNotFound

import durable
from durable.text import printable
from workshop_kit import prefect_api, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.retrying_api import LOOK, Api, api
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(server="make ex1 or make ex2; or make db, which needs none", same_port=True, joined=True)

PATIENCE = 10  # seconds until what does not end is announced


def main() -> int:
    wanted = os.environ.get("RUN", "").strip()
    force = workshop.whole_number("FORCE", 0, 0, 1)
    if not wanted:
        workshop.fail("RUN is not given", "make runs, and then make cancel RUN=…; or make cancel RUN=waiting")
    if wanted == "waiting":
        return cancel_waiting(bool(force))
    try:
        run = UUID(wanted)
    except ValueError:
        workshop.fail(f"RUN={wanted[:60]!r} is not the id of a run", "make runs, which shows them")
    return cancel_one(run)


def cancel_one(run: UUID) -> int:
    began = time.monotonic()
    with api(print) as prefect:
        try:
            before = prefect.ask(lambda client: client.read_task_run(run)).state
            name = durable.cancel(run)
        except ObjectNotFound:
            workshop.fail(f"there is no run {run}", "make runs, which shows them")
        if name not in ("Cancelled", "Cancelling") or (before and before.is_final()):
            print(f"{printable(name).lower():10} {run}: it had ended before")
            return 1
        if name == "Cancelled":
            print(f"cancelled  {run}: it waited, and never begins")
            return 0
        print(f"cancelling {run}", flush=True)
        return 0 if has_ended(run, prefect, began) else 1


def has_ended(run: UUID, prefect: Api, began: float) -> bool:
    announced = False
    while True:
        state = prefect.ask(lambda client: client.read_task_run(run)).state
        seconds = time.monotonic() - began
        if state and state.is_final():
            break
        if not announced and seconds > PATIENCE:
            print("waiting    for its task server: what it does there cannot be interrupted, or it is not ours")
            announced = True
        if seconds > settings().grace + PATIENCE:
            print(f"           it is still {printable(state.name if state else '?')}. Try: make runs, later")
            return False
        time.sleep(LOOK)
    by = printable(example_records.read_once().ran_on(str(run)))
    where = f"on {by}, " if by else ""
    print(f"{printable(state.name).lower():10} {where}{seconds:.1f} s after it was asked for")
    if state.message:
        print(f"           {printable(state.message)}")
    return bool(state.is_cancelled())


def cancel_waiting(force: bool) -> int:
    if settings().joined:
        workshop.fail("other machines' runs wait, too", "make cancel RUN=… with the id of one")
    waiting = [run["id"] for run in prefect_api.waiting_runs()]
    if not waiting:
        print("no run waits")
        return 0
    if not force:
        if not sys.stdin.isatty():
            workshop.fail("nobody is here to say yes", "make cancel RUN=waiting FORCE=1")
        print(f"cancel {len(waiting)} run(s) that wait? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing is cancelled")
            return 0
    cancelled, missed = asyncio.run(cancel_all(waiting))
    print(f"cancelled  {cancelled} run(s), which never begin")
    if missed:
        print(f"           {missed} had begun meanwhile: they end Cancelled, too")
    return 0


async def cancel_all(runs: list[str]) -> tuple[int, int]:
    """How many never begin, and how many had begun."""
    some_at_once, names = asyncio.Semaphore(10), []

    async def one(run: str) -> None:
        async with some_at_once:
            names.append(await durable.acancel(run))

    await asyncio.gather(*map(one, runs), return_exceptions=True)
    return names.count("Cancelled"), names.count("Cancelling")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (httpx.HTTPError, OSError) as error:
        workshop.fail(f"the Prefect API failed: {error or type(error).__name__}", "make status")

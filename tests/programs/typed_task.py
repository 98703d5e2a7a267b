"""For tests/machines/ex7_more.bats: parameters and a result with types, submitted and served by one program."""

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from prefect import task
from prefect.client.orchestration import get_client
from pydantic import BaseModel

from durable import aserve, json_only, keyed

json_only(os.environ["PLAIN_STORAGE"])


@dataclass
class Parcel:
    number: UUID
    packed: datetime


class Person(BaseModel):
    name: str
    born: date | None = None


@keyed("typed")
@task
def send(parcel: Parcel, to: Person, *notes: str, days: dict[str, int] = None) -> tuple[Parcel, Person]:
    assert isinstance(parcel.number, UUID) and isinstance(to.born, date) and notes == ("a", "b") and days == {"Ford": 1}
    return parcel, to


@keyed("typed")
@task
def fail(number: int) -> float:
    return 1 / number


@keyed("typed")
@task(cache_key_fn=lambda context, parameters: f"a key/of ../my own {parameters['number']}", result_serializer="pickle")
def count(number: int):
    yield from range(number)


async def ended(future):
    async with get_client() as client:  # wait_async() may miss the end of a run that is so short
        while not (run := await client.read_task_run(future.task_run_id)).state.is_final():
            await asyncio.sleep(0.1)
    return run.state


async def main():
    serving = asyncio.create_task(aserve(send, fail, count, records=os.environ["RECORDS"]))
    parcel, person = Parcel(UUID(int=7), datetime.now(UTC)), Person(name="Ford 😀", born=date(1952, 3, 11))
    sent = await asyncio.to_thread(send.delay, parcel, person, "a", "b", days={"Ford": 1})
    print("came back:", await (await ended(sent)).aresult() == (parcel, person))
    failed = await asyncio.to_thread(fail.delay, 0)
    try:
        await (await ended(failed)).aresult()
    except Exception as error:
        print(f"the exception: {type(error).__name__}: {error}")
    for _ in range(2):
        counted = await ended(await asyncio.to_thread(count.delay, 3))
        print(f"counted: {await counted.aresult()} {counted.name}")
    serving.cancel()


asyncio.run(main())

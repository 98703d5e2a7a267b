import asyncio
import os

import task_server
from prefect import task as background
from task_server import my_background_task as greet, other

os.environ.setdefault("PREFECT_API_URL", "http://127.0.0.1:4200/api")
options = {"deferred": True}
for name in ("Ford", "Agrajag"):
    task_server.my_background_task.apply_async((name,))
other.map(["a"], **options)
other.map("static", sizes=["S", "M"], deferred=True)
print(other())


async def slowly():
    pass


async def numbers():
    yield 1


async def both():
    later = slowly()
    await later
    first, again = slowly(), [slowly()]
    pair = slowly()
    for waiting in (first, *again, pair):
        await waiting
    await asyncio.gather(slowly(), slowly())
    given = slowly()
    task_server.keep(given)
    some = numbers()
    async for number in some:
        print(number)


@background(task_run_name="{{literal}} {name!r:>10} {sizes[0]}")
def label(name, sizes):
    pass


try:
    greet.submit("x")
except RuntimeError as error:
    print(error)

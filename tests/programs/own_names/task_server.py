import asyncio
from dataclasses import dataclass
from enum import Enum, StrEnum

from prefect import task
from prefect.task_worker import serve


class Colour(Enum):
    RED = "red"


class Shade(StrEnum):
    DARK = "dark"


@dataclass
class Point:
    x: int


async def map(values):
    return [value for value in values]


async def delay(seconds):
    await asyncio.sleep(seconds)


def submit(queue, input=""):
    queue.append(input)
    return queue


@task
async def gather():
    await delay(0.1)
    queue = await map([1, 2])
    email = submit(queue, input="x")
    result = asyncio.create_task(delay(0))
    await result
    return len(email)


@task
def my_background_task(name: str, shade: Shade = Shade.DARK, point: Point | None = None):
    colour = Colour(name) if name == "red" else None
    if colour is Colour.RED or shade == Shade.DARK:
        return colour == Colour.RED
    input = name.upper
    return Colour.RED.value + input()


class Worker:
    def serve(self, *args):
        return args

    def breakpoint(self):
        return self


if __name__ == "__main__":
    Worker().breakpoint().serve()
    serve(my_background_task, gather)

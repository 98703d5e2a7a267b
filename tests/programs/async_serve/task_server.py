import asyncio

import prefect
import prefect.task_worker as worker
from prefect import flow
from prefect import task as background


@background(retries=1)
def other():
    pass


def greet(name):
    other.submit()
    return name


my_background_task = prefect.task(greet, name="my_background_task")


@flow
def all_of_them():
    other.map([1, 2])
    other.submit()


def main():
    asyncio.run(worker.aserve(my_background_task, other))


if __name__ == "__main__":
    main()

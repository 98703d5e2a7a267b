from __future__ import annotations

import mytools.words
from mytools.words import hello
from prefect import task
from prefect.task_worker import serve as start


@task(log_prints=True)
def my_background_task(name: NotKnown, greeting="Hello", *rest, loud=False, **more):
    return hello(name) + mytools.words.hello(greeting)


def serve(port):
    return port


if __name__ == "__main__":
    serve(port=8000)
    try:
        unknown
    except NameError:
        print(__file__)
    match {"a": 1}:
        case {"a": one, **others}:
            print(one, others)
    start(my_background_task, limit=2, timeout=None)

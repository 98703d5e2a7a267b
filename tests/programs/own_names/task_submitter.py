import queue
from functools import partial

from task_server import Colour, Point, Worker, my_background_task

waiting = queue.Queue()
waiting.put(my_background_task.delay)
later = partial(my_background_task.delay, "red")


def delay(task, *args):
    return task.delay(*args)


def breakpoint():
    return Worker()


if __name__ == "__main__":
    breakpoint()
    future = delay(my_background_task, Colour.RED.value)
    print(future.wait() is None, list(map(str, [Colour.RED])), Colour("red") is Colour.RED)
    print([each.task_run_id for each in my_background_task.map(["a", "b"], deferred=True)])
    my_background_task.delay("x", point=Point(1))
    waiting.get()("Ford")
    later()

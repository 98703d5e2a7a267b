"""Example 2: submit many runs at once with map, and watch them spread over the task servers."""

from task_server import my_background_task

if __name__ == "__main__":
    my_background_task.map(["Ford", "Prefect", "Slartibartfast"], deferred=True)

"""Example 2: submit a run and go on. A task server, in a process of its own, does the work."""

from task_server import my_background_task

if __name__ == "__main__":
    future = my_background_task.delay("Agrajag")
    print(f"Submitted task run {future.task_run_id}")

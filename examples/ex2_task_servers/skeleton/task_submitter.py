"""Example 2: submit a run and go on. A task server, in a process of its own, does the work."""

# 1. From your own task_server.py, import the task.

if __name__ == "__main__":
    # 2. Submit one run: the task's method `delay` takes what the function takes, "Agrajag", and returns a future.
    # 3. In the place of this print, print the run's id: the future's `task_run_id`.
    print("Steps 1 to 3 are to be written.")

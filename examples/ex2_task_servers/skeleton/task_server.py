"""Example 2: a task, and a task server that runs it in the background."""

import os
import time

# 1. Import two names: the decorator `task` from `prefect`, and `serve` from `prefect.task_worker`.

LIMIT = int(os.getenv("LIMIT", "1"))  # runs at once in this task server
WORK_SECONDS = float(os.getenv("WORK_SECONDS", "0.3"))  # stands for real work


# 2. Make this function a task.
def my_background_task(name: str):
    time.sleep(WORK_SECONDS)
    print(f"Hello, {name}!")
    return f"Hello, {name}!"


if __name__ == "__main__":
    # 3. In the place of the print, serve the task: `serve` needs the task itself, and limit=LIMIT. It never returns.
    print("Step 3 is to be written.")

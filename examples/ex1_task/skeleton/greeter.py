"""Example 1: call a task outside a flow."""

import sys

# 1. Import the decorator `task` from the package `prefect`.


# 2. Make this function a task. Its print() shall become a log line of the run: @task(log_prints=True)
def greet(name: str = "Marvin"):
    print(f"Hello, {name}!")


if __name__ == "__main__":
    # 3. In the place of the print, call the task like any function, with the name that was typed: *sys.argv[1:]
    print("Step 3 is to be written.", *sys.argv[1:])

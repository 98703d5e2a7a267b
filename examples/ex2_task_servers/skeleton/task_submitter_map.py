"""Example 2: submit many runs at once with map, and watch them spread over the task servers."""

# 1. From your own task_server.py, import the task.

if __name__ == "__main__":
    # 2. In the place of the print, call the task's method `map` with a list: "Ford", "Prefect", "Slartibartfast".
    #    Outside a flow it also needs to hear deferred=True.
    print("Steps 1 and 2 are to be written.")

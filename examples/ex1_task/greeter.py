"""Example 1: call a task outside a flow."""

import sys

from prefect import task


@task(log_prints=True)
def greet(name: str = "Marvin"):
    print(f"Hello, {name}!")


if __name__ == "__main__":
    greet(*sys.argv[1:])

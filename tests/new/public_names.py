#!/usr/bin/env python3
"""Has every public name and method of durable a docstring? Prints those that have none; exit 1 if there are any."""

import inspect
import sys

import durable

missing = []
for name in durable.__all__:
    public = getattr(durable, name)
    missing += [name] if not inspect.getdoc(public) else []
    if inspect.isclass(public):
        # Of its own: what it inherits from Prefect's or Python's class is theirs to explain.
        missing += [
            f"{name}.{method}"
            for method, value in vars(public).items()
            if not method.startswith("_") and callable(getattr(value, "__func__", value)) and not inspect.getdoc(value)
        ]
for each in missing:
    print(f"durable.{each} has no docstring")
sys.exit(bool(missing))

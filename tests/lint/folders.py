#!/usr/bin/env python3
"""Has the table in tests/README.md a row for each folder of tests, and no other? Prints what differs; then exit 1.

It compares the names alone and asks no clock: how long a folder takes differs from machine to machine.
"""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

told = re.findall(r"^\| `([\w/]+)/` \|", (TESTS / "README.md").read_text(), re.M)
there = {path.parent.name for path in TESTS.glob("*/*") if path.is_file()} - {"__pycache__"} | {"durable/tests"}
bad = [f"tests/README.md has a row for {name}/, which is no folder" for name in told if name not in there]
bad += [f"tests/README.md has no row for {name}/" for name in sorted(there - set(told))]
bad += [f"{path.name} belongs in one of the folders of tests/" for path in TESTS.glob("*.bats")]
print(*bad, sep="\n", end="\n" if bad else "")
sys.exit(bool(bad))

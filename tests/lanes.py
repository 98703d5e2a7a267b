#!/usr/bin/env python3
"""Runs the tests in lanes, since most wait more than they compute; prints a file's output when it is done.

lanes.py [--long | --quick | --all] [--filter REGEX] FILE...    LANES=3: so many at a time; 1: output as it comes

Without --all, the tests with the tag `long` are left out; with --long they are the only ones, with --quick those of
them without the tag `slow`. pytest gets what is no bats file, and has markers of the same names: with --long and
--quick those of Hypothesis and the simulation run once more, and try more.

The files know nothing of each other: each has a WORKSHOP_HOME and ports of its own. Exit 1 if a test failed, or if one
was skipped and CI=true.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

arguments = sys.argv[1:]
# A file may have none of the tests that are wanted; one that cannot be read fails all the same.
options = ["--print-output-on-failure", "--timing", "--report-formatter", "junit", "--allow-empty-suite"]
which = arguments.pop(0) if arguments[0] in ("--long", "--quick", "--all") else ""
if which != "--all":
    options += ["--filter-tags", {"--long": "long", "--quick": "long,!slow"}.get(which, "!long")]
of_pytest = ["-m", "pytest", "-q"]
if which != "--all":
    more = "long or more or hypothesis"
    of_pytest += ["-m", {"--long": more, "--quick": f"({more}) and not slow"}.get(which, "not long")]
if which in ("--long", "--quick"):
    os.environ["HYPOTHESIS_LONG"] = "10000" if which == "--long" else "1000"  # durable/tests/conftest.py
if arguments[0] == "--filter":
    options += arguments[:2]
    of_pytest += ["-k", " and ".join(re.findall(r"\w+", arguments[1]))]  # it knows words, and no regular expressions
    arguments = arguments[2:]
lanes = min(int(os.environ.pop("LANES", "3")), len(arguments))


def run(file: str) -> tuple[str, int, str, list[int], float]:
    """The file, bats' exit code and output, how many tests passed, failed and were skipped, and the seconds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as report:
        path = Path(report, "report.xml")
        command = ["bats", *options, "--output", report, file]
        if not file.endswith(".bats"):
            command = [sys.executable, *of_pytest, f"--junitxml={path}", file]
        together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if lanes > 1 else {}
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True, errors="replace", check=False, **together)
        cases = ElementTree.parse(path).iter("testcase") if path.exists() else []  # noqa: S314 - bats wrote it
        kinds = [{part.tag for part in case} for case in cases]
    failed, skipped = (sum(bool(kind & tags) for kind in kinds) for tags in ({"failure", "error"}, {"skipped"}))
    counts = [len(kinds) - failed - skipped, failed, skipped]
    if done.returncode == 5 and not kinds:  # pytest's code for "none of them is wanted"
        done.returncode = 0
    seconds = time.monotonic() - began
    return file, done.returncode, f"{done.stdout or ''}{file}: {seconds:.0f} s\n", counts, seconds


began = time.monotonic()
code = 0
total = [0, 0, 0]
of_folders: dict[str, float] = {}  # for the table in tests/README.md
# The longest first, so that no lane is left with one at the end: these, then the largest files.
LONGEST = ("durable/tests", "chapters.bats", "lifecycle.bats", "bench.bats", "canary.bats", "behaviour.bats")
files = sorted(arguments, key=lambda file: (not file.endswith(LONGEST), -Path(file).stat().st_size))
with ThreadPoolExecutor(lanes) as threads:
    for future in as_completed([threads.submit(run, file) for file in files]):
        file, failed, output, counts, seconds = future.result()
        if failed or sum(counts):
            print(output, flush=True)
        code = code or (1 if failed else 0)
        folder = file if Path(file).is_dir() else str(Path(file).parent)
        of_folders[folder] = of_folders.get(folder, 0) + seconds
        total = [a + b for a, b in zip(total, counts, strict=True)]
if len(of_folders) > 1:
    print(*(f"{seconds:5.0f} s  {folder}" for folder, seconds in sorted(of_folders.items())), sep="\n")
print(f"{time.monotonic() - began:.0f} s in {lanes} lane(s)")
if os.environ.get("CI") == "true" and total[2]:
    print("a skipped test in CI is a failure", file=sys.stderr)
    code = 1
if not sum(total):
    print("no test ran", file=sys.stderr)
    code = 1
print(f"\n{total[0]} passed, {total[1]} failed, {total[2]} skipped")
sys.exit(code)

#!/usr/bin/env python3
"""The plans in docs/INSTRUCTOR.md add up, and give each show the minutes of its page's speaker's notes."""

import re
import sys
from pathlib import Path

LATE = 20  # minutes that can be left out of each plan

kit = Path(__file__).parents[2]
wrong = []
for plan in re.split(r"^## ", (kit / "docs/INSTRUCTOR.md").read_text(), flags=re.M):
    rows = re.findall(r"^\| (\d+):(\d\d) \| (\d*) \| (.*?) \| (.*?) ?\|$", plan, re.M)
    title = plan.splitlines()[0]
    now = spare = 0
    for hour, minute, minutes, what, late in rows:
        if now != int(hour) * 60 + int(minute):
            wrong.append(f"{title}: {what} begins at {now // 60}:{now % 60:02}, not at {hour}:{minute}")
        now = int(hour) * 60 + int(minute) + int(minutes or 0)
        spare += int(minutes) if late.startswith("leave out") else 0
        if show := re.fullmatch(r"`make demo EX=(\d+)`", what):
            (page,) = kit.glob(f"examples/ex{show[1]}_*/README.md")
            notes = sum(map(int, re.findall(r"<!-- speaker, (\d+) min:", page.read_text())))
            if notes != int(minutes):
                wrong.append(f"{title}: {what} takes {notes} minutes by its speaker's notes, not {minutes}")
    if rows and spare < LATE:
        wrong.append(f"{title}: only {spare} minutes can be left out")
print(*wrong, sep="\n", end="\n" if wrong else "")
sys.exit(bool(wrong))

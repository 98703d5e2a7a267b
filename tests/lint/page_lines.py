#!/usr/bin/env python3
"""For `make lint`: lines of the Markdown pages are at most 120 characters, so that a diff can show them.

Prints each line that is longer; tables, code, comments and pictures may be. page_lines.py --wrap breaks them.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent.parent
LONGEST = 120
# What is not broken: code, a link, a tag, and what a chapter does (workshop_kit/show/chapter.py).
WHOLE = re.compile(
    r"`+[^`]*`+|\[[^\]]*\]\([^)]*\)|Open <[^>]*>|<[^>]*>"
    r"|Undo the change|Ctrl-C in terminal \d|Terminal \d(?:,\s+on machine [A-Z])?"
)
MADE = {"docs/COMMANDS.md"}  # by make docs
FREE = ("|", "#", "<!--", "![")  # a table, a heading, a comment, a picture


def long_lines(text: str) -> Iterator[int]:
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(```+|~~~+)", line):
            fence = "" if fence and found[1].startswith(fence) else fence or found[1]
        elif not fence and len(line) > LONGEST and not line.lstrip().startswith(FREE):
            yield number


def wrapped(line: str) -> list[str]:
    """The same in lines that are short enough, where there is a place to break it; a list's go on below its text."""
    indent = re.match(r"\s*(?:[-*] |\d+\. |> )?", line)
    below = " " * len(indent[0]) if indent else ""
    lines = []
    while len(line) > LONGEST:
        whole = [range(found.start(), found.end()) for found in WHOLE.finditer(line)]
        places = [at for at in range(len(below) + 1, LONGEST + 1) if line[at : at + 1] == " "]
        places = [at for at in places if not any(at in part for part in whole)]
        # A line that begins so would be a list, a heading or a table.
        places = [at for at in places if not re.match(r"(?:[-*+#|>]|\d+[.)])(?:\s|$)", line[at + 1 :])]
        if not places:
            break
        lines.append(line[: places[-1]].rstrip())
        line = below + line[places[-1] + 1 :].lstrip()
    return [*lines, line]


def goes_on(line: str, next_line: str) -> bool:
    """Whether the next line is of the same paragraph, and as far to the right."""
    text = next_line.lstrip()
    begins = not text or text.startswith((*FREE, ">", "<", "```", "~~~")) or re.match(r"(?:[-*+]|\d+[.)])\s", text)
    same = len(next_line) - len(text) == len(line) - len(line.lstrip())
    return same and not begins and not line.endswith(("  ", "\\"))


def wrap(text: str, numbers: set[int]) -> str:
    """The page with these lines wrapped, and what is left of each in the paragraph's next line."""
    lines: list[str] = []
    left = ""
    for number, line in enumerate(text.splitlines(), 1):
        if left and goes_on(left, line):
            line = f"{left} {line.lstrip()}"
        elif left:
            lines.append(left)
        elif number not in numbers:
            lines.append(line)
            continue
        *short, left = wrapped(line)
        lines += short
        if not short:
            lines.append(left)
            left = ""
    return "\n".join([*lines, left] if left else lines) + "\n"


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=KIT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wrong = 0
    for name in sorted(set(listed.splitlines()) - MADE):
        text = (KIT / name).read_text(encoding="utf-8")
        numbers = set(long_lines(text))
        if "--wrap" in sys.argv and numbers:
            (KIT / name).write_text(wrap(text, numbers), encoding="utf-8")
            continue
        for number in sorted(numbers):
            print(f"{name}:{number}: over {LONGEST} characters")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""What an example's Procfile runs. Standard library only: a learner's files are judged before the set-up, too.

procfile.py EX NAME     prints the command of that name
"""

import re
import sys
from functools import cache
from pathlib import Path

from workshop_kit.settings import KIT

_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$", re.M)  # a comment has no such name before its first colon
_STARTED = re.compile(r"(\w+)(?:\.py|:app)\b")


def parsed(text: str) -> dict[str, str]:
    """The commands by their names, in the order of the file."""
    return {name: command.rstrip() for name, command in _LINE.findall(text)}


@cache
def commands(ex: int, kit: Path = KIT) -> dict[str, str]:
    """Those of an example; none for one without a Procfile."""
    path = kit / f"Procfile.ex{ex}"
    return parsed(path.read_text(encoding="utf-8")) if path.is_file() else {}


def modules(ex: int) -> set[str]:
    """The learner's modules that it starts: of `task_server.py`, and of `api:app` for a web server."""
    return {name for command in commands(ex).values() for name in _STARTED.findall(command)}


def apps(ex: int) -> set[str]:
    """The modules whose `app` a web server is told to serve."""
    return {name for command in commands(ex).values() for name in re.findall(r"(?<= )(\w+):app(?= |$)", command)}


if __name__ == "__main__":
    print(commands(int(sys.argv[1]))[sys.argv[2]])

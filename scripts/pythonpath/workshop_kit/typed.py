"""What was typed at make that nobody reads: the variable or the command that was meant, before anything starts.

    typed.py variables   exits 2 at the first variable (WORKSHOP_TYPED) that was typed for another
    typed.py commands    exits 2 at the first command (WORKSHOP_GOALS) that there is not, and at one behind another that
                         stays until Ctrl-C

make itself takes any NAME=value, and would run the first command before it stops at the second that it does not know.
Standard library only.
"""

import os
import re
import sys
from collections.abc import Iterable

from workshop_kit import variables, workshop
from workshop_kit.examples import EXAMPLES

ANOTHER_WORD = {
    "NUMBER": "N",
    "COUNT": "N",
    "RUNS": "N",
    "EXAMPLE": "EX",
    "QUESTION": "Q",
    "WORKERS": "SERVERS",
}
STAYING = {"server", "watch", "shell", "room"}  # until Ctrl-C, as the examples that have task servers


def distance(one: str, other: str) -> int:
    """How many letters are to be inserted, deleted or replaced to make one word of the other (Levenshtein's)."""
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, there in enumerate(other, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != there)))
        above = line
    return above[-1]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that is a slip away: one letter, or two of five and more. Empty if there is none."""
    if len(word) < 3:
        return ""
    allowed = 1 if len(word) < 5 else 2
    away = [(distance(word, each), each) for each in candidates]
    near = [(by, each) for by, each in away if by <= allowed and by < len(each)]
    return min(near, key=lambda found: found[0])[1] if near else ""


def meant_variable(name: str) -> str:
    """The variable that somebody meant who typed NAME=…; empty if it may be one of another program."""
    upper = name.upper()
    known = variables.settings() | variables.of_one_command()
    return upper if upper in known else ANOTHER_WORD.get(upper) or nearest(upper, sorted(known))


def check_variables(typed: list[str]) -> None:
    """Exit 2 at the first that was typed for another."""
    for name in typed:
        if name not in variables.settings() and (meant := meant_variable(name)):
            workshop.fail(f"there is no variable {name}", f"make … {meant}=…")


def check_commands(goals: list[str]) -> None:
    """Exit 2 at the first that there is not, and at one behind another that stays until Ctrl-C."""
    first, *others = goals
    if re.fullmatch("ex", first, re.I) and others and others[0].isdigit():
        workshop.fail(f"there is no command '{first}'", f"make ex{others[0]}")
    known = variables.commands()
    for goal in goals:
        if goal in known:
            continue
        for name in sorted(variables.settings() | variables.of_one_command()):  # SERVERS= 2
            if os.environ.get(name) == "":
                workshop.fail(
                    f"'{goal}' is not a command, and {name} is empty", f"make {first} {name}={goal} (without a blank)"
                )
        if not re.fullmatch("ex.+", goal):  # scripts/example.sh says which there are
            workshop.fail(f"there is no command '{goal}'", f"make {nearest(goal.lower(), known) or 'help'}")
    example = EXAMPLES.get(int(first[2:])) if re.fullmatch("ex[0-9]+", first) else None
    if others and (first in STAYING or (example and example.servers)):
        workshop.fail(
            f"make {first} stays until Ctrl-C, and {others[0]} would wait for that",
            f"make {others[0]} in another terminal",
        )


if __name__ == "__main__":
    if sys.argv[1] == "variables":
        check_variables(os.environ.get("WORKSHOP_TYPED", "").split())
    else:
        check_commands(os.environ.get("WORKSHOP_GOALS", "").split())

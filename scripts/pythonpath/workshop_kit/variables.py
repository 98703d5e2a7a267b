"""The names that people may type: the Makefile has the commands and variables, and an example's folder has its own.

Standard library only. scripts/lib/variables.sh has what the shell needs of it.
"""

import re
from functools import cache

from workshop_kit.examples import EXAMPLES
from workshop_kit.settings import KIT


@cache
def _makefile() -> str:
    return (KIT / "Makefile").read_text(encoding="utf-8")


def _listed(name: str) -> set[str]:
    return set(re.findall(rf"^{name} := (.+)$", _makefile(), re.M)[0].split())


def settings() -> set[str]:
    """Those that say how the kit works here, with the examples' own: their ports, and the `##` lines of settings.sh."""
    own = {port for example in EXAMPLES.values() for port in example.own_ports}
    for path in KIT.glob("examples/ex[0-9]*_*/settings.sh"):
        for names in re.findall(r"^## ([A-Z_, ]+)=", path.read_text(encoding="utf-8"), re.M):
            own.update(names.replace(",", " ").split())
    return _listed("SETTINGS") | own


def of_one_command() -> set[str]:
    """Those that one command alone is told."""
    return _listed("OF_ONE_COMMAND")


def commands() -> list[str]:
    """Every command, in the order of the Makefile."""
    return [f"ex{number}" for number in EXAMPLES] + re.findall(r"^\.PHONY: ([a-z]\S*)", _makefile(), re.M)

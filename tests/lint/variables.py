#!/usr/bin/env python3
"""The Makefile's lists of variables against where people read of them; exit 1 with a line for each difference.

A variable stands in a command's brackets, `[NAME=2]` behind `##` in the Makefile, or in a line `## NAME=default: …` of
the file that reads it. What is in a list but in neither is read by nobody, or told to nobody.
"""

import re
import sys
from pathlib import Path

KIT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")]

from workshop_kit import variables  # noqa: E402
from workshop_kit.commands.docs import SETS_DEFAULTS  # noqa: E402
from workshop_kit.examples import EXAMPLES  # noqa: E402

SECRETS = {"JOIN_CODE", "OPENAI_API_KEY"}  # never on make's command line: every process list shows it
OF_PREFECT = {"PREFECT_API_URL"}  # REMOTE=1 uses it; docs/OTHER_SERVERS.md

makefile = (KIT / "Makefile").read_text(encoding="utf-8")
said = {option.partition("=")[0] for example in EXAMPLES.values() for option in example.options}
for line in re.findall(r"## .*", makefile):
    said |= {name for option in re.findall(r"\[([^]]*)\]", line) for name in re.findall(r"\b([A-Z_]+)=", option)}
for path in [*SETS_DEFAULTS, KIT / "scripts" / "server.sh"]:
    for names in re.findall(r"^## ([A-Z_, ]+)=", path.read_text(encoding="utf-8"), re.M):
        said |= set(names.replace(",", " ").split())

listed = variables.settings() | variables.of_one_command()
faults = [
    f"{name}: the Makefile has it in a list, and no command and no comment names it"
    for name in listed - said - OF_PREFECT
]
faults += [
    f"{name}: a command or a comment names it, and the Makefile has it in no list" for name in said - listed - SECRETS
]
print(*sorted(faults), sep="\n", end="\n" if faults else "")
sys.exit(bool(faults))

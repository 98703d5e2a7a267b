#!/usr/bin/env python3
"""Is every command of the documents typed by a test? Prints those that are not; exit 1 if there are any.

A command is its target with the names of its variables. It counts as typed where a chapter or a bats file types that
target with that variable, whatever the value.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

KIT = Path(__file__).parents[2]
DOCUMENTS = [
    KIT / "README.md",
    KIT / "BEFORE.md",
    KIT / "CONTRIBUTING.md",
    *sorted(KIT.glob("docs/*.md")),
    *sorted(KIT.glob("examples/*/README.md")),
]
EXAMPLES = [path.name.partition("_")[0].removeprefix("ex") for path in sorted(KIT.glob("examples/ex*_*"))]
COMMAND = re.compile(r"\bmake (?:-s )?([a-z][a-z0-9-]*)((?: +[A-Z_]+=(?:'[^']*'|\"[^\"]*\"|[^\s`'\",.;)]*))*)")
# Not for a suite: the suite itself, and what takes as long or changes the locks.
NOT_HERE = {"test", "test-docker", "test-long", "test-chaos", "soak", "lint", "lock", "distclean"}
TOO_LARGE = {("setup-local-llm", "WHEELS")}  # 200 MB of wheels


def commands(text: str) -> set[tuple[str, str]]:
    """(target, variable) of each command; the variable is empty for the target itself."""
    found = set()
    for target, variables in COMMAND.findall(text):
        found |= {(target, "")} | {(target, name) for name in re.findall(r"([A-Z_]+)=", variables)}
    return found


typed: set[tuple[str, str]] = set()
for file in [*(KIT / "tests").rglob("*.bats"), *(KIT / "tests").rglob("*.bash")]:
    text = file.read_text()
    typed |= commands(text)
    for ex in EXAMPLES:  # for n in 1 2 3 …; do … make ex$n
        typed |= commands(re.sub(r"\bex\$(n|ex|EX)\b", f"ex{ex}", text).replace('make "ex', "make ex"))
    # The helper's way to say it, and variables that a test has in the environment.
    for ex, variables in re.findall(r"start_example(?:_in_terminal)? (\d)((?: +[A-Z_]+=\S*)*)", text):
        typed |= commands(f"make ex{ex}{variables}")
    for where, variables in re.findall(r"start_on(_a| [b-d])((?: +[A-Z_]+=\S*)*)", text):  # machines.bash
        typed |= commands(f"make {'ex7' if where == '_a' else 'server'}{variables}")
    for variables, target in re.findall(r"((?:[A-Z_]+=\S+ )+)(?:ok |try )?make (?:-s )?([a-z][a-z0-9-]*)", text):
        typed |= {(target, name) for name in re.findall(r"([A-Z_]+)=", variables)}
for page in DOCUMENTS:  # what chapters.bats plays
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", page.read_text(), re.M | re.S):
        typed |= commands(block)

missing = defaultdict(set)
for page in DOCUMENTS:
    text = page.read_text()
    quoted = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ *```\w*[^\n]*\n(.*?)^ *```", text, re.M | re.S)
    for target, name in commands("\n".join(one for one in quoted if not one.startswith("sudo "))) - typed - TOO_LARGE:
        if target not in NOT_HERE:
            missing[f"make {target} {name}{'=' if name else ''}".strip()].add(str(page.relative_to(KIT)))
for command, pages in sorted(missing.items()):
    print(f"{command}: in {', '.join(sorted(pages))}, and no test types it")
sys.exit(1 if missing else 0)

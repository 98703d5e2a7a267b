#!/usr/bin/env python3
"""Writes the tables of docs/COMMANDS.md: see scripts/docs.sh. Standard library only: it runs before the set-up, too.

What it reads, beside the code that it is about:

  ##@ The room                      Makefile: a section
  #: More in Markdown.              lines of it above a target, or below a variable: only the page shows them
  watch: ## what it does [ONCE=1]   Makefile: a command and its variables; make help shows the same line
  EXAMPLE_TITLE=what it does        example.env: the same for make exN
  ## GRACE=30: what it does         env.sh, example.sh, settings.sh: a variable and its default; make help shows it
"""

import re
import sys

from workshop_kit.examples import EXAMPLES
from workshop_kit.settings import KIT

PAGE = KIT / "docs" / "COMMANDS.md"
OF_EXAMPLES = [path for name in ("example.env", "settings.sh") for path in sorted(KIT.glob(f"examples/ex*/{name}"))]
SETS_DEFAULTS = (KIT / "scripts" / "env.sh", *OF_EXAMPLES, KIT / "scripts" / "example.sh")


def wrong(what: str, remedy: str) -> None:
    """One line on standard error, and exit 1."""
    print(f"error: {what}. Try: {remedy}", file=sys.stderr)
    sys.exit(1)


def default_per_example(name: str) -> str:
    """For people: "2 in examples 2, 4 and 5, 1 in example 3"."""
    having: dict[str, list[str]] = {}
    for number, example in EXAMPLES.items():
        if default := {"SERVERS": example.servers, "LIMIT": example.limit}[name]:
            having.setdefault(str(default), []).append(str(number))
    parts = []
    for value, numbers in having.items():
        *first, last = numbers
        parts.append(f"{value} in example{'s' if first else ''} {', '.join(first)}{' and ' if first else ''}{last}")
    return ", ".join(parts)


def cell(text: str) -> str:
    """For a table: | would end the cell."""
    return text.replace("|", "\\|")


def sentence(text: str, more: list[str]) -> str:
    """What stands behind `##`, and the `#:` lines as further sentences."""
    return f"{text}{'' if text.endswith('?') else '.'} {' '.join(more)}" if more else text


def row(name: str, text: str, more: list[str], options: list[str]) -> str:
    """A line of a table: a command, what it does, its variables."""
    variables = " ".join(f"`{option}`" for option in options)
    return f"| `make {name}` | {cell(sentence(text, more))} | {cell(variables)} |"


def commands() -> str:
    """A table for each section of the Makefile; the examples stand at the beginning of the first."""
    lines: list[str] = []
    more: list[str] = []
    for line in (KIT / "Makefile").read_text(encoding="utf-8").splitlines():
        if line.startswith("##@ "):
            lines += ["", f"### {line[4:]}", "", "| command | what it does | variables |", "|---|---|---|"]
        elif line.startswith("#: "):
            more.append(line[3:])
        elif line.startswith("$(EXAMPLES):"):
            for number, example in EXAMPLES.items():
                text = f"example {number}: {example.title}"
                lines.append(row(f"ex{number}", text, [example.more] if example.more else [], example.options))
        elif found := re.match(r"([a-z][a-z0-9-]*):.*?## (.*?)((?: \[[^]]*\])*)$", line):
            lines.append(row(found[1], found[2], more, re.findall(r"\[([^]]*)\]", found[3])))
            more = []
    return "\n".join(lines[1:])


def must_be_true(name: str, default: str, code: str) -> None:
    """Exit 1 if the comment gives another default than the code: NAME=${NAME:-default}."""
    for real in re.findall(rf"^{name}=\$\{{{name}:-([^}}]*)\}}", code, re.M):
        if real.replace("$KIT/", "") != default:
            wrong(f"{name} is {real} by default, and its comment says {default}", f"correcting `## {name}=`")


def variables() -> str:
    """The table of the variables that every command knows."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for path in SETS_DEFAULTS:
        code = path.read_text(encoding="utf-8")
        for names, default, text, more in re.findall(r"^## ([A-Z_, ]+)=(.*?): (.*)\n((?:#: .*\n)*)", code, re.M):
            if default == "per example":
                default = default_per_example(names)
            else:
                must_be_true(names, default, code)
            what = sentence(text, more.replace("#: ", "").splitlines())
            named = ", ".join(f"`{name}`" for name in names.split(", "))
            lines.append(f"| {named} | {cell(default)} | {cell(what)} |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """The page with both tables as they should be."""
    for name, table in (("commands", commands()), ("variables", variables())):
        begin, end = f"<!-- {name}: made by make docs -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            wrong(f"docs/COMMANDS.md lacks the line {begin} or {end}", "git checkout docs/COMMANDS.md")
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return text


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    wanted = with_tables(text)
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(wanted, encoding="utf-8")
        print("docs/COMMANDS.md " + ("is as it was" if wanted == text else "is written"))
    elif wanted != text:
        wrong(
            "docs/COMMANDS.md is out of date: a comment in the Makefile or in scripts/ says something else", "make docs"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

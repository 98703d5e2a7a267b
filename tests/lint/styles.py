#!/usr/bin/env python3
"""Fails when the kit's own code prints a colour, or text that is dim, on a terminal.

Of the sixteen colours no one has 4.5:1 on black and on white in the usual palettes, and what dim is nobody knows. So
text has the terminal's own foreground, a sign or a word says what it means, and what matters is bold.
"""

import ast
import re
import sys
from pathlib import Path

ALLOWED = {"", "bold"}
# SGR sequences as Python and bash write them; 0 ends bold, which is 1.
SEQUENCE = re.compile(r"\\(?:033|x1b|e)\[([0-9;]*)m")
WORDS = "black|red|green|yellow|blue|magenta|cyan|white|grey|gray|dim|italic|underline|reverse|bright"
STYLE = re.compile(rf"(?:(?:bold|not|on|{WORDS})(?:_\w+)? ?)+|(?:on )?(?:#[0-9a-f]{{6}}|color\(\d+\))")
MARKUP = re.compile(r"\[([a-z][a-z_# ]*)\]")


def styles(tree: ast.AST) -> list[tuple[int, str]]:
    """The styles in a file that prints with rich: line and style."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts = [node.value, *MARKUP.findall(node.value)]
            found += [(node.lineno, text) for text in texts if STYLE.fullmatch(text)]
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        given = {keyword.arg for keyword in node.keywords}
        if name == "Console" and "no_color" not in given:
            found.append((node.lineno, "the colours of rich itself: Console(…, no_color=True)"))
        if name in ("Live", "Progress") and "console" not in given:
            found.append((node.lineno, f"the colours of rich itself: {name}(…, console=…)"))
    return found


wrong = []
for path in sorted([*Path("scripts").rglob("*.py"), *Path("scripts").rglob("*.sh"), *Path("scripts/bin").iterdir()]):
    text = path.read_text()
    found = [
        (number, f"SGR {code}")
        for number, line in enumerate(text.splitlines(), 1)
        for code in SEQUENCE.findall(line)
        if code not in ("0", "1")
    ]
    if path.suffix == ".py" and "from rich." in text:
        found += styles(ast.parse(text))
    wrong += [f"{path}:{number}: {style}" for number, style in found if style not in ALLOWED]
sys.exit("\n".join(wrong) if wrong else 0)

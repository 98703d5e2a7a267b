#!/usr/bin/env python3
"""Does every relative link of the documents lead to a file, and every #anchor to a heading? Prints those that do not.

links.py [FOLDER]     the folder of the kit (default: this one's). Exit 1 if a link leads nowhere.
"""

import re
import sys
from pathlib import Path

KIT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
PAGES = [
    page for pattern in ("*.md", "docs/*.md", "examples/*/*.md", "tests/*.md") for page in sorted(KIT.glob(pattern))
]
CODE = re.compile(r"^ *```.*?^ *```", re.M | re.S)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page: lower case, without punctuation, a hyphen for each space."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", CODE.sub("", page.read_text()), re.M):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found[name] = found.get(name, -1) + 1
        names.add(f"{name}-{count}" if count else name)
    return names


def why_not(page: Path, target: str) -> str | None:
    """What is wrong with a link; None if it is good, or leads out of the kit."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "there is no such file"
    if anchor and (file.suffix != ".md" or anchor not in anchors(file)):
        return f"{file.relative_to(KIT)} has no such heading"
    return None


bad = 0
for page in PAGES:
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", CODE.sub("", page.read_text()))):
        if why := why_not(page, target):
            print(f"{page.relative_to(KIT)}: {target}: {why}")
            bad = 1
sys.exit(bad)

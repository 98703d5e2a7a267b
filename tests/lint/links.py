#!/usr/bin/env python3
"""Do the links of the documents lead to files, their #anchors to headings, `a function` in `a file` to one, and do the
pictures have a text that says what they show? Prints what does not.

links.py [FOLDER]     the folder of the kit (default: this one's). Exit 1 if there is one.
"""

import re
import sys
from pathlib import Path

WORDS = 8  # that a picture's text has at least: fewer only name it
KIT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
PAGES = [
    page for pattern in ("*.md", "docs/*.md", "examples/*/*.md", "tests/*.md") for page in sorted(KIT.glob(pattern))
]
IN_A_FILE = re.compile(r"((?:`\w+`(?:, | and )?)*)(?: in )?`((?:scripts|workshop_kit|durable)/[\w/.]+\.(?:py|sh))`")
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


def not_there(text: str) -> list[str]:
    """What the text says to be in a file of ours, as "`announce` in `workshop_kit/launch/ready.py`", and is not."""
    missing = []
    for names, path in IN_A_FILE.findall(text):
        if "NAME" in path:  # any of them
            continue
        file = next((f for f in (KIT / path, KIT / "scripts" / "pythonpath" / path) if f.is_file()), None)
        if not file:
            missing.append(f"there is no {path}")
            continue
        code = file.read_text()
        for name in re.findall(r"`(\w+)`", names):
            if not re.search(rf"^ *(?:async )?(?:def|class) {name}\b|^{name}\(\)", code, re.M):
                missing.append(f"{path} has no {name}")
    return missing


def without_words(text: str) -> list[str]:
    """The pictures that somebody who cannot see them would only know the names of."""
    pictures = [(alt, file) for alt, file in re.findall(r"!\[([^]]*)\]\(([^)\s]+)", text)]
    pictures += [
        (alt, tag) for tag in re.findall(r"<img[^>]*>", text) for alt in re.findall(r'alt="([^"]*)"', tag) or [""]
    ]
    return [f"{file}: its text has to say what it shows: {alt!r}" for alt, file in pictures if len(alt.split()) < WORDS]


bad = 0
for page in PAGES:
    for why in not_there(page.read_text()) + without_words(CODE.sub("", page.read_text())):
        print(f"{page.relative_to(KIT)}: {why}")
        bad = 1
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", CODE.sub("", page.read_text()))):
        if why := why_not(page, target):
            print(f"{page.relative_to(KIT)}: {target}: {why}")
            bad = 1
sys.exit(bad)

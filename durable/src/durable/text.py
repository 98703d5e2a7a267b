"""Texts of others for a person's terminal. Standard library only."""

import unicodedata

LINES = "\n\t"  # to keep of a text that may have several lines
JOINER = "\u200d"  # makes one emoji of two, and elsewhere hides what stands on its two sides
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters, signs and marks without a picture


def printable(text: object, keep: str = "") -> str:
    """The text with � for each character that steers a terminal or that nobody sees: escape sequences, line breaks,
    directions, marks without a width. Spaces of all kinds are one space each.

    Anyone who may submit runs chooses their names, keys and states; a task server names itself and its host.
    keep: characters that stay, such as LINES.
    """
    said = str(text)
    if said.isascii() and said.isprintable():
        return said
    return "".join(each if each in keep else _shown(each, said[place - 1 : place], said[place + 1 : place + 2])
                   for place, each in enumerate(said))  # fmt: skip


def _shown(each: str, before: str, after: str) -> str:
    if each == JOINER:
        return each if _joins(before) and after and unicodedata.category(after) == "So" else "�"
    if unicodedata.category(each) == "Zs":
        return " "
    return each if each.isprintable() and each not in INVISIBLE else "�"


def _joins(before: str) -> bool:
    """Whether an emoji may end with it: with its picture, its colour of skin or its mark as one."""
    return bool(before) and (before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk"))

"""The code of what make doctor has found: learners send it, and the instructor reads all of them from a file.

Base32 without look-alikes: six characters of bits, one for each finding, and two of a checksum that finds any one wrong
character, and any two that were exchanged.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from workshop_kit.machine import Kind, Machine
from workshop_kit.workshop import fail

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("OIL", "011", "-")


def _in_base_32(number: int, length: int) -> str:
    return "".join(DIGITS[number >> 5 * place & 31] for place in reversed(range(length)))


def code_of(found: Iterable[Machine]) -> str:
    """ABCD-EFGH for these findings."""
    return _code(sum(1 << each.number - 1 for each in set(found)))


def _code(bits: int) -> str:
    text = _in_base_32(bits, 6) + _in_base_32(bits % 1021, 2)
    return f"{text[:4]}-{text[4:]}"


def bits_of(code: str) -> int | None:
    """The bits of a code as somebody has typed it; None if it is mistyped."""
    text = code.upper().translate(_LOOK_ALIKES)
    if len(text) != 8 or set(text) - set(DIGITS):
        return None
    bits = sum(DIGITS.index(digit) << 5 * place for place, digit in enumerate(reversed(text[:6])))
    return bits if _code(bits) == f"{text[:4]}-{text[4:]}" else None


def read(path: Path) -> int:
    """Say who of a file of lines `name code` is not ready, why, and the remedy.

    Returns the exit code: 0 if all are ready, 1 if not, 2 if a code is mistyped.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        fail(
            f"there is no file {path} to read codes from",
            "make doctor CODES=FILE, with a line `name code` for each laptop",
        )
    ready = everybody = mistyped = 0
    notes: Counter[Machine] = Counter()
    for line in lines:
        typed = "".join(each for each in " ".join(line.split()) if each.isprintable())
        if not typed:
            continue
        name, _, code = typed.rpartition(" ")
        bits = bits_of(code)
        if bits is None:
            print(
                f"error: '{typed[:300]}' does not end with a code of make doctor. Try: ask for it again",
                file=sys.stderr,
            )
            mistyped += 1
            continue
        everybody += 1
        found = [finding for finding in Machine if bits >> finding.number - 1 & 1]
        broken = [(each.shown, each.remedy_shown) for each in found if each.kind is Kind.BROKEN]
        notes.update(each for each in found if each.kind is Kind.NOTE)
        if bits >> max(finding.number for finding in Machine):
            broken.append(("something that this kit does not know", "use the same version of the kit on both machines"))
        if not broken:
            ready += 1
            continue
        print(f"✗ {name.removesuffix(':') or code} is not ready")
        for sentence, remedy in broken:
            print(f"    ✗ {sentence}\n        {remedy}")
    for finding, number in notes.most_common():
        print(f"! {number} of {everybody}: {finding.shown}\n    {finding.remedy_shown}")
    print(f"{ready} of {everybody} are ready")
    return 2 if mistyped else int(ready < everybody)

"""Asks the running example a question, with the lesson's own ask.py.

Q=…   the question, exactly as typed; - reads standard input
Exit 0: answered; 1: failed; 2: bad input, or an example that takes none is running; 3: the server is away.
"""

import os
import sys

from workshop_kit import examples, workshop
from workshop_kit.needs import Needs

NEEDS = Needs(takes="make ask")


def main() -> None:
    question = os.environ.get("Q", "")
    if not question.strip():
        workshop.fail("Q is empty", "make ask Q='What is the meaning of life?'")
    lesson = examples.taking("make ask").folder / "ask.py"
    # Without -P: it imports what is beside it.
    os.execv(sys.executable, [sys.executable, str(lesson), "--", question])  # noqa: S606


if __name__ == "__main__":
    main()

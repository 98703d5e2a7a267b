"""Single keys from a terminal, for the screens that stay: make learn, make room."""

import contextlib
import os
import select
import termios
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def raw_keys() -> Iterator[None]:
    """One key is one key, and none shows. Ctrl-C stays Ctrl-C."""
    before = termios.tcgetattr(0)
    tty.setcbreak(0)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # its window was closed
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def pressed(seconds: float) -> str | None:
    """The keys that come within so many seconds; None when the terminal is gone."""
    if not select.select([0], [], [], seconds)[0]:
        return ""
    try:
        return os.read(0, 64).decode(errors="replace") or None
    except OSError:
        return None

"""What the port tells people, on its terminal."""

from contextlib import suppress

from durable.text import printable


def say(line: str) -> None:
    """A line for people. A terminal or a pipe that is gone is no reason to stop."""
    with suppress(OSError):
        print(printable(line), flush=True)

"""What an example prints: whole lines, to a terminal that may be closed before the example has ended."""

import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO

from durable.text import printable

# What some programs print into a pipe, too: Flask writes "Press CTRL+C to quit" in yellow.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()].|.)?")
BOLD = re.compile(r"(\x1b\[[01]m)")
BEGINS, ENDS = "\x1b[1m", "\x1b[0m"
SOON = 0.7  # seconds after which the beginning of a line is shown, without its end


class Output:
    """Standard output that outlives its terminal: when that is closed, the example still ends in good order."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # honcho prints in its signal handlers, which may interrupt a print
        self.of_thread = threading.local()

    def write(self, text: str) -> int:
        """Whole lines only: print() writes a line and its end apart, and two threads of ours print."""
        line = self.of_thread.line = getattr(self.of_thread, "line", "") + text
        if line.endswith("\n"):
            self.of_thread.line = ""
            try:
                with self.lock:
                    sys.stdout.write(line)
            except OSError:
                self.closed()
        return len(text)

    def flush(self) -> None:
        try:
            sys.stdout.flush()
        except OSError:
            self.closed()

    def isatty(self) -> bool:
        return sys.stdout.isatty()

    def shows_bold(self) -> bool:
        return self.isatty() and os.environ.get("TERM", "dumb") != "dumb"  # see env.sh

    def closed(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still printed goes nowhere
        os.kill(os.getpid(), signal.SIGHUP)

    def watch(self) -> None:
        """End the example when the terminal is closed. SIGHUP alone is not enough: where make is the terminal's first
        program (ssh -t, a tmux pane), only make gets it, and make waits for us.
        """
        poll = select.poll()
        poll.register(1, select.POLLHUP)  # and nothing else. Linux would tell unasked
        if any(event & select.POLLHUP for _, event in poll.poll()):
            self.closed()


terminal = Output()


def say(text: str) -> None:
    print(text, file=terminal, flush=True)


def without_colours(line: bytes, bold: bool) -> str:
    """In the terminal's own foreground, and steering it in no way. bold: whether it shows what is bold, which stays so.

    A process prints what others wrote: the names of runs, and in its messages whatever they were called with.
    """
    parts = BOLD.split(line.decode(errors="replace"))  # every second one is a beginning or an end of what is bold
    plain = [printable(ESCAPES.sub("", part), keep="\t") for part in parts[::2]]
    marks = [*(parts[1::2] if bold else [""] * len(parts[1::2])), ""]
    if marks[-2:-1] == [BEGINS]:  # the next line is another one's
        marks[-1] = ENDS
    return "".join(text + mark for text, mark in zip(plain, marks, strict=True))


def whole_lines(output: IO[bytes]) -> Iterator[bytes]:
    """What a process prints, a line each, without its end; and what there is of one that has none yet (dots, a bar).

    Where a line is written over itself, as a progress bar is, that is its last step.
    """
    rest, since = b"", 0.0  # the beginning of a line, and since when it is here
    more = True
    while more:
        left = max(0.0, since + SOON - time.monotonic()) if rest.strip(b"\r") else None
        came = bool(select.select([output], [], [], left)[0])
        text = os.read(output.fileno(), 65536) if came else b""
        more = bool(text) or not came
        if not rest or b"\n" in text:
            since = time.monotonic()
        *lines, rest = (rest + text).split(b"\n")
        if not text and rest.strip(b"\r"):  # the rest of that line did not come soon, or never will
            lines, rest = [rest], b""
        for line in lines:
            yield next((step for step in reversed(line.split(b"\r")) if step), b"")

"""What an example prints: whole lines, to a terminal that may be closed before the example has ended."""

import os
import re
import select
import signal
import sys
import threading
import time
from typing import IO, Any

import honcho.process

# What some programs print into a pipe, too: Flask writes "Press CTRL+C to quit" in yellow.
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()].|.)?")
SOON = 0.7  # seconds after which the beginning of a line is shown, without its end


class Terminal:
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


terminal = Terminal()


def say(text: str) -> None:
    print(text, file=terminal, flush=True)


def without_colours(line: bytes) -> bytes:
    """In the terminal's own foreground. What is bold stays so, where the terminal shows it."""
    kept = (b"\x1b[1m", b"\x1b[0m") if terminal.shows_bold() else ()
    return ESCAPES.sub(lambda found: found[0] if found[0] in kept else b"", line)


class Lines:
    """What a process prints, for honcho: whole lines, and what there is of one that has no end yet (dots, a bar).

    honcho itself shows nothing of a line until it ends, and of a progress bar each step as a line of its own.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.rest, self.since = b"", 0.0  # what is read and not given yet, and since when

    def readline(self) -> bytes:
        while b"\n" not in self.rest:
            left = max(0.0, self.since + SOON - time.monotonic()) if self.rest.strip(b"\r") else None
            if not select.select([self.file], [], [], left)[0]:
                break
            data = os.read(self.file.fileno(), 65536)
            if not data:
                break
            self.since = self.since if self.rest else time.monotonic()
            self.rest += data
        line, end, self.rest = self.rest.partition(b"\n")
        self.since = time.monotonic()
        steps = [step for step in line.split(b"\r") if step]  # each is written over the one before
        return without_colours(steps[-1] if steps else b"") + end

    def close(self) -> None:
        self.file.close()


class Child(honcho.process.Popen):
    """A process of an example, under honcho."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stdout = Lines(self.stdout)

"""What an example prints: whole lines, to a terminal that may be closed before the example has ended."""

import os
import select
import signal
import sys
import threading


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

    def closed(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still printed goes nowhere
        os.kill(os.getpid(), signal.SIGHUP)

    def watch(self) -> None:
        """End the example when the terminal is closed. SIGHUP alone is not enough: where make is the terminal's first
        program (ssh -t, a tmux pane), only make gets it, and make waits for us.
        """
        poll = select.poll()
        poll.register(1, 0)  # nothing but the hang-up
        if any(event & select.POLLHUP for _, event in poll.poll()):
            self.closed()


terminal = Terminal()


def say(text: str) -> None:
    print(text, file=terminal, flush=True)

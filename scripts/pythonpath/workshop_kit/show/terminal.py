"""A terminal that the demo player types into: an interactive bash in a pseudo-terminal.

After each command the shell reports its exit status with the escape sequence OSC 133;D, and the end of its prompt with
OSC 133;B, the convention by which terminal emulators find the prompts. So the player knows when a command has ended and
the audience sees the next prompt, without guessing from the text.
"""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import threading
from collections.abc import Callable, Sequence

from workshop_kit.waiting import within

BEFORE_PROMPT = "printf '\\033]133;D;%s\\007' $?"  # evaluated by bash
PROMPT = r"$ \[\e]133;B\a\]"  # scripts/shellrc ends its own in the same way
STATUS = re.compile(r"\x1b\]133;D;(\d+)\x07")
ENDED = re.compile(rf"{STATUS.pattern}.*?\x1b\]133;B\x07", re.S)
OSC = re.compile(r"\x1b\]133;[^\x07]*\x07")
BEGUN = re.compile(r"\x1b(?:\][^\x07]*|\[[0-9;?]*[ -/]*|[()]?)$")  # a sequence whose end is not there yet
ESCAPES = re.compile(r"\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]")


def plain(text: str) -> list[str]:
    """The lines without colours and cursor movements."""
    return re.sub(r"\r+\n", "\n", ESCAPES.sub("", text)).replace("\r", "\n").split("\n")


class Terminal:
    """One terminal. What it shows is kept; show(text) gets it as it comes while the terminal is in front."""

    def __init__(
        self, number: int, environment: dict[str, str], size: os.terminal_size, folder: str, prefix: Sequence[str] = ()
    ) -> None:
        """prefix: what begins the command of its shell, on another machine."""
        self.number = number
        self.text = ""  # everything that it has shown
        self.show: Callable[[str], None] | None = None
        self.seen = 0  # how much of it the audience has seen
        self.typed_at = 0  # where the last command begins
        self.running = ""  # the command that has not ended yet
        prompt = {"PS1": PROMPT, "WORKSHOP_PROMPT": BEFORE_PROMPT, "PROMPT_COMMAND": BEFORE_PROMPT}
        environment = {**environment, **prompt}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))
            shell = [*prefix, "bash", "--norc", "--noprofile", "-i"]
            os.execvpe(shell[0], shell, environment)  # noqa: S606, S607
        os.set_inheritable(self.fd, False)  # or the next terminal's shell keeps this one open
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        rest = ""
        while True:
            try:
                text = rest + decode(os.read(self.fd, 65536))
            except OSError:  # the shell has ended
                # Here, not in close(): what has the file's number next would be read here, and written to.
                closed, self.fd = self.fd, -1
                os.close(closed)
                return
            begun = BEGUN.search(text)
            text, rest = (text[: begun.start()], begun[0]) if begun else (text, "")
            if found := STATUS.search(text):  # a prompt begins a line, also after an output without an end of line
                before = ESCAPES.sub("", (self.text + text[: found.start()])[-500:]).rstrip("\r")
                if before and not before.endswith("\n"):
                    text = text[: found.start()] + "\r\n" + text[found.start() :]
            if show := self.show:  # shown before it is kept: who finds in the text that a command ended has seen that
                show(OSC.sub("", text))
            self.text += text
            if show:
                self.seen = len(self.text)

    def write(self, text: str) -> None:
        """Press these keys."""
        with contextlib.suppress(OSError):
            os.write(self.fd, text.encode())

    def enter(self, command: str) -> None:
        """Press Enter after a command that has been typed."""
        self.typed_at, self.running = len(self.text), command
        self.write("\n")

    def ended(self) -> int | None:
        """The exit status of the last command; None while it runs."""
        found = ENDED.search(self.text, self.typed_at)
        if found:
            self.running = ""
        return int(found[1]) if found else None

    def wait_for_prompt(self, seconds: float) -> bool:
        """Whether the last command ends within so many seconds."""
        return within(seconds, lambda: self.ended() is not None, every=0.02)

    def close(self, seconds: float) -> None:
        """Ctrl-C to what runs, up to so many seconds for it to end; then the terminal is closed."""
        if self.running and self.ended() is None:
            self.write("\x03")
            if not self.wait_for_prompt(seconds):
                print(f"terminal {self.number}: {self.running} did not end in {seconds:.0f} s", file=sys.stderr)
        # A bash that was just about to wait for a key overlooks SIGHUP, and stays.
        for number, patience in ((signal.SIGHUP, 2.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(OSError):
                os.kill(self.pid, number)
                within(patience, lambda: os.waitpid(self.pid, os.WNOHANG) != (0, 0), every=0.01)

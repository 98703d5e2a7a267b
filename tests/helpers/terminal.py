#!/usr/bin/env python3
"""A terminal for a test: terminal.py COMMAND… runs it in a pseudo-terminal and copies what it prints.

SIGUSR1 presses Ctrl-C in it. SIGTERM closes it, as closing its window would: its programs get SIGHUP, and writing to
it fails from then on. Ends with the command's exit code, or at once when it is closed.
"""

import os
import pty
import signal
import sys

pid, screen = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is the test's


def close(*_: object) -> None:
    os.close(screen)
    os._exit(0)


signal.signal(signal.SIGUSR1, lambda *_: os.write(screen, b"\x03"))
signal.signal(signal.SIGTERM, close)
while True:
    try:
        text = os.read(screen, 4096)
    except OSError:  # the last program in it has ended
        break
    if not text:
        break
    os.write(1, text.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

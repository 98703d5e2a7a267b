#!/usr/bin/env python3
"""What setsid and timeout do, also on macOS and on a trimmed PATH.

process.py session COMMAND…        runs it in a session, and so a process group, of its own
process.py limit SECONDS COMMAND…  the same, for so long at the most: then SIGTERM, 5 s later SIGKILL, exit 124
"""

import os
import signal
import subprocess
import sys

if sys.argv[1] == "session":
    os.setsid()
    # Started in the background, a shell's child ignores Ctrl-C; in a terminal it would not.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is the test's

command = subprocess.Popen(sys.argv[3:], start_new_session=True)
try:
    sys.exit(command.wait(timeout=float(sys.argv[2])))
except subprocess.TimeoutExpired:
    os.killpg(command.pid, signal.SIGTERM)
    try:
        command.wait(timeout=5)
    except subprocess.TimeoutExpired:
        os.killpg(command.pid, signal.SIGKILL)
    print(f"took more than {sys.argv[2]} s", file=sys.stderr)
    sys.exit(124)

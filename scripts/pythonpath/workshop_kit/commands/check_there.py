#!/usr/bin/env python3
"""make status on a machine that has joined another: does it answer, and do the task servers of this one serve there?

Exit 0: ready; 1: not ready yet; 2, with one line: that machine does not answer.
"""

import os
import sys

from durable.text import printable
from workshop_kit import http_client, state_files, workshop
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(joined=True)


def main() -> int:
    there, name = os.environ["JOINED_THERE"], os.environ["JOINED_NAME"]
    try:
        sessions = http_client.call("GET", f"{settings().joined}/durable/sessions")
    except OSError as error:
        workshop.fail(f"{there} does not answer ({error})", "make status again, or make status there")
    serving = [each["machine"] for each in sessions if each["server"]]
    mine, kept = serving.count(name), len(state_files.children("task_server"))
    joined = f"{len(serving)} task server(s) have joined it, {mine} of this machine, {name}"
    print(printable(f"  {there:13} answers; {joined}"))
    print("ready" if mine >= kept else "not ready yet")
    return 0 if mine >= kept else 1


if __name__ == "__main__":
    sys.exit(main())

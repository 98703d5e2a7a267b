#!/usr/bin/env python3
"""make status on a machine that has joined another: does that one answer? Exit 0 if so, otherwise 2 with one line."""

import os

from workshop_kit import http_client, workshop
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(joined=True)


def main() -> None:
    there = os.environ["JOINED_THERE"]
    try:
        sessions = http_client.call("GET", f"{settings().joined}/durable/sessions")
    except OSError as error:
        workshop.fail(f"{there} does not answer ({error})", "make status again, or make status there")
    print(f"  {there:13} answers; {sum(bool(each['server']) for each in sessions)} task server(s) have joined it")
    print("ready")


if __name__ == "__main__":
    main()

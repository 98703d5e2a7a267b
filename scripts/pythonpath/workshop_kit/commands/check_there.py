#!/usr/bin/env python3
"""make status on a machine that has joined another: does that one answer? Exit 0 if so; if not, joined.py says it."""

import os

from workshop_kit import workshop

there = os.environ["JOINED_THERE"]
others = [session for session in workshop.call("GET", f"{workshop.JOINED}/durable/sessions") if session["server"]]
print(f"  {there:13} answers; {len(others)} task server(s) of other machines serve there")
print("ready")

#!/usr/bin/env python3
"""Asks example 5 a question and follows it to its answer: python ask.py "What is the meaning of life?"

`-` reads the question from standard input. Exit 0: answered; 1: failed, or no answer in time; 2: wrong usage; 3: the
server is unreachable. After a timeout or Ctrl-C the question goes on without us.
"""

import argparse
import os
import sys
import time

LOOK = 0.2  # seconds between looks at the answer


def end(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


def ask(session, server, question, seconds):
    began = time.monotonic()
    answer = session.post(f"{server}/question", json={"question": question}, timeout=10)
    body = answer.json()
    if answer.status_code != 202:
        end(3 if answer.status_code >= 500 else 2, f"error: {body['detail']}. Try: make ask Q='…', make status")
    print(f"asked    {body['task_run_id']}\n         {body['ui']}", flush=True)
    address, state = server + body["follow"], None
    while time.monotonic() - began < seconds:
        answer = session.get(address, timeout=10)
        body = answer.json()
        if body.get("state") not in (None, state):
            state = body["state"]
            print(f"{time.monotonic() - began:6.1f} s {state}", flush=True)
        if answer.status_code == 503:
            end(3, f"error: {body['detail']}. Try: make status, then {address}")
        if answer.status_code == 200:
            print(f"\n{body['answer']}\n")
            print(f"answered by {body['answered_by']}; tone: {body['tone']}")
            if body["note"]:
                print(f"note: {body['note']}")
            return 0
        if answer.status_code != 202:
            end(1, f"failed: {body.get('message') or body.get('detail')}")
        time.sleep(LOOK)
    end(1, f"no answer in {seconds:g} s; it goes on: {address}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", help="what to ask; - reads standard input")
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS", help="how long to wait (default 180)")
    options = parser.parse_args()
    server = os.environ.get("WEB_URL") or f"http://127.0.0.1:{os.environ.get('WEB_PORT')}"
    try:
        import requests
    except ImportError:
        server = "None"
    if server.endswith("None"):
        end(2, "error: this is not the kit's environment. Try: make ask Q='…', or make shell and python ask.py '…'")
    try:
        question = sys.stdin.buffer.read().decode() if options.question == "-" else options.question
    except UnicodeError:
        end(2, "error: the question is not UTF-8. Try: make ask Q='…'")
    with requests.Session() as session:
        session.trust_env = False  # no proxy for this machine
        try:
            return ask(session, server, question, options.timeout)
        except (requests.RequestException, ValueError):
            end(3, f"error: {server} does not answer. Try: make status, make ex5")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        end(130, "\nleft; the question goes on without us: make runs")

#!/usr/bin/env python3
"""Many rounds of chaos against one example, each with another seed, in a WORKSHOP_HOME and on ports of its own.

N=20         how many rounds
SEED=1       the first seed
SECONDS=30   how long a round breaks things
Ends with the figures of all rounds. Exit 1 if a run was lost, or doubled while it was alive.
"""

import json
import os
from collections import Counter
from pathlib import Path

from workshop_kit import examples, workshop
from workshop_kit.chaos.score import in_words
from workshop_kit.launch import unattended

KEPT = ("DB", "GRACE", "MAX_RESCUES", "RESCUE", "TUNED")  # of the settings that somebody has typed
ENDING = 600  # seconds that a round may take after its faults


def main() -> int:
    rounds = workshop.whole_number("N", 20, 1, 1000)
    first = workshop.whole_number("SEED", 1, 0, 999_999_999)
    os.environ["SECONDS"] = os.environ.get("CHAOS_SECONDS", "")  # see the Makefile
    seconds = workshop.whole_number("SECONDS", 30, 5, 3600)
    together: Counter[str] = Counter()
    bad = 0
    ex = examples.first(lambda each: each.chaos).number
    with unattended.own_kit("chaos", KEPT) as kit:
        written = Path(kit.environment["WORKSHOP_HOME"], "figures.json")
        kit.environment["WORKSHOP_FIGURES"] = str(written)
        try:
            with kit.running(f"ex{ex} SERVERS=3"):
                for seed in range(first, first + rounds):
                    try:
                        kit.make(f"chaos N={seconds * 5} SECONDS={seconds} SEED={seed}", seconds + ENDING)
                    except unattended.Broken as broken:
                        bad += 1
                        print(broken.args[1], end="", flush=True)
                    if written.exists():
                        figures = json.loads(written.read_text())
                        written.unlink()
                        together.update(figures)
                        print(f"seed {seed}: {in_words(figures)}", flush=True)
        except unattended.Broken as broken:
            workshop.fail(f"example {ex} did not start: {broken.args[1][-200:]}", "make doctor")
    print(f"{rounds} rounds: {in_words(together)}")
    return 1 if bad else 0


if __name__ == "__main__":
    workshop.run_in_good_order(main, "left")

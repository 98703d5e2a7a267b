"""Simulates schedules by seed; prints the steps of each that breaks a promise, cut down to those that it needs.

python -m simulation [--seeds N] [--seed FIRST]     in durable/tests; exit 1 if there is one
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from simulation.world import shortest, simulate

TOGETHER = 500  # schedules a piece of work
SHOWN = 3  # failing seeds of which the steps are shown


def failing(first: int, number: int) -> list[int]:
    """The seeds that break a promise."""
    return [seed for seed in range(first, first + number) if simulate(seed)]


def whole_number(text: str) -> int:
    """For argparse: not negative, and small enough for all seeds to be tried."""
    value = int(text)
    if not 0 <= value < 10**12:
        raise ValueError
    return value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=whole_number, default=100_000, help="how many schedules (100000)")
    parser.add_argument("--seed", type=whole_number, default=0, help="the first one (0)")
    options = parser.parse_args(arguments)
    first, end, began = options.seed, options.seed + options.seeds, time.monotonic()
    wrong: list[int] = []
    if options.seeds <= TOGETHER:  # not worth other processes
        wrong = failing(first, options.seeds)
    else:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            pieces = [(start, min(TOGETHER, end - start)) for start in range(first, end, TOGETHER)]
            for done, found in enumerate(pool.map(failing, *zip(*pieces, strict=True)), 1):
                wrong += found
                if done % 20 == 0:
                    print(f"{done * TOGETHER:,} of {options.seeds:,}: {len(wrong)} broke a promise", flush=True)
    for seed in wrong[:SHOWN]:
        steps = shortest(seed)
        print(f"seed {seed}: {simulate(seed, steps)}", *steps, sep="\n  ")
        print(f"  again: --seeds 1 --seed {seed}")
    took = time.monotonic() - began
    print(f"{options.seeds:,} schedules in {took:.0f} s, from seed {first}: {len(wrong)} broke a promise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

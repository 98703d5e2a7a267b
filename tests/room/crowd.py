#!/usr/bin/env python3
"""Learners of a room who are not there: each joins, and tells its example and step by connections of its own.

crowd.py HOST:PORT LEARNERS SECONDS EVERY    the code in JOIN_CODE; each tells something every EVERY seconds, and one in
                                             ten calls. Prints how long the answers took, and, for a room on this
                                             machine, ROOM_PID, what it cost.
"""

import os
import random
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from durable import joining
from workshop_kit import in_room

Answer = TypeVar("Answer")


def until(end: float, ask: Callable[[], Answer]) -> Answer:
    """What is answered; a room that is busy says "again in a few seconds", and so is asked again, as people do.

    Raises NotJoined for anything else, and when the end (of time.monotonic()) comes first.
    """
    while True:
        try:
            return ask()
        except joining.NoAnswer:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def learn(at: str, name: str, end: float, every: float, took: list[float], failed: list[str]) -> None:
    chance = random.Random(name)  # noqa: S311 - the same crowd each time
    time.sleep(chance.uniform(0, every))
    try:
        stranger, password = until(end, lambda: joining.verify_port(at, os.environ["JOIN_CODE"], in_room.PORT))
        body = {"password": password, "me": name, "protocol": in_room.PROTOCOL}
        answer = until(end, lambda: joining.exchange_password(stranger, "/room/join", body))
        there = replace(stranger, token=answer["token"])
        number = 0
        while time.monotonic() < end:
            number += 1
            line = {"n": number, "ex": 2, "step": min(number, 7)}
            if number % 10 == 0 and chance.random() < 0.5:
                line |= {"call": 1, "finding": chance.choice([219, 227, 243, 252])}
            begin = time.monotonic()
            status, said = until(end, partial(there.request, "POST", "/room/told", [line]))
            took.append(time.monotonic() - begin)
            if status != 200:
                failed.append(f"{status} {said}")
            time.sleep(every * chance.uniform(0.5, 1.5))
    except joining.NotJoined as error:
        failed.append(str(error))


def spent(pid: str) -> float:
    """Seconds of CPU that a process has used; 0 where that cannot be known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    at, learners, seconds, every = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    took: list[float] = []
    failed: list[str] = []
    pid = os.environ.get("ROOM_PID", "")
    before, begin = spent(pid), time.monotonic()
    end = begin + seconds
    threads = [
        threading.Thread(target=learn, args=(at, f"learner {number}", end, every, took, failed))
        for number in range(1, learners + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, longest = statistics.median(took), max(took)
    print(f"{learners} learners, {len(took)} messages, {len(failed)} failed; an answer took {median:.3f} s (median),")
    print(f"{longest:.3f} s (longest)")
    if pid:
        share = (spent(pid) - before) / (time.monotonic() - begin)
        memory = re.search(r"VmRSS:\s+([0-9]+)", Path(f"/proc/{pid}/status").read_text())
        print(f"the room: {share:.1%} of a core, {int(memory[1]) // 1000 if memory else 0} MB")
    print(*failed[:3], sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

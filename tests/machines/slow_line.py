#!/usr/bin/env python3
"""For ex7_network.bats: a slow line between two network namespaces, packet by packet. Not every kernel has netem.

slow_line.py NAMESPACE-A NAMESPACE-B ROUND-TRIP-SECONDS     10.98.0.1 and 10.98.0.2; after SIGUSR1 it loses 1 %
"""

import fcntl
import heapq
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # of linux/if_tun.h
DELAY = float(sys.argv[3]) / 2
LOSS = 0.01
dice = random.Random(7)  # noqa: S311
losing = False
lost = passed = 0


def end_of_line(number: int, namespace: str) -> int:
    """A network device there, whose packets are read and written here."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    name = f"slow{os.getpid()}-{number}"[:15]
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    inside = ["ip", "-n", namespace]
    for command in (
        ["ip", "link", "set", "dev", name, "netns", namespace],
        [*inside, "link", "set", "dev", name, "name", "slow0"],
        [*inside, "addr", "add", f"10.98.0.{number}/24", "dev", "slow0"],
        [*inside, "link", "set", "dev", "slow0", "up"],
    ):
        subprocess.run(command, check=True)
    return device


def lose(*_: object) -> None:
    global losing
    losing = True


signal.signal(signal.SIGUSR1, lose)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ends = [end_of_line(number, namespace) for number, namespace in enumerate(sys.argv[1:3], 1)]
other = {ends[0]: ends[1], ends[1]: ends[0]}
on_the_way: list[tuple[float, int, int, bytes]] = []  # when it arrives, its number, where, the packet
print("the line is up", flush=True)
try:
    while True:
        patience = max(0.0, on_the_way[0][0] - time.monotonic()) if on_the_way else 1.0
        for end in select.select(ends, [], [], patience)[0]:
            packet = os.read(end, 65536)
            passed += 1
            if losing and dice.random() < LOSS:
                lost += 1
            else:
                heapq.heappush(on_the_way, (time.monotonic() + DELAY, passed, other[end], packet))
        while on_the_way and on_the_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(on_the_way)
            os.write(end, packet)
finally:
    print(f"{lost} of {passed} packets were lost", flush=True)

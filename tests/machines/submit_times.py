#!/usr/bin/env python3
"""For ex7_network.bats, on a machine that has joined: how long each submit takes, in seconds.

submit_times.py FOLDER-OF-THE-EXAMPLE N      prints the number of submits, p50, p95 and the quickest
"""

import logging
import sys
import time

sys.path.insert(0, sys.argv[1])
logging.getLogger("prefect.tasks").setLevel(logging.WARNING)
import task_server  # noqa: E402

task_server.greet.delay("the first, which connects")
took = []
for number in range(int(sys.argv[2])):
    began = time.monotonic()
    task_server.greet.delay(f"Ford {number}")
    took.append(time.monotonic() - began)
took.sort()
p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
print(f"{len(took)} submits: p50 {p50:.3f} p95 {p95:.3f} quickest {took[0]:.3f}")

#!/usr/bin/env python3
"""For `make bench PEERS=1`: the same one-line task in Celery, which only queues: no states, events, UI or results kept.

celery_peer.py N      submits N and prints one line of JSON; the worker is `celery -A celery_peer worker`
"""

import json
import os
import sys
import time

from celery import Celery

app = Celery("celery_peer", broker=os.environ["CELERY_URL"], backend=os.environ["CELERY_URL"])


@app.task
def greet(name: str) -> str:
    print(f"Hello, {name}!")
    return f"Hello, {name}!"


if __name__ == "__main__":
    number = int(sys.argv[1])
    greet.delay("the first, to warm up").get(timeout=60)
    began = time.perf_counter()
    results = [greet.delay(f"name {count}") for count in range(number)]
    for result in results:
        result.get(timeout=60)
    print(json.dumps({"rate": number / (time.perf_counter() - began)}))

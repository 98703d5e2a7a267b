#!/usr/bin/env python3
"""Submits example 4's tasks again for a user who has been signed up, from whatever folder this is run in.

signup_tasks_again.py FOLDER USER-ID EMAIL   prints a line a task: its name, the state it ended in, its result
"""

import sys
import time

from prefect.client.orchestration import get_client

sys.path.insert(0, sys.argv[1])
import signup_tasks

futures = {what: task.delay(*sys.argv[2:]) for what, task in signup_tasks.TASKS.items()}
# future.wait() of 3.9.1 does not hear of a run that ends Cached: it knows no event of such a name (task_runs.py).
with get_client(sync_client=True) as client:
    for what, future in futures.items():
        while not (state := client.read_task_run(future.task_run_id).state) or not state.is_final():
            time.sleep(0.1)
        print(what, state.name, "" if state.is_cancelled() else state.result())

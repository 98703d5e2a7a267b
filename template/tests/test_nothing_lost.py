"""Two hundred runs, while task servers and the Prefect server are killed: none is lost."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from my_service import store
from my_service.dev import API, WEB, Stack

USERS, LONGEST, QUIET = 67, 180, 25  # with three runs each; seconds, of which an idle machine needs 25 in all


def count(**chosen: dict[str, Any]) -> int:
    return int(httpx.post(f"{API}/task_runs/count", json={"task_runs": chosen}, timeout=30).raise_for_status().text)


def sign_up(number: int, end: float) -> Any:
    user = {"email": f"user-{number}@example.com", "name": "U"}
    while (answer := httpx.post(f"{WEB}/users", json=user, timeout=60)).status_code != 201:  # 503: again, later
        assert time.monotonic() < end
        time.sleep(0.3)
    return answer.json()


def test_no_run_is_lost_when_task_servers_and_the_prefect_server_are_killed(stack: Stack) -> None:
    end, under_way = time.monotonic() + LONGEST, {"type": {"any_": ["RUNNING"]}}
    with ThreadPoolExecutor(4) as pool:
        users = [pool.submit(sign_up, number, end) for number in range(USERS)]
        for name, after in (("task-server-1", 10), ("prefect", 25), ("task-server-2", 40)):
            while sum(user.done() for user in users) < after or count(state=under_way) < 3:
                assert time.monotonic() < end
                time.sleep(0.05)
            os.kill(stack.processes[name].pid, signal.SIGKILL)
            while not stack.ready() and time.monotonic() < end:
                time.sleep(0.2)
    runs = [run for user in users for run in user.result()["runs"].values()]
    done, last = 0, time.monotonic()
    while done < len(runs) and time.monotonic() - last < QUIET:  # until none has ended for so long
        time.sleep(0.5)
        if (now := count(id={"any_": runs}, state={"type": {"any_": ["COMPLETED"]}})) > done:
            done, last = now, time.monotonic()
    assert done == len(runs), f"{len(runs) - done} of {len(runs)} runs are lost"
    assert all(len(store.done_for(user.result()["id"])) == 3 for user in users)

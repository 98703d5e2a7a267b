"""The tasks as plain functions, without a Prefect server; then the API and the retention, with all of it running."""

import asyncio
import logging
import time

import httpx
import pytest
from my_service import STORAGE, store, tasks
from my_service.dev import WEB, Stack
from my_service.housekeeper import delete_old

from durable import later

ALL = ["enrolment", "welcome", "workspace"]


def test_the_effect_is_there_once_however_often_a_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "get_run_logger", logging.getLogger)  # outside of a run Prefect has none for it
    with store.new_user("ford@example.com", "Ford") as user_id:
        pass
    for _ in range(2):
        assert sorted(job.fn(user_id, "ford@example.com") for job in tasks.TASKS.values()) == ALL
    assert store.done_for(user_id) == ALL


def test_an_address_is_one_users_and_a_sign_up_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError), store.new_user("trillian@example.com", "Trillian") as user_id:
        with pytest.raises(store.AddressTaken), store.new_user("trillian@example.com", "Trillian"):
            pass
        raise KeyError
    monkeypatch.setattr(store, "wait_for", lambda user_id: False)  # which would take 5 s
    assert tasks.send_welcome.fn(user_id, "trillian@example.com").startswith("nothing")
    with store.new_user("trillian@example.com", "Trillian"):
        assert store.done_for(user_id) == []


def sign_up(**given: str) -> httpx.Response:
    """The answer, once all its runs are Completed."""
    user, end = {"email": "zaphod@example.com", "name": "Zaphod"} | given, time.monotonic() + 20
    answer = httpx.post(f"{WEB}/users", json=user, timeout=10)
    for run in answer.json().get("runs", {}).values():
        while httpx.get(f"{WEB}/runs/{run}").json().get("state") != "Completed":
            assert time.monotonic() < end
    return answer


def test_a_sign_up_answers_with_three_runs_which_complete_and_some_are_refused(stack: Stack) -> None:
    answer = sign_up()
    assert (answer.status_code, sorted(answer.json()["runs"])) == (201, ALL)
    assert sign_up().status_code == 409
    for wrong in ({"email": "none"}, {"name": ""}, {"name": "a\nb"}, {"more": "1"}):
        assert sign_up(**wrong).status_code == 422
    assert httpx.get(f"{WEB}/runs/{'0' * 32}").status_code == 404


def test_a_run_is_cancelled_unless_it_has_ended(stack: Stack) -> None:
    waits = later(tasks.send_welcome, "nobody", "arthur@example.com", seconds=60).task_run_id
    answer = httpx.delete(f"{WEB}/runs/{waits}", timeout=10)
    assert (answer.status_code, answer.json()) == (202, {"state": "Cancelled"})
    ended = sign_up(email="arthur@example.com").json()["runs"]["welcome"]
    assert httpx.delete(f"{WEB}/runs/{ended}").status_code == 409
    assert httpx.delete(f"{WEB}/runs/{'0' * 32}").status_code == 404


def test_old_runs_go_with_their_files_and_new_ones_stay(stack: Stack) -> None:
    assert sign_up(email="marvin@example.com").is_success
    before = set(STORAGE.rglob("*"))  # a file of parameters and one of the result for each run, and a folder
    assert asyncio.run(delete_old(1)) == 0 and before == set(STORAGE.rglob("*")) and len(before) >= 7
    assert asyncio.run(delete_old(0)) >= 3 and set(STORAGE.rglob("*")) == {STORAGE / "parameters"}

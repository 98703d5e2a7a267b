"""Example 4: what happens after a signup, as three background tasks, and the task server that runs them.

Each may be tried, or run, more than once, and its effect still happens once.
"""

import os
import time

import httpx
from prefect import task
from prefect.cache_policies import INPUTS
from prefect.states import Cancelled

import users
import welcome
from durable import keyed, serve  # durable/: a package to take along

# After a failure: again, later, and later still. The jitter keeps a crowd of retries from coming back at once.
# (No timeout_seconds: Prefect cannot interrupt a thread. Instead every call below has a timeout of its own.)
again_later = {
    "retries": 8,
    "retry_delay_seconds": [0.2, 0.5, 1, 1, 2, 2, 2, 2],
    "retry_jitter_factor": 0.5,
}


def no_such_user():
    """Made again each time: a state is one moment of one run."""
    return Cancelled(message="the signup did not go through, so there is no such user")


@keyed("signups")
@task(task_run_name="Send confirmation email to {email}", **again_later)
def send_confirmation_email(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    if users.has_done(user_id, "email"):
        return "was sent before"
    # After a crash between these two lines it is sent again. So it has an id: a mailbox that knows it drops the second.
    welcome.send(user, message_id=f"<welcome.{user_id}@signups.example>")
    users.mark_done(user_id, "email")
    return "sent"


@keyed("signups")
@task(
    task_run_name="Enrol {email} in the onboarding flow",
    cache_policy=INPUTS,  # the same user again: answered from the cache, and marketing is not even asked
    **again_later,
)
def enrol_in_onboarding_flow(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    enrolment = {"user_id": user_id, "email": email, "flow": "onboarding"}  # idempotent: one of each user and flow
    answer = httpx.post(f"{os.environ['MARKETING_URL']}/enrolments", json=enrolment, timeout=5)
    return answer.raise_for_status().json()["id"]


@keyed("signups")
@task(task_run_name="Populate the workspace of {email}", **again_later)
def populate_workspace(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    for number in range(1, users.THINGS + 1):
        time.sleep(float(os.getenv("WORK_SECONDS", "0.3")) / users.THINGS)  # stands for real work
        users.add_thing(user_id, number)
    return users.THINGS


TASKS = {"email": send_confirmation_email, "marketing": enrol_in_onboarding_flow, "workspace": populate_workspace}

if __name__ == "__main__":
    serve(
        *TASKS.values(),
        limit=int(os.getenv("LIMIT", "10")),
        grace=float(os.getenv("GRACE", "30")),
        name=os.getenv("TASK_SERVER_NAME"),
        records=os.getenv("RECORDS"),
    )

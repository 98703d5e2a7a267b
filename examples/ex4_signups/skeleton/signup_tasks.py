"""Example 4: what happens after a signup, as three background tasks, and the task server that runs them.

Each may be tried, or run, more than once, and its effect still happens once.
"""

from prefect.states import Cancelled

import users

# 1. Import `task` from `prefect`; and from `durable`, the kit's package, `keyed` and `serve`.

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


# 2. Three tasks. Write @keyed("signups") above @task(task_run_name="… {email}", **again_later) above each function.
#    `keyed` gives a key that does not depend on the file's path, so that other machines and containers serve it too.
def send_confirmation_email(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    # 3. Return if users.has_done(user_id, "email"). Else welcome.send(user, message_id=…) and users.mark_done(…).
    #    A crash in between sends it again: with the same id for the same user, the mailbox drops the second.


# 4. Marketing is slow to answer and asked often: add cache_policy=INPUTS, from prefect.cache_policies.
def enrol_in_onboarding_flow(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    # 5. With httpx, post {"user_id", "email", "flow": "onboarding"} to MARKETING_URL (in os.environ) + "/enrolments",
    #    with a timeout. raise_for_status() makes a refusal a failure, which is tried again. Return the enrolment's id.


def populate_workspace(user_id: str, email: str):
    user = users.wait_for(user_id)
    if not user:
        return no_such_user()
    # 6. Call users.add_thing(user_id, number) for the numbers 1 to users.THINGS: the same number twice is one thing.


TASKS = {"email": send_confirmation_email, "marketing": enrol_in_onboarding_flow, "workspace": populate_workspace}

if __name__ == "__main__":
    # 7. In the place of the print, serve all of them: *TASKS.values(). Take limit, grace, name and records from
    #    LIMIT, GRACE, TASK_SERVER_NAME and RECORDS in the environment.
    print("Step 7 is to be written.")

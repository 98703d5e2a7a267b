"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

import os
from collections import Counter
from typing import Any

from workshop_kit import http_client
from workshop_kit.commands.live_checks import SPREAD, completed_runs
from workshop_kit.commands.promises import ENDED, check_spread, promise, rows_of
from workshop_kit.examples import Example
from workshop_kit.findings import Promise
from workshop_kit.settings import settings


def instead_of_runs(example: Example, servers: int) -> None:
    """What was promised to the newest users has happened, and once."""
    for service in example.services:
        promise(
            http_client.page(service.url)[0] == 200, Promise.SERVICE_ANSWERS(service.name, service.url), "make status"
        )
    code, page = http_client.page(settings().web + "/docs")
    promise(code == 200 and "https://" not in page, Promise.DOCS_OFFLINE(), "see examples/ex4_signups/api.py")
    promise(
        "Newest users" in http_client.page(settings().web + "/")[1],
        Promise.PAGE_THERE(settings().web),
        "make status",
    )
    users = [
        http_client.call("GET", f"{settings().web}/users/{user['id']}")
        for user in http_client.call("GET", settings().web + "/users")
    ]
    if not promise(bool(users), Promise.SOMEBODY_SIGNED_UP(len(users)), "make signup"):
        return
    states = [run["state"] for user in users for run in user["states"].values()]
    well = all(state in ("Completed", "Cached") for state in states)
    under_way = sum(state not in (*ENDED, "Completed", "Cached") for state in states)
    hint = f"{settings().web} shows which did not; with FAIL_RATE=1 they do not"
    if under_way:
        hint = f"{under_way} are under way, or wait for another try: make check again in a moment"
    promise(well, Promise.SIGNUPS_COMPLETED(len(states)), hint)
    ids = [run["id"] for user in users for run in user["states"].values()]
    promise(rows_of(ids) == len(ids), Promise.ROWS_OF_SIGNUPS(), "make db")
    if servers > 1 and len(ids) >= 20:
        check_spread(ids, "make signup N=20")
    again = "When it is fixed: make signup N=20, for the newest 20 are looked at"
    things = all(len(user["workspace"]) == 10 for user in users)
    promise(things, Promise.WORKSPACES(), f"look at populate_workspace. {again}")
    emails = Counter(mail["to"] for mail in http_client.call("GET", os.environ["INBOX_URL"] + "/messages"))
    promise(
        all(emails[user["email"]] == 1 for user in users),
        Promise.ONE_EMAIL(),
        f"{os.environ['INBOX_URL']} shows them; look at send_confirmation_email. {again}",
    )
    enrolled = Counter(one["user_id"] for one in http_client.call("GET", os.environ["MARKETING_PAGE"] + "/enrolments"))
    promise(
        all(enrolled[user["id"]] == 1 for user in users),
        Promise.ONE_ENROLMENT(),
        f"{os.environ['MARKETING_PAGE']} shows them; look at enrol_in_onboarding_flow. {again}",
    )


def emailed(ex: int, since: float) -> str:
    """The newest user got one email."""
    user, where = newest_user(ex, since), os.environ["INBOX_URL"]
    emails = http_client.call("GET", f"{where}/messages") if user else []
    found = sum(mail["to"] == user["email"] for mail in emails)
    return only_one(user, found, f"email ({where} shows them)")


def enrolled(ex: int, since: float) -> str:
    """The newest user is enrolled once."""
    user, where = newest_user(ex, since), os.environ["MARKETING_PAGE"]
    enrolments = http_client.call("GET", f"{where}/enrolments") if user else []
    return only_one(user, sum(one["user_id"] == user["id"] for one in enrolments), f"enrolment ({where} shows them)")


def populated(ex: int, since: float) -> str:
    """The newest user has a workspace of ten things."""
    if not (user := newest_user(ex, since)):
        return "nobody has signed up since"
    things = len(http_client.call("GET", f"{settings().web}/users/{user['id']}")["workspace"])
    return "" if things == 10 else f"the newest user has a workspace of {things} things, not 10"


def twenty(ex: int, since: float) -> str:
    """Twenty have signed up since, and each of the newest twenty got one email and is enrolled once."""
    done = completed_runs(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs of the email's task have completed"
    users = http_client.call("GET", f"{settings().web}/users?limit={SPREAD}")
    emails = [mail["to"] for mail in http_client.call("GET", os.environ["INBOX_URL"] + "/messages")]
    enrolled = [one["user_id"] for one in http_client.call("GET", os.environ["MARKETING_PAGE"] + "/enrolments")]
    once = sum(emails.count(user["email"]) == 1 == enrolled.count(user["id"]) for user in users)
    return (
        f"{once} of {len(users)} users got one email and one enrolment" if once < len(users) else populated(ex, since)
    )


def newest_user(ex: int, since: float) -> dict[str, Any]:
    """The newest of those who have signed up since; empty if nobody has."""
    if not completed_runs(ex, since):
        return {}
    users = http_client.call("GET", f"{settings().web}/users?limit=1")
    return users[0] if users else {}


def only_one(user: dict[str, Any], found: int, what: str) -> str:
    """Empty if that many are one."""
    if not user:
        return "nobody has signed up since"
    return "" if found == 1 else f"the newest user has {found or 'no'} {what}"

"""What a step promises of the live system, and whether it can be seen: the `seen` of steps.toml.

Each function returns an empty text if it is seen, else what is not there yet. since: seconds after 1970; what happened
before, when the step was not written yet, does not count. They raise OSError, ValueError or KeyError where somebody is
away or answers nonsense, which is: not seen.
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from workshop_kit import workshop
from workshop_kit.commands import check, example_records
from workshop_kit.examples import EXAMPLES

SPREAD = 20  # runs, of which two task servers must have got some


def served(ex: int, since: float) -> str:
    """Each task of the example has a task server."""
    keys = {key.rpartition("-")[0] for server in example_records.subscribed() for key in server["task_keys"]}
    left = [key for key in EXAMPLES[ex].keys if key not in keys]
    return f"no task server serves {left[0].rpartition('.')[2]} yet" if left else ""


def completed(ex: int, since: float) -> str:
    """A run of the example's first task has completed."""
    return "" if _done(ex, since) else "no run of it has completed yet"


def mapped(ex: int, since: float) -> str:
    """Three runs of the example's first task have completed."""
    done = len(_done(ex, since))
    return "" if done >= 3 else f"{done} of 3 runs have completed"


def spread(ex: int, since: float) -> str:
    """The newest twenty runs were not all run by one task server."""
    done = _done(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs have completed"
    found = example_records.read_once()
    if len({found.ran_on(run["id"]) for run in done[:SPREAD]}) < 2:
        return "one task server had them all"
    return ""


def answered(ex: int, since: float) -> str:
    """Example 3: the web app gives the result of the newest run."""
    if not (done := _done(ex, since)):
        return "no run of it has completed yet"
    code, text = check.status_of(f"{workshop.WEB}/task/{done[0]['id']}")
    return (
        "" if code == 200 and "Hello" in text else f"the web app answers {code} for the newest run, and not its result"
    )


def emailed(ex: int, since: float) -> str:
    """Example 4: the newest user got one email."""
    user, where = _newest_user(since), os.environ["INBOX_URL"]
    emails = workshop.call("GET", f"{where}/messages") if user else []
    found = sum(mail["to"] == user["email"] for mail in emails)
    return _once(user, found, f"email ({where} shows them)")


def enrolled(ex: int, since: float) -> str:
    """Example 4: the newest user is enrolled once."""
    user, where = _newest_user(since), os.environ["MARKETING_PAGE"]
    enrolments = workshop.call("GET", f"{where}/enrolments") if user else []
    return _once(user, sum(one["user_id"] == user["id"] for one in enrolments), f"enrolment ({where} shows them)")


def populated(ex: int, since: float) -> str:
    """Example 4: the newest user has a workspace of ten things."""
    if not (user := _newest_user(since)):
        return "nobody has signed up since"
    things = len(workshop.call("GET", f"{workshop.WEB}/users/{user['id']}")["workspace"])
    return "" if things == 10 else f"the newest user has a workspace of {things} things, not 10"


def twenty(ex: int, since: float) -> str:
    """Example 4: twenty have signed up since, and each of the newest twenty got one email and is enrolled once."""
    done = _done(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs of the email's task have completed"
    users = workshop.call("GET", f"{workshop.WEB}/users?limit={SPREAD}")
    emails = [mail["to"] for mail in workshop.call("GET", os.environ["INBOX_URL"] + "/messages")]
    enrolled = [one["user_id"] for one in workshop.call("GET", os.environ["MARKETING_PAGE"] + "/enrolments")]
    once = sum(emails.count(user["email"]) == 1 == enrolled.count(user["id"]) for user in users)
    return (
        f"{once} of {len(users)} users got one email and one enrolment" if once < len(users) else populated(ex, since)
    )


def replied(ex: int, since: float) -> str:
    """Example 5: the newest run's answer comes from a model, or from the stand-in."""
    if not (done := _done(ex, since)):
        return "no question has an answer yet"
    code, text = check.status_of(f"{workshop.WEB}/answer/{done[0]['id']}")
    squeezed = text.replace(" ", "")
    well = code == 200 and '"tone":"?"' not in squeezed and '"answer":null' not in squeezed
    return "" if well else "the newest answer is not one of a model yet"


def shipped(ex: int, since: float) -> str:
    """Example 6: each run that completed has shipped its parcel."""
    if not (done := _done(ex, since)):
        return "no run of it has completed yet"
    left = [run for run in done if not (workshop.HOME / "shipped" / run["id"]).exists()]
    return f"{len(left)} of {len(done)} runs completed and shipped nothing" if left else ""


def survived(ex: int, since: float) -> str:
    """Example 6: a task server has died, sixty runs have completed, and none is lost."""
    found = example_records.read_once()
    died = [one for one in found.processes.values() if one.keys and not one.alive and one.quiet_since > since]
    if not died:
        return "no task server has died yet"
    if len(done := _done(ex, since)) < 50:
        return f"{len(done)} runs have completed"
    lost = check.lost_runs()
    return f"{len(lost)} runs are lost" if lost else ""


def travelled(ex: int, since: float) -> str:
    """Example 7: task servers of two machines had some of the newest twenty runs."""
    done = _done(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs have completed"
    found = example_records.read_once()
    ran = [found.runs[run["id"]].ran_on() for run in done[:SPREAD] if run["id"] in found.runs]
    return "" if len({process.host for process in ran if process}) > 1 else "one machine had them all"


def _done(ex: int, since: float) -> list[dict[str, Any]]:
    """The completed runs of the example's first task, newest first; in example 1 they are called, later submitted."""
    found = example_records.read_once()
    runs = [run for run in check.runs_of(EXAMPLES[ex].keys[0]) if ex == 1 or found.ran_on(run["id"])]
    new = [run for run in runs if datetime.fromisoformat(run["created"]).timestamp() >= since]
    return [run for run in new if run["state"]["type"] == "COMPLETED"]


def _newest_user(since: float) -> dict[str, Any]:
    """The newest of those who have signed up since; empty if nobody has."""
    if not _done(4, since):
        return {}
    users = workshop.call("GET", f"{workshop.WEB}/users?limit=1")
    return users[0] if users else {}


def _once(user: dict[str, Any], found: int, what: str) -> str:
    if not user:
        return "nobody has signed up since"
    return "" if found == 1 else f"the newest user has {found or 'no'} {what}"


KNOWN: dict[str, Callable[[int, float], str]] = {
    function.__name__: function
    for function in (
        served, completed, mapped, spread, answered, emailed, enrolled, populated, twenty, replied, shipped, survived,
        travelled,
    )
}  # fmt: skip


def missing(what: str, ex: int, since: float) -> str:
    """What is not there yet of it; empty if it is seen."""
    try:
        return KNOWN[what](ex, since)
    except (OSError, ValueError, KeyError):
        return "what it needs does not answer yet"

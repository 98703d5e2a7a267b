"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

from typing import Any

from workshop_kit import http_client
from workshop_kit.commands.live_checks import completed_runs
from workshop_kit.commands.promises import promise
from workshop_kit.examples import Example
from workshop_kit.findings import Promise
from workshop_kit.settings import settings


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """The web app gives each answer to who has its id, and nothing else to anybody."""
    promise(
        http_client.page(settings().web + "/health")[0] == 200, Promise.WEB_APP_ANSWERS(settings().web), "make status"
    )
    code, page = http_client.page(settings().web + "/")
    promise(code == 200 and "://" not in page, Promise.PAGE_OFFLINE(), "see templates/ask.html")
    if done:
        code, body = http_client.page(f"{settings().web}/answer/{done[0]['id']}")
        there = code == 200 and '"answered_by"' in body and '"answer":null' not in body.replace(" ", "")
        promise(there, Promise.ANSWER_GIVEN(), "make ask; if that is None: @marvin.fn above reply?")
    code, _ = http_client.page(f"{settings().web}/answer/00000000-0000-4000-8000-000000000000")
    promise(code == 404, Promise.UNKNOWN_RUN_404(), "see marvin_app.py")


def replied(ex: int, since: float) -> str:
    """The newest run's answer comes from a model, or from the stand-in."""
    if not (done := completed_runs(ex, since)):
        return "no question has an answer yet"
    code, text = http_client.page(f"{settings().web}/answer/{done[0]['id']}")
    squeezed = text.replace(" ", "")
    well = code == 200 and '"tone":"?"' not in squeezed and '"answer":null' not in squeezed
    return "" if well else "the newest answer is not one of a model yet"

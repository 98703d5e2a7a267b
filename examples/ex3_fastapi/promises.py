"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

import json
from typing import Any

from workshop_kit import http_client
from workshop_kit.commands.live_checks import completed_runs
from workshop_kit.commands.promises import promise
from workshop_kit.examples import Example
from workshop_kit.findings import Promise
from workshop_kit.settings import settings


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """The web app answers at once, and gives the results."""
    hint = f"make stop, then {command}; its errors are in the example's terminal"
    if not promise(http_client.page(settings().web + "/")[0] == 200, Promise.WEB_APP_ANSWERS(settings().web), hint):
        return
    code, page = http_client.page(settings().web + "/docs")
    promise(code == 200 and "https://" not in page, Promise.DOCS_OFFLINE(), "see first_fastapi.py")
    _, document = http_client.page(settings().web + "/openapi.json")
    paths = json.loads(document)["paths"] if document.startswith("{") else {}
    promise("post" in paths.get("/task", {}), Promise.POST_TASK(), '@app.post("/task", …) above the function')
    if done:
        code, body = http_client.page(f"{settings().web}/task/{done[0]['id']}")
        promise(code == 200 and "Hello" in body, Promise.RESULT_GIVEN(), "make task")
    code, _ = http_client.page(f"{settings().web}/task/00000000-0000-4000-8000-000000000000")
    promise(code == 404, Promise.UNKNOWN_RUN_404(), "see first_fastapi.py")


def answered(ex: int, since: float) -> str:
    """The web app gives the result of the newest run."""
    if not (done := completed_runs(ex, since)):
        return "no run of it has completed yet"
    code, text = http_client.page(f"{settings().web}/task/{done[0]['id']}")
    return (
        "" if code == 200 and "Hello" in text else f"the web app answers {code} for the newest run, and not its result"
    )

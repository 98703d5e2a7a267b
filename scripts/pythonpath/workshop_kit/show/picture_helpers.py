"""What the pictures share: wait for a page, type in a terminal, ask the Prefect server."""

import time
from collections.abc import Callable
from typing import Any

from workshop_kit import http_client, workshop
from workshop_kit.launch.unattended import Kit

ANSWER = 120  # seconds until the Prefect server answers: chaos may just have killed it


def wait_for_text(text: str) -> Callable[[Any], None]:
    """Waits until a page of the Prefect UI shows the text, and has faded in."""

    def wait(page: Any) -> None:  # Playwright's Page
        page.get_by_text(text).first.wait_for()
        page.wait_for_timeout(700)

    return wait


def in_a_terminal(kit: Kit, typed: str) -> str:
    """What `make …` prints in a terminal, with its colours."""
    return kit.make(typed, in_a_terminal=True)


def ask_prefect(kit: Kit, path: str, body: dict[str, Any]) -> Any:
    """What Prefect's API answers to a POST; asks again for ANSWER seconds, then exits 1."""
    patience = time.monotonic() + ANSWER
    while True:
        try:
            return http_client.call("POST", f"{kit.prefect}/api{path}", body)
        except OSError as error:
            if time.monotonic() > patience:
                workshop.fail(f"the Prefect API does not answer: {error}", "make doctor", 1)
            time.sleep(0.5)

"""The pictures of this example's page: `make pictures` calls pictures()."""

from typing import Any

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera


def pictures(kit: Kit, camera: Camera) -> None:
    """The page with a question, the states that its run passed, and the answer."""
    with kit.running("ex5 LLM=canned"):

        def ask(page: Any) -> None:
            page.get_by_label("Your question").fill("Please, what is the meaning of life?")
            page.get_by_role("button", name="Ask", exact=True).click()
            page.locator("article .source").get_by_text("answered by").wait_for()

        camera.page("ex5-page", kit.web, ask)

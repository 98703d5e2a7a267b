"""The pictures of this example's page: `make pictures` calls pictures()."""

from typing import Any

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera


def pictures(kit: Kit, camera: Camera) -> None:
    """The app's own page of its routes, where a request was tried out."""
    with kit.running("ex3"):

        def try_it_out(page: Any) -> dict[str, float]:
            page.set_viewport_size({"width": 1100, "height": 1500})  # so that it need not scroll
            post = page.locator(".opblock-post")
            post.locator(".opblock-summary").click()
            post.get_by_role("button", name="Try it out").click()
            post.get_by_role("button", name="Execute").click()
            answer = post.locator(".live-responses-table")
            answer.get_by_text("task_run_id").wait_for()
            top, end = post.bounding_box(), answer.bounding_box()
            return top | {"height": end["y"] + end["height"] - top["y"]}

        camera.page("ex3-docs", f"{kit.web}/docs", try_it_out)

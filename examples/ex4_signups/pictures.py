"""The pictures of this example's page: `make pictures` calls pictures()."""

from typing import Any

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera


def pictures(kit: Kit, camera: Camera) -> None:
    """The page with the users and the states of their tasks."""
    with kit.running("ex4 SERVERS=2 FAIL_RATE=0.5"):  # enough retries to see one
        kit.make("signup NAME=Ford EMAIL=ford@example.com")
        kit.make("signup NAME=Trillian EMAIL=trillian@example.com")

        def sign_up(page: Any) -> None:
            for name in ("Arthur", "Fenchurch", "Zaphod", "Eddie"):  # until a task of somebody's awaits its retry
                page.get_by_label("Name").fill(name)
                page.get_by_label("Email").fill(f"{name.lower()}@example.com")
                page.get_by_role("button", name="Sign up").click()
                row = page.locator("tbody tr", has_text=f"{name.lower()}@example.com")
                row.get_by_text("Completed").first.wait_for()
                if row.get_by_text("AwaitingRetry").count():
                    return

        camera.page("ex4-page", kit.web, sign_up)

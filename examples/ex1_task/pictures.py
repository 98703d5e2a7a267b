"""The pictures of this example's page: `make pictures` calls pictures()."""

import re

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera
from workshop_kit.show.picture_helpers import wait_for_text


def pictures(kit: Kit, camera: Camera) -> None:
    """The run's page in the Prefect UI, with the line that the task printed."""
    printed = kit.make("ex1 NAME=Ford")
    address = re.search(r"page: (\S+)", printed)[1]
    camera.page("ex1-run", address, wait_for_text("Hello, Ford!"))

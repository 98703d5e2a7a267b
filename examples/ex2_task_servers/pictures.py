"""The pictures of this example's page: `make pictures` calls pictures()."""

import time

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera
from workshop_kit.show.picture_helpers import ask_prefect, in_a_terminal

TERMINALS_ONLY = True  # no browser is needed


def pictures(kit: Kit, camera: Camera) -> None:
    """Twenty runs spread over two task servers, and the board while more are under way."""
    with kit.running("ex2 SERVERS=2") as ready:
        started = ("make ex2 SERVERS=2", ready)
        mapped = in_a_terminal(kit, "submit-map N=20")
        camera.terminal("ex2", started, ("make submit-map N=20      # in another terminal", mapped))
        kit.make("submit-map N=24 WAIT=0")
        waiting = {"task_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        while ask_prefect(kit, "/task_runs/count", waiting) > 8:
            time.sleep(0.1)  # some have ended, some run, some wait: that is the picture
        camera.terminal("ex2-watch", ("make watch", in_a_terminal(kit, "watch ONCE=1")))

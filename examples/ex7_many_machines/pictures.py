"""The pictures of this example's page: `make pictures` calls pictures()."""

import os
import time
from pathlib import Path

from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera
from workshop_kit.show.picture_helpers import ask_prefect, in_a_terminal

TERMINALS_ONLY = True  # no browser is needed


def pictures(kit: Kit, camera: Camera) -> None:
    """The board while two machines share the work, and the scoreboard of chaos: this one is both, on loopback."""
    with kit.running("ex7 LISTEN=127.0.0.1 WORK_SECONDS=1 LEASE_SECONDS=5"):
        home = Path(kit.environment["WORKSHOP_HOME"])
        there = {"WORKSHOP_HOME": str(home / "elsewhere"), "JOIN_CODE": (home / "port" / "code").read_text()}
        elsewhere = Kit(kit.environment | there | {"WORK_SECONDS": "1"}, "elsewhere")
        with open(os.devnull, "wb") as nowhere:
            elsewhere.begin(f"server AT=127.0.0.1:{int(kit.environment['PREFECT_PORT']) + 43}", nowhere.fileno())
        try:
            while len(ask_prefect(kit, "/task_workers/filter", {})) < 2:
                time.sleep(0.1)
            kit.make("submit-map N=16 WAIT=0")
            waiting = {"task_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
            while ask_prefect(kit, "/task_runs/count", waiting) > 6:
                time.sleep(0.1)
            camera.terminal("ex7-watch", ("make watch", in_a_terminal(kit, "watch ONCE=1")))
            score = in_a_terminal(kit, "chaos N=60 SECONDS=30 SEED=5")
            camera.terminal("ex7-chaos", ("make chaos N=60 SECONDS=30 SEED=5", score))
        finally:
            elsewhere.stop()

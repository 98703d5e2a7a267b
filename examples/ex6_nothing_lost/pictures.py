"""The pictures of this example's page: `make pictures` calls pictures()."""

from workshop_kit import workshop
from workshop_kit.launch.unattended import Kit
from workshop_kit.show.camera import Camera
from workshop_kit.show.picture_helpers import ask_prefect, in_a_terminal, wait_for_text


def pictures(kit: Kit, camera: Camera) -> None:
    """The scoreboard after twenty seconds of chaos, and the page of a run that was rescued."""
    with kit.running("ex6 SERVERS=3"):
        score = in_a_terminal(kit, "chaos N=120 SECONDS=20 SEED=42")
        camera.terminal("ex6-chaos", ("make chaos N=120 SECONDS=20 SEED=42", score))
        runs = ask_prefect(kit, "/task_runs/filter", {})
        rescued = [run["id"] for run in runs if run["run_count"] > 1 and run["state_type"] == "COMPLETED"]
        if not rescued:
            workshop.fail("nothing was rescued this time, so there is no page of it", "make pictures EX=6", 1)
        address = f"{kit.prefect}/runs/task-run/{rescued[0]}"
        camera.page("ex6-rescued", address, wait_for_text("Rescue 1 of 3, requeued"))

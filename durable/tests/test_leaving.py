"""How a task server leaves, in a process of its own: in time whatever is away, and with its host alive."""

import asyncio
import signal
import time
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect_server import PrefectServer
from programs import PATIENCE, WORK, began, program, until

from durable.rescuer import Rescuer

PROGRAM = f"""{WORK}
@keyed(os.path.basename(os.getcwd()))
@task
def ends_alone(seconds: float) -> float:
    work.fn(0)
    while not os.path.exists("away"):
        time.sleep(0.05)
    time.sleep(seconds)
    return seconds

async def host():
    outcome = await aserve(work, timeout=4, grace=0.5, records="records")
    print(outcome.name, flush=True)
    await asyncio.sleep(0.2)
    print("the host goes on", flush=True)

if sys.argv[1] == "serve":
    serve(ends_alone, limit=30, grace=5, name="one", records="records")
elif sys.argv[1] == "host":
    asyncio.run(host())
else:
    for _ in range(int(sys.argv[1])):
        print(globals()[sys.argv[3]].delay(float(sys.argv[2])).task_run_id)
"""


@pytest.mark.long
def test_told_to_stop_while_the_prefect_server_is_away_it_ends_in_time_and_its_runs_are_not_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    serving = program(tmp_path, server, PROGRAM, "serve")
    submitting = program(tmp_path, server, PROGRAM, "20", "0.5", "ends_alone")
    ids = (submitting.communicate()[0]).split()
    until(lambda: began(tmp_path) == 20)
    server.kill()
    (tmp_path / "away").touch()  # now they end, and cannot tell it
    signalled = time.monotonic()
    serving.send_signal(signal.SIGTERM)
    output = serving.communicate(timeout=30)[0]
    # Its grace is 5 s; who asks Prefect's API until its client gives up takes another minute.
    assert time.monotonic() - signalled < 3 * 5, output
    assert serving.returncode == 0, output
    assert "UserWarning" not in output
    server.start()

    async def rescue() -> list[str]:
        rescuer, ended = Rescuer(tmp_path / "records"), []
        end = time.monotonic() + PATIENCE
        while len(ended) < 20 and time.monotonic() < end:
            report = await rescuer.look()
            assert not report.requeued, report.requeued[0].why
            ended += [str(lost.run.id) for lost in report.ended]
            await asyncio.sleep(0.5)
        return ended

    async def results(runs: list[str]) -> list[bool]:
        async with get_client() as client:
            states = [(await client.read_task_run(UUID(run))).state for run in runs]
        return [bool(state and state.is_completed() and state.data) for state in states]

    told_of = asyncio.run(rescue())
    assert all(asyncio.run(results(told_of)))  # who waits for it gets what it returned
    assert began(tmp_path) == 20
    assert {run for run in ids if len(run) == 36} >= set(told_of) and told_of


@pytest.mark.long
def test_aserve_leaves_its_host_alive_though_a_run_goes_on(server: PrefectServer, tmp_path: Path) -> None:
    hosting = program(tmp_path, server, PROGRAM, "host")
    program(tmp_path, server, PROGRAM, "1", "6", "work").communicate()
    output = hosting.communicate(timeout=40)[0]
    assert began(tmp_path) == 1, output
    assert "GAVE_BACK\nthe host goes on\n" in output, output
    assert hosting.returncode == 0, output

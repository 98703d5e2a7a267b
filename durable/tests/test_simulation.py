"""Nothing is lost and nothing runs twice in 1,000 hostile schedules; each mistake that somebody may make is found."""

import os
import warnings

import pytest
from simulation.__main__ import main
from simulation.mistakes import MISTAKES, schedules_until_found
from simulation.world import schedule, shortest, simulate

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
LONG = bool(os.environ.get("HYPOTHESIS_LONG"))
MOST = 5_000  # schedules in which a mistake has to be found
RARE = ("what became of a run is told by the clock", "an old entry of the queue is not refused")  # after thousands


@pytest.mark.more
def test_no_schedule_breaks_a_promise() -> None:
    wrong = [seed for seed in range(20_000 if LONG else 1_000) if simulate(seed)]
    if wrong:
        steps = shortest(wrong[0])
        shown = "\n  ".join([*map(str, steps), f"again: python -m simulation --seeds 1 --seed {wrong[0]}"])
        pytest.fail(f"seed {wrong[0]}: {simulate(wrong[0], steps)}\n  {shown}")


def test_the_same_seed_is_the_same_world() -> None:
    with MISTAKES["a rescue after the limit"](), warnings.catch_warnings():
        outcomes = [[str(simulate(seed)) for seed in range(50)] for _ in range(2)]
        assert outcomes[0] == outcomes[1] and any(each != "None" for each in outcomes[0])
    assert schedule(7) == schedule(7) != schedule(8)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in RARE else []) for name in MISTAKES]
)
def test_a_mistake_is_found_and_its_steps_are_cut_down(name: str) -> None:
    found = schedules_until_found(name, MOST)
    assert found, f"{MOST} schedules do not find it"
    with MISTAKES[name]():
        steps = shortest(found - 1)
        assert simulate(found - 1, steps)
        assert len(steps) <= len(schedule(found - 1))
        for number in range(len(steps)):  # none of them is too many
            assert not simulate(found - 1, steps[:number] + steps[number + 1 :])


def test_the_command_shows_the_steps_of_a_seed_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "20", "--seed", "7"]) == 0
    assert "20 schedules in " in capsys.readouterr().out
    with MISTAKES["a rescue after the limit"]():
        assert main(["--seeds", "20"]) == 1
    shown = capsys.readouterr().out
    assert "is rescued after the limit\n" in shown and "  submit deadly " in shown and "  again: --seeds 1" in shown

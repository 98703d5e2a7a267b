"""Who gets the waiting that ends, in a program without the kit; and a callback that is called once."""

import subprocess
import sys
from pathlib import Path

import pytest

from durable.waiting import Once

SOURCE = Path(__file__).parents[1] / "src"
ASKS = """from prefect.task_runs import TaskRunWaiter
print("asks" if hasattr(TaskRunWaiter, "durable_asks") else "as shipped")"""


def without_the_kit(program: str, home: Path) -> str:
    """What the program prints at its end, with durable on its path and no sitecustomize of the kit."""
    code = f"import sys\nsys.path.append({str(SOURCE)!r})\n{program}\n{ASKS}"
    environment = {"PREFECT_HOME": str(home), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("call", ["keyed('x')", "json_only('folder')", "install()"])
def test_the_calls_of_task_files_bring_it(call: str, tmp_path: Path) -> None:
    assert without_the_kit(f"import durable\ndurable.{call}", tmp_path) == "asks\n"


def test_an_import_does_not(tmp_path: Path) -> None:
    names = "import durable, durable.waiting\nfrom durable import Records, Rescuer, keyed, serve"
    assert without_the_kit(names, tmp_path) == "as shipped\n"


def test_of_the_event_and_the_answer_the_first_one_calls_back() -> None:
    calls = []
    callback = Once(lambda: calls.append(1))
    for _ in range(3):
        callback()
    assert calls == [1]

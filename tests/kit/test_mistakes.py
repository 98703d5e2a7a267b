"""Typical mistakes, each with its sentence: mistakes.toml. What is right, in whatever style, is not accused."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KIT
from trying import Trying

from workshop_kit import examples
from workshop_kit.learners import importing, mistakes, steps

TABLE = tomllib.loads(Path(__file__).with_name("mistakes.toml").read_text())["mistakes"]
OURS = "http://127.0.0.1:4321/api"  # the kit's Prefect server
Judge = Callable[[int, Path], tuple[int, str]]


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trying]:
    environment = os.environ | {"WORKSHOP_HOME": str(tmp_path_factory.mktemp("home")), "PREFECT_PORT": "4321"}
    tells = "import json, os; print(json.dumps(dict(os.environ)))"
    command = ["bash", "-c", '. scripts/env.sh && exec "$0" -c "$1"', sys.executable, tells]
    said = subprocess.run(command, cwd=KIT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = Trying(json.loads(said))
    yield found
    found.end()


@pytest.fixture
def judge(trying: Trying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Judge:
    """EX FOLDER -> what `make exN CODE=…` does before it starts anything: the exit code, and what it says."""
    monkeypatch.setattr(mistakes, "try_out", trying)
    monkeypatch.setenv("PREFECT_API_URL", OURS)
    monkeypatch.setenv("PYTHONPATH", f"{KIT}/scripts/pythonpath:{KIT}/durable/src")

    def judge(ex: int, folder: Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mistakes.py", str(ex), str(folder)])
        try:
            code = mistakes.main()
        except SystemExit as end:
            code = int(str(end.code))
        return code, capsys.readouterr().err

    return judge


def written(ex: int, folder: Path) -> Path:
    """The example as somebody has it who is through."""
    shutil.copytree(examples.folder(ex), folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def exchange(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("row", TABLE, ids=[f"{row['ex']}: {row['sentence'][:50]}" for row in TABLE])
def test_a_mistake_has_its_sentence(row: dict[str, Any], judge: Judge, tmp_path: Path) -> None:
    folder = written(row["ex"], tmp_path / "my")
    exchange(folder / row["file"], row["from"], row["to"])
    code, said = judge(row["ex"], folder)
    assert row["sentence"] in said
    lines = said.splitlines()
    if row["stops"]:
        assert code == 2 and len(lines) == 1 and re.search(rf"^error: .*{row['file']}:\d+: ", said)
    else:
        assert code == 0 and re.search(rf"^note: .*{row['file']}:\d+: ", said, re.M)


@pytest.mark.parametrize("row", [TABLE[0], TABLE[6]], ids=["stops", "note"])
def test_a_new_process_says_the_same(
    row: dict[str, Any], judge: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = written(row["ex"], tmp_path / "my")
    exchange(folder / row["file"], row["from"], row["to"])
    forked = judge(row["ex"], folder)
    monkeypatch.setattr(mistakes, "try_out", importing.try_out)
    assert judge(row["ex"], folder) == forked


def test_an_app_under_another_name(judge: Judge, tmp_path: Path) -> None:
    folder = written(3, tmp_path / "my")
    app = folder / "first_fastapi.py"
    app.write_text(re.sub(r"^@app\.", "@api.", re.sub(r"^app = ", "api = ", app.read_text(), flags=re.M), flags=re.M))
    code, said = judge(3, folder)
    assert code == 2 and len(said.splitlines()) == 1
    assert "first_fastapi.py: has no app, which the example starts. Try: rename api to app" in said


@pytest.mark.parametrize("name", ["queue", "email", "prefect", "fastapi", "durable"])
def test_a_file_that_hides_a_module_that_the_example_needs(name: str, judge: Judge, tmp_path: Path) -> None:
    folder = written(3, tmp_path / "my")
    (folder / f"{name}.py").write_text("x = 1\n")
    code, said = judge(3, folder)
    assert code == 2 and len(said.splitlines()) == 1
    assert f"/my/{name}.py: hides " in said
    assert f", which the example needs. Try: rename it, for example to my_{name}.py" in said


def test_a_file_that_hides_a_module_that_nothing_needs(judge: Judge, tmp_path: Path) -> None:
    folder = written(3, tmp_path / "my")
    (folder / "wave.py").write_text("x = 1\n")
    code, said = judge(3, folder)
    assert code == 0
    assert "/my/wave.py: hides Python's own module wave. Try: rename it, for example to my_wave.py" in said


def test_files_with_names_of_the_kits(judge: Judge, tmp_path: Path) -> None:
    folder = written(2, tmp_path / "my")
    for name in ("workshop", "examples", "keep", "mistakes", "start", "test", "words"):
        (folder / f"{name}.py").write_text(f"WORD = {name!r}\n")
    (folder / "json").mkdir()  # no package without its __init__.py: Python finds its own
    imports = "".join(f"import {name}\n" for name in ("examples", "keep", "mistakes", "start", "words", "workshop"))
    exchange(folder / "task_server.py", "import os\n", f"import os\n{imports}")
    assert judge(2, folder) == (0, "")


def test_steps_that_are_to_be_written_keep_nothing_from_starting(judge: Judge, tmp_path: Path) -> None:
    for ex, last, sentence in (
        (3, 4, "first_fastapi.py:28: steps 3.5, 3.6, 3.7 and 3.8 are to be written"),
        (6, 3, "step 6.4 is to be written"),
    ):
        folder = written(ex, tmp_path / f"ex{ex}")
        for name, text in steps.after(ex, last).items():
            (folder / name).write_text(text)
        found = mistakes.look(ex, folder)
        assert any(sentence in str(finding) and f"make learn EX={ex}" in str(finding) for finding in found)
        assert judge(ex, folder)[0] == 0
    assert judge(3, tmp_path / "ex3") == (0, "")


def test_a_file_that_would_be_written_twice(judge: Judge, tmp_path: Path) -> None:
    folder = written(6, tmp_path / "my")
    exchange(folder / "task_server.py", 'open("x")', 'open("w")')
    sentence = 'opens a file with "w", so a run that is started again ships a second time'
    assert sentence in " ".join(map(str, mistakes.look(6, folder)))


@pytest.mark.parametrize("address", [OURS, OURS.replace("127.0.0.1", "localhost")])
def test_the_kits_own_address_is_no_mistake(address: str, judge: Judge, tmp_path: Path) -> None:
    folder = written(2, tmp_path / "my")
    lines = "    from prefect.settings import PREFECT_API_URL, temporary_settings\n"
    lines += f'    with temporary_settings({{PREFECT_API_URL: "{address}"}}):\n        future = '
    exchange(folder / "task_submitter.py", "    future = ", lines)
    assert judge(2, folder) == (0, "")


@pytest.mark.parametrize("ex", examples.EXAMPLES)
def test_the_finished_example_has_none(ex: int, judge: Judge, tmp_path: Path) -> None:
    assert judge(ex, written(ex, tmp_path / "my")) == (0, "")


@pytest.mark.parametrize("ex", examples.EXAMPLES)
def test_an_untouched_skeleton_does_not_start(ex: int, judge: Judge, tmp_path: Path) -> None:
    folder = written(ex, tmp_path / "my")
    for name, text in steps.after(ex, 0).items():
        (folder / name).write_text(text)
    code, said = judge(ex, folder)
    assert code == 2 and len(said.splitlines()) == 1
    assert "is not a task yet. Try: write the line @task above" in said
    assert re.search(r"/my/[a-z_]+\.py:\d+: ", said)


# Among them: a package of one's own, serve under another name, a task with more parameters than the kit gives it, names
# that Prefect or Python have too (queue, map, submit, serve), and what only a start can tell: another file that serves.
@pytest.mark.parametrize("program", ["async_serve", "serve_method", "own_package", "own_names", "serves_elsewhere"])
def test_other_styles_that_are_right_are_not_accused(program: str, judge: Judge, tmp_path: Path) -> None:
    folder = tmp_path / program  # what runs it leaves bytecode beside it
    shutil.copytree(KIT / "tests" / "programs" / program, folder)
    assert judge(2, folder) == (0, "")


def test_example_1_without_its_guard_is_not_run(judge: Judge, tmp_path: Path) -> None:
    folder = written(1, tmp_path / "my")
    finished = (folder / "greeter.py").read_text()
    lines = re.sub(r"^if __name__.*", "def main():", finished, flags=re.M)
    (folder / "greeter.py").write_text(f"{lines}main()\n")
    assert judge(1, folder) == (0, "")
    lines = re.sub(r"^if __name__.*\n", "", finished, flags=re.M).replace("    greet(", "greet(")
    (folder / "greeter.py").write_text(lines)
    assert judge(1, folder) == (0, "")

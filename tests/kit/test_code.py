"""Whose files run: which folders CODE may name, and what is said of the others."""

from pathlib import Path

import pytest

from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("OPENAI_ENV_FILE", raising=False)
    folder = tmp_path / "my ex5"
    folder.mkdir()
    for name in ("marvin_task_server.py", "app.py", "page.py", "ask.py", "models.py", "marvin_app.py"):
        (folder / name).touch()
    return folder


def variables(given: object) -> dict[str, str]:
    return code.variables(EXAMPLES[5], str(given), docker=False)


def test_the_examples_own(folder: Path) -> None:
    assert variables("") == {"CODE": str(EXAMPLES[5].folder), "OWN_CODE": ""}


def test_a_folder_of_ones_own_and_the_key_beside_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = EXAMPLES[5].folder / ".openai.env"
    assert variables(folder) == {"CODE": str(folder), "OWN_CODE": "5", "OPENAI_ENV_FILE": str(keys)}
    (folder / ".openai.env").touch()
    assert variables(folder)["OPENAI_ENV_FILE"] == str(folder / ".openai.env")
    monkeypatch.setenv("OPENAI_ENV_FILE", "/elsewhere")
    assert "OPENAI_ENV_FILE" not in variables(folder)


def test_a_link_is_the_folder_it_leads_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "link").symlink_to(folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert variables("~/link")["CODE"] == str(folder)


@pytest.mark.parametrize(
    ("name", "docker", "error"),
    [
        ("nowhere", False, "is no folder. Try: make code EX=2, then make ex2 CODE=my/ex2"),
        ("a:b", False, "has a ':' or a line break in its path"),
        ("two\nlines", False, "has a ':' or a line break in its path"),
        ("empty", False, "lacks task_server.py, which example 2 starts. Try: make code EX=2"),
        ("empty", True, "CODE and DOCKER=1 do not go together"),
    ],
)
def test_what_cannot_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, docker: bool, error: str
) -> None:
    for each in ("a:b", "two\nlines", "empty"):
        (tmp_path / each).mkdir()
    with pytest.raises(SystemExit) as end:
        code.variables(EXAMPLES[2], str(tmp_path / name), docker=docker)
    assert end.value.code == 2
    assert error in capsys.readouterr().err

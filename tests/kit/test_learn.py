"""make learn says nothing of a file that was being written while it looked, nor of one that was moved away."""

from collections.abc import Callable
from pathlib import Path

import pytest

from workshop_kit import examples
from workshop_kit.commands import learn
from workshop_kit.learners import lesson, progress
from workshop_kit.learners.steps import of

FILE = examples.EXAMPLES[2].task_file
WHOLE = {path.name: path.read_bytes() for path in examples.lesson_files(2)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Half a file, beside others that are finished."""
    monkeypatch.setattr(progress, "PATH", tmp_path / "progress.json")
    for name, port in {"PREFECT_PORT": "4200", "WEB_PORT": "8000"}.items():
        monkeypatch.setenv(name, port)
    folder = tmp_path / "ex2"
    folder.mkdir()
    for name, text in WHOLE.items():
        (folder / name).write_bytes(text)
    (folder / FILE).write_bytes(WHOLE[FILE][: len(WHOLE[FILE]) // 2])
    return folder


@pytest.fixture
def written_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., lesson.Lesson]:
    """A look that has read the half when the rest is written."""
    real = lesson.look

    def look(ex: int, folder: Path, trying: bool) -> lesson.Lesson:
        found = real(ex, folder, trying=False)
        (folder / FILE).write_bytes(WHOLE[FILE])
        return found

    monkeypatch.setattr(lesson, "look", look)
    return look


def test_on_the_screen(folder: Path, written_meanwhile: object) -> None:
    learning = learn.Learning(2, folder)
    learning.look()
    assert learning.sentence(of(2)[0]) == "looking at your files"
    assert learn.saved(folder) != learning.looked_at  # so that it looks again


def test_without_a_terminal(folder: Path, written_meanwhile: object, capsys: pytest.CaptureFixture[str]) -> None:
    learn.once(learn.Learning(2, folder))
    assert "✗" not in capsys.readouterr().out


def test_files_that_an_editor_moves_about(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes between the question whether it is there and its reading; its lock leads to nowhere."""
    (folder / f".#{FILE}").symlink_to("me@host.1:1")

    def gone_at_once(path: Path) -> bool:
        there = path.exists()
        if path.parent == folder:
            path.unlink(missing_ok=True)
        return there

    monkeypatch.setattr(Path, "is_file", gone_at_once)
    assert not lesson.look(2, folder, trying=False).startable

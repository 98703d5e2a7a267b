"""A learner's files: parsed and judged once a save, whoever asks."""

import ast
from pathlib import Path

import pytest

from workshop_kit import examples
from workshop_kit.learners import judging, lesson, mistakes, steps
from workshop_kit.learners.files import read


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Example 2 before its first step."""
    for name, text in steps.after(2, 0).items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_files_are_parsed_once_a_save(skeleton: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda text: parsed.append(text) or parse(text))
    lesson.look(2, skeleton, trying=False)
    once = len(parsed)
    assert once == 2 * len(read(2, skeleton)[0])  # the learner's and the finished ones
    lesson.look(2, skeleton, trying=False)
    lesson.place(2, skeleton)
    mistakes.find(2, skeleton)
    assert len(parsed) == once
    main = skeleton / examples.EXAMPLES[2].task_file
    main.write_text(main.read_text() + "\n# saved\n")
    lesson.look(2, skeleton, trying=False)
    assert len(parsed) == 2 * once


def test_the_same_text_elsewhere_is_another_file(skeleton: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for path in skeleton.glob("*.py"):
        (other / path.name).write_bytes(path.read_bytes())
    assert read(2, skeleton)[0][0].path.parent == skeleton
    assert read(2, other)[0][0].path.parent == other


@pytest.mark.parametrize("ex", examples.EXAMPLES)
def test_which_steps_are_written(ex: int, tmp_path: Path) -> None:
    """After each step exactly those up to it; the steps that are said to be written next are among the others."""
    for last in range(len(steps.of(ex)) + 1):
        for name, text in steps.after(ex, last).items():
            (tmp_path / name).write_text(text)
        files, wrong = read(ex, tmp_path)
        lacking = {place for file in files for place in judging.lacking(file, ex)}
        assert not wrong and min(lacking, default=last + 1) > last
        assert lacking == lesson.what_lacks(ex, tmp_path, files).keys()
        said = [finding for file in files for finding in judging.unwritten(file, ex)]
        assert bool(said) == bool(lacking) and all(finding.step for finding in said)


def test_what_cannot_be_read(skeleton: Path) -> None:
    main = skeleton / examples.EXAMPLES[2].task_file
    main.write_text("def greet(:\n")
    files, wrong = read(2, skeleton)
    assert main not in [file.path for file in files]
    assert [(finding.what.number, finding.stops) for finding in wrong] == [(203, True)]
    main.write_bytes(b"x = 1\0")
    assert read(2, skeleton)[1][0].remedy == "save it as UTF-8 text"
    main.unlink()
    assert read(2, skeleton)[1] == []
    assert lesson.look(2, skeleton, trying=False).findings[0].what.number == 229

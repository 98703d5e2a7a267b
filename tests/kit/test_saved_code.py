"""Whether something of a program was saved: by its content, whatever its time says, and whatever lies beside it."""

import os
import shutil
from pathlib import Path

import pytest

from workshop_kit.launch.saved_code import SavedCode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "server.py").write_text("import package\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from package import more\n")
    (tmp_path / "package" / "more.py").write_text("x = 1\n")
    return tmp_path


def test_what_it_imports_is_watched(folder: Path) -> None:
    code = SavedCode(folder / "server.py")
    assert not code.changed()
    (folder / "package" / "more.py").write_text("x = 2\n")
    assert code.changed()
    assert not code.changed()


@pytest.mark.parametrize("lock", ["package/.#more.py", ".#server.py"])
def test_the_lock_of_an_editor_is_no_code(folder: Path, lock: str) -> None:
    code = SavedCode(folder / "server.py")
    (folder / lock).symlink_to("me@host.1:1")
    assert not code.changed()
    assert not code.came_or_went()
    (folder / "package" / "more.py").write_text("x = 2\n")
    assert code.changed()
    assert code.syntax_error() is None
    (folder / lock).unlink()
    assert not code.changed()


def test_a_file_that_is_deleted_between_two_looks(folder: Path) -> None:
    code = SavedCode(folder / "server.py")
    (folder / "package" / "more.py").unlink()
    assert code.syntax_error() is None
    assert not code.changed()  # an editor that moves a file away puts it back
    (folder / "package" / "more.py").write_text("x = 3\n")
    assert code.changed()


@pytest.mark.parametrize("time", [0, 1_000_000_000, 4_000_000_000, None])
def test_the_time_of_a_file_says_nothing(folder: Path, time: int | None) -> None:
    """None: the very time that it had, as `rsync -a` and `cp -p` may set it."""
    more = folder / "package" / "more.py"
    code = SavedCode(folder / "server.py")
    said = more.stat()
    times = (time, time) if time is not None else (said.st_atime, said.st_mtime)
    os.utime(more, times)
    assert not code.changed()
    more.write_text("x = 7\n")
    os.utime(more, times)
    if time is None:
        os.utime(more, ns=(said.st_atime_ns, said.st_mtime_ns))
    assert code.changed()


def test_a_stash_and_its_return(folder: Path) -> None:
    """`git stash` in a loop: each look has one content or the other, and a change is one between them."""
    more, kept = folder / "package" / "more.py", folder / "kept"
    shutil.copy2(more, kept)
    code = SavedCode(folder / "server.py")
    for _ in range(20):
        more.write_text("x = 5\n")
        assert code.changed()
        shutil.copy2(kept, more)
        assert code.changed()
        assert code.syntax_error() is None


def test_a_package_that_is_moved_away_while_it_is_looked_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "package"
    code = SavedCode(folder / "server.py")

    def moved_meanwhile(path: Path, pattern: str) -> None:
        package.rename(folder / "stash")
        raise FileNotFoundError(2, "No such file or directory", str(path))  # as pathlib does, where it comes to it

    with monkeypatch.context() as now:
        now.setattr(Path, "rglob", moved_meanwhile)
        (package / "more.py").write_text("x = 8\n")
        assert not code.changed()
    (folder / "stash").rename(package)
    assert code.changed()
    assert not code.changed()

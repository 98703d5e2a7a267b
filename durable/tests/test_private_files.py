"""write_private: a file for its owner alone, complete or not at all, also where several write it at once."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from durable.joining import write_private


def test_of_many_that_write_it_at_once_none_fails_and_the_file_is_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.json"
    texts = [str(number) * 20_000 for number in range(8)]

    def write_often(text: str) -> None:
        for _ in range(50):
            write_private(path, text)
            assert path.read_text() in texts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_often, texts))
    assert os.listdir(path.parent) == ["file.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "x" * 100_000 + "\ud800")
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["file"]

"""What is shown of the lines that a process prints."""

import os
from collections.abc import Iterator
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.text import printable
from workshop_kit.launch.output import whole_lines, without_colours


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """What one writes into the second, unbuffered, the first reads."""
    reading, writing = os.pipe()
    with open(reading, "rb") as ours, open(writing, "wb", buffering=0) as theirs:
        yield ours, theirs


def test_lines_come_whole_in_whatever_pieces_they_were_written(pipe: tuple[IO[bytes], IO[bytes]]) -> None:
    ours, theirs = pipe
    theirs.write(b"one\n\ntw")
    lines = whole_lines(ours)
    assert next(lines) == b"one"
    assert next(lines) == b""
    theirs.write(b"o\nthree")
    assert next(lines) == b"two"
    theirs.close()
    assert list(lines) == [b"three"]


def test_the_beginning_of_a_line_shows_before_its_end_comes(pipe: tuple[IO[bytes], IO[bytes]]) -> None:
    ours, theirs = pipe
    lines = whole_lines(ours)
    theirs.write(b"...")
    assert next(lines) == b"..."
    theirs.write(b"..\n")
    assert next(lines) == b".."


def test_of_a_line_that_is_written_over_itself_the_last_step_shows(pipe: tuple[IO[bytes], IO[bytes]]) -> None:
    ours, theirs = pipe
    lines = whole_lines(ours)
    theirs.write(b"1%\r2%")
    assert next(lines) == b"2%"
    theirs.write(b"\r99%\r100%\r\n\r\n")
    assert next(lines) == b"100%"
    assert next(lines) == b""


def test_bold_stays_where_the_terminal_shows_it_and_colours_go() -> None:
    line = b"\x1b[33mPress \x1b[1mCTRL+C\x1b[0m\x1b]0;title\x07 to quit\x1b[0m"
    assert without_colours(line, bold=False) == "Press CTRL+C to quit"
    assert without_colours(line, bold=True) == "Press \x1b[1mCTRL+C\x1b[0m to quit\x1b[0m"


@given(st.binary() | st.text().map(str.encode), st.booleans())
def test_nothing_else_in_a_line_steers_the_terminal(line: bytes, bold: bool) -> None:
    shown = without_colours(line, bold)
    for mark in ("\x1b[1m", "\x1b[0m") if bold else ():
        shown = shown.replace(mark, "")
    assert printable(shown, keep="\t") == shown


def test_a_name_in_a_line_cannot_hide_or_overwrite_what_is_there() -> None:
    assert without_colours(b"\x1b[1ma run", bold=True) == "\x1b[1ma run\x1b[0m"
    line = "run \x9b2J\u202eab\u200bc\b\b \u009d0;title\x07 ends".encode() + b" \xff"
    assert without_colours(line, bold=True) == "run �2J�ab�c�� �0;title� ends �"

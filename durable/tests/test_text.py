"""Texts of others for a terminal: nothing in them steers it."""

from hypothesis import given
from hypothesis import strategies as st

from durable.text import LINES, printable


@given(st.text())
def test_what_steers_a_terminal_is_shown_as_one_character(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text) and shown.replace("\u200d", "").isprintable()
    assert printable(shown) == shown


def test_words_and_emoji_stay_as_they_are_and_escapes_do_not() -> None:
    for text in ("Hello, Zoë!", "日本語", "👩‍🚀 🏳️‍🌈", "naïve — “quoted”"):
        assert printable(text) == text
    assert printable("a\x1b[2Jb\r\n\x9b1m\u202ec\ud800") == "a�[2Jb���1m�c�"
    assert printable("one\n\ttwo\x1b", keep=LINES) == "one\n\ttwo�"
    assert printable(None) == "None"

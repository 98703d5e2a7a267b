"""Texts of others for a terminal: nothing in them steers it, and nothing in them is hidden."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.text import INVISIBLE, JOINER, LINES, printable

STEERS = st.sampled_from(
    "\x00\x07\x08\x1b\r\n\t\x7f\x85\x9b\x9d\u200b\u200c\u200d\u202e\u2066\u2028\ufeff\U000e0041\ud800" + INVISIBLE
)
TEXTS = st.text(st.one_of(st.characters(), STEERS, st.sampled_from("a[é👩🏽🚀\ufe0f\u200d")))


@given(TEXTS)
def test_what_steers_a_terminal_or_is_hidden_is_shown_as_one_character(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text) and printable(shown) == shown
    assert shown.replace(JOINER, "").isprintable() and not set(shown) & set(INVISIBLE)
    for place, each in enumerate(shown):
        if each == JOINER:  # and a picture on either side, of an emoji
            assert unicodedata.category(shown[place - 1]) in ("So", "Sk", "Mn") and place
            assert unicodedata.category(shown[place + 1]) == "So"


@given(TEXTS)
def test_what_is_to_be_kept_stays_and_nothing_else(text: str) -> None:
    kept = printable(text, keep=LINES)
    assert [each for each in kept if each in LINES] == [each for each in text if each in LINES]
    assert kept.translate({ord(each): "�" for each in LINES}) == printable(text)


@pytest.mark.parametrize(
    "text", ["Hello, Zoë!", "日本語", "שלום", "👩‍🚀 🏳️‍🌈 👩🏽‍🚀", "naïve — “quoted”", "नमस्ते", "[1m"]
)
def test_words_and_emoji_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_escapes_do_not_and_any_space_is_a_space() -> None:
    assert printable("a\x1b[2Jb\r\n\x9b1m\u202ec\ud800") == "a�[2Jb���1m�c�"
    assert printable("one\n\ttwo\x1b", keep=LINES) == "one\n\ttwo�"
    assert printable("ad\u200dmin \u200d🚀\u200d") == "ad�min �🚀�"
    assert printable("12\u00a0345\u3000円") == "12 345 円"
    assert printable(None) == "None"

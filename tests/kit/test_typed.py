"""What was typed for something else: which slips are named, and what is left to other programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop_kit import typed, variables


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [
        ("", "", 0),
        ("submit", "submitt", 1),
        ("sumbit", "submit", 2),
        ("stop", "shop", 1),
        ("a", "xyz", 3),
        ("", "ab", 2),
    ],
)
def test_the_letters_between_two_words(one: str, other: str, letters: int) -> None:
    assert typed.distance(one, other) == letters


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_a_distance_is_one(one: str, other: str, third: str) -> None:
    assert typed.distance(one, other) == typed.distance(other, one)
    assert (typed.distance(one, other) == 0) == (one == other)
    assert typed.distance(one, third) <= typed.distance(one, other) + typed.distance(other, third)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("servers", "SERVERS"),
        ("SERVER", "SERVERS"),
        ("n", "N"),
        ("NUMBER", "N"),
        ("WORKERS", "SERVERS"),
        ("PREFECT_PROT", "PREFECT_PORT"),
        ("inbox_port", "INBOX_PORT"),  # an example's own
        ("fail_rate", "FAIL_RATE"),
        ("FOO", ""),
        ("TZ", ""),
        ("NO_COLOR", ""),
        ("PREFECT_LOGGING_LEVEL", ""),
    ],
)
def test_the_variable_that_was_meant(name: str, meant: str) -> None:
    assert typed.meant_variable(name) == meant


@pytest.mark.parametrize("name", sorted(variables.settings() | variables.of_one_command()))
def test_a_variable_is_meant_as_it_is(name: str) -> None:
    assert typed.meant_variable(name.lower()) == name


@pytest.mark.parametrize(
    ("goals", "error"),
    [
        ("submitt", "there is no command 'submitt'. Try: make submit\n"),
        ("frobnicate", "there is no command 'frobnicate'. Try: make help\n"),
        ("Ex2", "there is no command 'Ex2'. Try: make ex2\n"),
        ("ex 2", "there is no command 'ex'. Try: make ex2\n"),
        ("ex2 help", "make ex2 stays until Ctrl-C, and help would wait for that. Try: make help in another terminal\n"),
        ("room status", "make room stays until Ctrl-C"),
        ("ex2 frobnicate", "there is no command 'frobnicate'. Try: make help\n"),
        ("ex1 runs", ""),  # example 1 ends
        ("help docs", ""),
        ("ex7x", ""),  # example.sh says which there are
    ],
)
def test_commands(capsys: pytest.CaptureFixture[str], goals: str, error: str) -> None:
    if not error:
        return typed.check_commands(goals.split())
    with pytest.raises(SystemExit) as end:
        typed.check_commands(goals.split())
    assert end.value.code == 2
    assert error in capsys.readouterr().err


def test_a_blank_behind_the_equals_sign(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVERS", "")
    with pytest.raises(SystemExit):
        typed.check_commands(["ex2", "2"])
    assert "make ex2 SERVERS=2 (without a blank)" in capsys.readouterr().err

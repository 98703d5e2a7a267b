"""Waiting by looking."""

import pytest

from workshop_kit import waiting


def test_it_ends_with_the_first_look_that_is_true() -> None:
    looks = iter([False, 0, "", "yes", True])
    assert waiting.within(5, lambda: next(looks), every=0)
    assert list(looks) == [True]


def test_it_looks_once_though_there_is_no_time_left() -> None:
    assert waiting.within(0, lambda: True)
    assert not waiting.within(-1, lambda: False)


def test_what_is_gone_at_once_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert waiting.until_gone(5, "it", list)
    assert capsys.readouterr() == ("", "")


def test_what_stays_is_told_from_the_third_second_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now)
    monkeypatch.setattr(waiting.time, "sleep", sleep)
    assert not waiting.until_gone(10, "the example to end", lambda: ["launcher", "server.1"][: 2 if now < 5 else 1])
    assert 10 < now < 10.3
    assert capsys.readouterr().err.splitlines() == [
        "waiting for the example to end (2 process(es) left)",
        "waiting for the example to end (1 process(es) left)",
    ]

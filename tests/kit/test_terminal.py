"""The terminals of the show: when a command in one has ended, and what the audience has seen by then."""

import os
from collections.abc import Iterator

import pytest

from workshop_kit.show import terminal
from workshop_kit.show.terminal import Terminal
from workshop_kit.waiting import within


@pytest.fixture
def slow_prompt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal whose shell says at once how a command ended, and prints its prompt half a second later."""
    monkeypatch.setattr(terminal, "BEFORE_PROMPT", f"{terminal.BEFORE_PROMPT}; sleep 0.5")
    slow = Terminal(1, dict(os.environ), os.terminal_size((100, 30)), ".")
    try:
        assert within(10, lambda: "$ " in slow.text)
        yield slow
    finally:
        slow.close(5)


def test_a_command_has_ended_when_the_audience_sees_the_next_prompt(slow_prompt: Terminal) -> None:
    shown: list[str] = []
    slow_prompt.show = shown.append
    slow_prompt.write("(exit 3)")
    slow_prompt.enter("(exit 3)")
    assert within(10, lambda: slow_prompt.ended() is not None)
    assert slow_prompt.ended() == 3
    assert terminal.plain("".join(shown))[-1] == "$ "

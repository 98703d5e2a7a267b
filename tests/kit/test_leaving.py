"""Who leaves while nobody answers is told so, and the next commands tell the other side: once, and nothing more."""

import io
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from durable import joining
from workshop_kit import in_room, joined, leaving
from workshop_kit.learners import reporting

ROOM = joining.Joined("https://192.0.2.7:4300", "the CA", "a token", "192.0.2.7:4300", "Ford, row 3")
MACHINE = joining.Joined("https://192.0.2.7:4243", "the CA", "another token", "a", "b")
ASLEEP = joining.NoAnswer("192.0.2.7 does not answer within 5 s", "wait")
ANOTHER = joining.another_answers("192.0.2.7", 4300)


class Other:
    """The other side: what it answers, and what it was asked."""

    def __init__(self) -> None:
        self.answer: int | joining.NotJoined = 200
        self.asked: list[tuple[str, str, str, Any]] = []

    def request(self, there: joining.Joined, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.asked.append((there.token, method, path, body))
        if isinstance(self.answer, joining.NotJoined):
            raise self.answer
        return self.answer, {}


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Other:
    found = Other()
    monkeypatch.setattr(joining.Joined, "request", lambda *about: found.request(*about))
    return found


ROW = ("a token", "DELETE", "/room/row", None)


@pytest.mark.parametrize("answer", [200, 204, 401, ANOTHER])
def test_who_leaves_what_answers_has_nothing_left_to_tell(other: Other, home: Path, answer: Any) -> None:
    other.answer = answer
    assert leaving.leave(ROOM, leaving.ROOM)
    assert other.asked == [ROW] and not leaving.folder().exists()
    assert leaving.send() == [] and other.asked == [ROW]


@pytest.mark.parametrize("asleep", [ASLEEP, 500, 503])
def test_the_next_command_tells_what_could_not_be_told(other: Other, home: Path, asleep: Any) -> None:
    other.answer = asleep
    assert not leaving.leave(ROOM, leaving.ROOM)
    assert leaving.send() == ["192.0.2.7:4300"]
    (kept,) = leaving.folder().iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(leaving.folder().stat().st_mode) == 0o700
    other.answer = 200
    assert leaving.send() == [] and not leaving.folder().exists()
    assert other.asked == [ROW] * 3
    assert leaving.send() == [] and len(other.asked) == 3


def test_after_three_days_nobody_is_asked_any_more(other: Other, home: Path) -> None:
    other.answer = ASLEEP
    leaving.leave(ROOM, leaving.ROOM)
    (kept,) = leaving.folder().iterdir()
    os.utime(kept, (time.time() - in_room.DAYS * 24 * 3600 - 1,) * 2)
    assert leaving.send() == [] and len(other.asked) == 1 and not leaving.folder().exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"there": {}}', '{"what": 1}'])
def test_what_is_damaged_is_dropped(other: Other, home: Path, text: str) -> None:
    leaving.folder().mkdir()
    (leaving.folder() / "x").write_text(text)
    leaving.forget(ROOM.at)
    assert leaving.send() == [] and not other.asked and not leaving.folder().exists()


def test_make_leave_says_that_the_room_sleeps_and_the_next_one_that_it_knows(
    other: Other, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_room.keep(ROOM)
    in_room.note(call=1)
    other.answer = ASLEEP
    reporting.leave()
    late = "left the room; it does not answer; your next commands tell it, for 3 days at the most. "
    assert capsys.readouterr().err == f"{late}It deletes what it has of you then, or when it closes\n"
    assert in_room.room() is None and not in_room.place(in_room.OUTBOX).exists()
    reporting.leave()
    assert capsys.readouterr().err == "192.0.2.7:4300 still does not know that you left: it does not answer\n"
    other.answer = 200
    reporting.leave()
    assert capsys.readouterr().err == "those that you left know it now\n"
    assert other.asked == [ROW] * 3  # and nothing of what was in the outbox


def test_a_machine_that_left_while_the_other_was_away_comes_back_under_its_name(
    other: Other, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    identities: list[str] = []

    def join(at: str, code: str, identity: str) -> joining.Joined:
        identities.append(identity)
        return MACHINE

    monkeypatch.setattr("durable.join_command.join", join)
    joined.begin("192.0.2.7:4243", "a code")
    other.answer = ASLEEP
    joined.leave()
    left = "left a, which does not answer; your next commands tell it, for 3 days at the most\n"
    assert capsys.readouterr().err == left and joined.kept() == {}
    joined.begin("192.0.2.7:4243", "a code")
    assert identities[0] == identities[1] != ""
    assert not leaving.folder().exists()  # it does not leave now what it has just joined
    other.answer = 204
    joined.leave()
    assert capsys.readouterr().err == "left a\n"


# --- the code that is kept ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "given", "shows", "code"),
    [
        ("192.0.2.7:4243", "", True, "kept"),
        ("192.0.2.9:4243", "", True, "kept"),  # its address changed, and its certificate did not
        ("192.0.2.7:4243", "typed", True, "typed"),
        ("192.0.2.7:4243", "typed", False, "typed"),
        ("192.0.2.9:4243", "", False, "the code is missing"),
        (
            "192.0.2.7:4243",  # make clean there
            "",
            False,
            "another one than was joined answers at 192.0.2.7:4243: its certificate is new, so the code is missing",
        ),
    ],
)
def test_the_code_that_is_kept_is_for_the_machine_that_showed_it(
    at: str, given: str, shows: bool, code: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOIN_CODE", given)
    monkeypatch.setattr(joining, "shows_code", lambda at, code: shows)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    try:
        found = joined.code_for(at, {"at": "https://192.0.2.7:4243", "code": "kept"})
    except joining.NotJoined as error:
        assert error.remedy == "set JOIN_CODE in the environment or in .env"
        found = error.what
    assert found == code


def test_where_another_machine_answers_the_remedy_can_be_typed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joined.kept_file().parent.mkdir()
    joined.kept_file().write_text(json.dumps({"at": "https://192.0.2.7:4243"}))
    joined.fail(joining.another_answers("192.0.2.7", 4243))
    what = "another one than was joined answers at 192.0.2.7:4243: its certificate is new"
    remedy = "make server AT=192.0.2.7:4243, which asks for the code that it shows now"
    assert capsys.readouterr().err == f"error: {what}. Try: {remedy}\n"

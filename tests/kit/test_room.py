"""Who gets into the room: a whole class at once, and not who only wants to fill it; and what the instructor may do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console

from workshop_kit.room import roster as rosters
from workshop_kit.room import screen
from workshop_kit.room.port import RoomPort
from workshop_kit.room.room import Screen
from workshop_kit.room.roster import A_MINUTE, LATELY, Refused, Roster
from workshop_kit.room.screen import Look

PASSWORD = "ABCDEFGHJKMN"  # noqa: S105


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass for the roster."""
    now = [1_700_000_000.0]

    class Time:
        @staticmethod
        def time() -> float:
            return now[0]

    monkeypatch.setattr(rosters, "time", Time)

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return Roster(tmp_path / "room" / "rows.json")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A room for so many."""
    monkeypatch.setattr(rosters, "MOST", 40)
    return 40


def fill(roster: Roster, clock: Callable[[float], None], address: str, number: int) -> None:
    """So many join from there, as fast as they may."""
    for each in range(number):
        if each % A_MINUTE == 0:
            clock(61)
        roster.join(f"{address} {each}", address)


def names(roster: Roster) -> set[str]:
    return {row.me for row in roster.all()}


def test_a_class_behind_one_address_joins_within_seconds(roster: Roster, clock: Callable[[float], None]) -> None:
    for learner in range(100):
        clock(0.05)
        roster.join(f"learner {learner}", "192.0.2.7")
    assert len(roster.all()) == 100


def test_who_joins_without_end_is_refused_for_a_minute_and_nobody_else_is(
    roster: Roster, clock: Callable[[float], None]
) -> None:
    token, _ = roster.join("Ford", "192.0.2.7")
    for each in range(A_MINUTE - 1):
        roster.join(f"one of many {each}", "192.0.2.7")
    with pytest.raises(Refused) as refused:
        roster.join("one more", "192.0.2.7")
    assert refused.value.status == 429
    roster.join("Trillian", "192.0.2.8")
    assert roster.join("Ford", "192.0.2.7", token)[1].me == "Ford"  # who is in the room already is no new row
    clock(61)
    roster.join("one more", "192.0.2.7")


def test_who_fills_the_room_makes_place_first(roster: Roster, clock: Callable[[float], None], small: int) -> None:
    _, ford = roster.join("Ford", "192.0.2.7")
    roster.receive(ford, [{"n": 1, "ex": 2, "step": 4}])
    roster.join("Arthur, who has typed nothing yet", "192.0.2.7")
    fill(roster, clock, "203.0.113.1", small - 2)
    _, trillian = roster.join("Trillian", "192.0.2.7")  # had left, and comes back
    assert len(roster.all()) == small
    assert {"Ford", "Trillian", "Arthur, who has typed nothing yet"} <= names(roster)
    fill(roster, clock, "203.0.113.1", 50)
    assert {"Ford", "Trillian", "Arthur, who has typed nothing yet"} <= names(roster)


def test_a_room_of_learners_who_all_said_something_is_full(
    roster: Roster, clock: Callable[[float], None], small: int
) -> None:
    fill(roster, clock, "192.0.2.7", small)
    for row in roster.all():
        row.received = 1
    with pytest.raises(Refused) as refused:
        roster.join("one more", "192.0.2.8")
    assert (refused.value.status, str(refused.value)) == (503, "the room is full")
    roster.hide(roster.all()[3], True)
    roster.join("one more", "192.0.2.8")


def test_behind_a_closed_door_those_inside_go_on(roster: Roster) -> None:
    token, _ = roster.join("Ford", "192.0.2.7")
    roster.set_door(open=False)
    with pytest.raises(Refused) as refused:
        roster.join("Mallory", "192.0.2.8")
    assert refused.value.status == 403
    assert roster.join("Ford", "192.0.2.7", token)[1].me == "Ford"
    again = Roster(roster.path)  # the room was killed, and opened again
    assert not again.door_is_open
    again.set_door(open=True)
    again.join("Trillian", "192.0.2.8")


def test_those_of_the_last_minutes_are_dropped(roster: Roster, clock: Callable[[float], None]) -> None:
    ford, _ = roster.join("Ford", "192.0.2.7")
    clock(LATELY + 1)
    fill(roster, clock, "203.0.113.1", 30)
    assert len(roster.newcomers()) == 30
    roster.drop_newcomers()
    assert names(roster) == {"Ford"}
    assert roster.find(ford)


def test_no_address_is_in_the_file(roster: Roster) -> None:
    roster.join("Ford", "192.0.2.7")
    assert b"192.0.2" not in roster.path.read_bytes()


async def ask(port: RoomPort, body: dict[str, Any], address: str) -> tuple[int, Any]:
    answered: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {"type": "http", "method": "POST", "path": "/room/join", "headers": [], "client": (address, 50_000)}
    await port(scope, receive, send)  # type: ignore[arg-type]
    return answered[0]["status"], json.loads(answered[1]["body"])


def test_the_port_knows_who_asks_by_the_address(roster: Roster) -> None:
    port = RoomPort(roster, PASSWORD, lambda _: None)
    body = {"password": PASSWORD, "protocol": 1, "me": "one of many"}
    for _ in range(A_MINUTE):
        assert anyio.run(ask, port, body, "192.0.2.7")[0] == 200
    status, said = anyio.run(ask, port, body, "192.0.2.7")
    assert (status, said["detail"]) == (429, "too many have joined from your address in this minute")
    assert anyio.run(ask, port, body, "192.0.2.8")[0] == 200


def shown(own: Screen) -> str:
    console = Console(width=80, height=24, no_color=True)
    with console.capture() as capture:
        console.print(own.shown(80, 24))
    return capture.get()


def test_keys_close_the_door_open_it_and_drop_who_has_just_come(roster: Roster) -> None:
    own = Screen(roster, Look("192.0.2.1:4300", "code", view="board"))
    roster.join("Ford", "192.0.2.7")
    assert own.press("d")
    assert not roster.door_is_open
    assert "the room, door closed · 1 learner" in shown(own)
    assert own.press("d")
    assert roster.door_is_open
    assert own.press("D")
    assert "drop the 1 learner who came in the last 5 minutes? y/N" in shown(own)
    assert own.press("n")
    assert names(roster) == {"Ford"}
    own.press("D")
    assert own.press("y")
    assert not roster.all()
    assert own.look.view == "board"


def test_the_keys_fit_a_terminal_of_80_columns() -> None:
    assert len(screen.KEYS) <= 80

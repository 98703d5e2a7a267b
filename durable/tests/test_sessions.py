"""Leases and sessions by a given clock: when they end, who ends whom, and what a new start knows of them."""

import json
import os
import stat
from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable import sessions
from durable.folder import lease_of
from durable.sessions import FORGOTTEN, KEPT, MARGIN, Session, Sessions, digest, lease_is_over

LEASE = 20
TICK = 2**-10  # seconds; a power of two, so that sums of it are exact


class Room:
    """Sessions of a folder, by a clock that goes on when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 1000.0
        self.file, self.records = folder / "sessions.json", folder / "records"
        self.records.mkdir()
        self.sessions = self.start()

    def start(self, lease: float = LEASE) -> Sessions:
        """As a Prefect server that starts again does."""
        self.sessions = Sessions(self.file, self.records, "main", lease, clock=lambda: self.now)
        return self.sessions

    def join(self, name: str = "b", identity: str = "", address: str = "192.0.2.1") -> tuple[str, Session]:
        about = {"address": address, "prefect": "3.9.1", "python": "3.11"}
        return self.sessions.begin(name, identity or name, **about)

    def serve(self, name: str = "one", pid: int = 1, after: int = 0, **who: str) -> tuple[str, Session]:
        token, session = self.join(**who)
        self.sessions.serves(session, name, pid, after, keys=["k"], limit=1)
        return token, session

    def mark(self, session: Session) -> Path:
        assert session.record and session.record.path
        return lease_of(session.record.path)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def room_in(factory: pytest.TempPathFactory) -> Room:
    """One for each example of Hypothesis."""
    return Room(Path(mkdtemp(dir=factory.getbasetemp())))


# --- whether a lease is over ------------------------------------------------------------------------

LOOKS: dict[str, Callable[[Sessions, str, Session], Any]] = {
    "holds": lambda all_, token, session: all_.holds(session),
    "heard": lambda all_, token, session: all_.heard(session),
    "find": lambda all_, token, session: all_.find(token) is session,
    "end_silent": lambda all_, token, session: session not in all_.end_silent() and session.alive,
}


@pytest.mark.parametrize(
    ("heard", "lease", "now", "over"),
    [
        (0, 20, 0, False),
        (0, 20, 20 - TICK, False),
        (0, 20, 20, False),  # at its very end it lasts
        (0, 20, 20 + TICK, True),
        (1000, 20, 1020, False),
        (1000, 20, 1020 + TICK, True),
        (1005, 20, 1000, False),  # heard of in the future: the margin
        (0, FORGOTTEN, FORGOTTEN, False),
        (0, FORGOTTEN, FORGOTTEN + 1, True),
    ],
)
def test_a_lease_lasts_until_its_end_and_no_longer(heard: float, lease: float, now: float, over: bool) -> None:
    assert lease_is_over(heard, lease, now) is over


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("beyond", "lasts"), [(-TICK, True), (0, True), (TICK, False)])
@pytest.mark.parametrize("serving", [True, False])
def test_every_way_to_look_says_the_same(room: Room, look: str, beyond: float, lasts: bool, serving: bool) -> None:
    token, session = room.serve() if serving else room.join()
    assert session.lease == (LEASE if serving else FORGOTTEN)
    room.now += session.lease + beyond
    assert LOOKS[look](room.sessions, token, session) is lasts
    assert session.alive is lasts and (session in list(room.sessions)) is lasts
    assert (session.digest in room.file.read_text()) is lasts


@given(st.lists(st.tuples(st.sampled_from([*LOOKS, "opened", "sleep"]), st.integers(0, 2 * LEASE * 8)), max_size=8))
def test_a_session_lives_while_no_pause_between_two_words_is_longer_than_its_lease(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    room = room_in(tmp_path_factory)
    token, session = room.serve()
    until, alive = room.now + LEASE, True
    for step, eighths in steps:
        room.now += eighths / 8
        if step == "opened":
            room.sessions.opened()
            until = room.now + MARGIN + LEASE if alive else until
        elif step != "sleep":
            alive = alive and room.now <= until
            assert LOOKS[step](room.sessions, token, session) is alive
            if alive and step in ("heard", "find"):
                until = max(until, room.now + LEASE)
        assert session.alive is alive
        assert session.heard + LEASE == until


def test_a_look_is_no_word(room: Room) -> None:
    _, session = room.serve()
    room.now += LEASE
    assert room.sessions.holds(session) and room.sessions.end_silent() == []
    room.now += TICK
    assert not room.sessions.holds(session)


def test_what_comes_after_the_lease_and_before_somebody_looked_ends_it(room: Room) -> None:
    token, session = room.serve()
    mark = room.mark(session)
    room.now += LEASE + TICK
    assert session.alive and mark.exists()  # nobody has looked
    assert room.sessions.find(token) is None
    assert session.ended.is_set() and not mark.exists() and session.heard == 1000
    room.now -= LEASE
    assert not room.sessions.heard(session) and room.sessions.find(token) is None


def test_those_that_are_silent_end_at_once_and_the_others_stay(room: Room) -> None:
    _, silent = room.serve("one")
    _, also = room.serve("two")
    _, commands = room.join()
    room.now += TICK
    _, heard = room.serve("three")
    room.now += LEASE
    assert room.sessions.end_silent() == [silent, also]
    assert list(room.sessions) == [commands, heard]


@pytest.mark.parametrize("serving", [True, False])
def test_a_start_gives_a_whole_lease_and_the_margin(room: Room, serving: bool) -> None:
    _, session = room.serve() if serving else room.join()
    room.now += 7
    room.sessions.opened()
    room.now += MARGIN + session.lease
    assert room.sessions.holds(session)
    room.now += TICK
    assert not room.sessions.holds(session)


def test_a_word_within_the_margin_takes_nothing_of_it(room: Room) -> None:
    _, session = room.serve()
    room.sessions.opened()
    room.now += MARGIN - TICK
    assert room.sessions.heard(session) and session.heard == 1000 + MARGIN
    room.now += 2 * TICK
    assert room.sessions.heard(session) and session.heard == 1000 + MARGIN + TICK


def test_that_it_was_heard_of_is_written_down_at_most_once_a_second(room: Room) -> None:
    _, session = room.serve()
    mark = room.mark(session)

    def written(after: float) -> bool:
        os.utime(mark, (0, 0))
        room.now += after
        room.sessions.heard(session)
        return mark.stat().st_mtime > 0

    assert [written(after) for after in (0, TICK, 1 - TICK, TICK, 1, 5)] == [True, False, False, True, False, True]


# --- who is let in, and who ends ---------------------------------------------------------------------


def test_too_many_end_the_oldest_of_commands(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 4)
    _, server = room.serve()
    room.now += 1
    _, first = room.join("c")
    room.now += 1
    _, second = room.join("d")
    room.now += 1
    room.sessions.heard(first)
    _, third = room.join("e")
    assert list(room.sessions) == [server, first, second, third]  # as many as may be
    _, fourth = room.join("f")
    assert not second.alive  # not heard of for the longest time; the task server even longer
    assert list(room.sessions) == [server, first, third, fourth]


def test_too_many_never_end_a_task_server(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    servers = [room.serve(name)[1] for name in ("one", "two", "three")]
    _, commands = room.join()
    assert list(room.sessions) == [*servers, commands]


@pytest.mark.parametrize(
    ("identity", "address", "server", "pid", "after"),
    list(product(["b", "c"], ["192.0.2.1", "192.0.2.2"], ["one", "two"], [0, 7, 8], [0, 7])),
)
def test_a_task_server_ends_its_own_earlier_process_alone(
    room: Room, identity: str, address: str, server: str, pid: int, after: int
) -> None:
    _, other = room.serve(server, pid, identity=identity, address=address)
    _, again = room.serve("one", 9, after, identity="b", address="192.0.2.1")
    same = (identity, address, server, pid, after) == ("b", "192.0.2.1", "one", 7, 7)
    assert again.alive and other.alive is not same


def test_the_commands_of_a_machine_outlive_its_task_servers(room: Room) -> None:
    _, commands = room.join()
    _, server = room.serve(pid=7)
    room.serve(pid=8, after=7)
    assert commands.alive and not server.alive


@given(
    st.lists(
        st.tuples(st.sampled_from(["main", "b", "b-2", "main-2"]), st.sampled_from("vwxyz"), st.booleans()), max_size=6
    )
)
def test_each_machine_has_one_name_and_no_two_the_same(
    tmp_path_factory: pytest.TempPathFactory, joins: list[tuple[str, str, bool]]
) -> None:
    room = room_in(tmp_path_factory)
    for name, identity, leaves in joins:
        _, session = room.join(name, identity)
        assert session.machine == name or session.machine != "main"
        if leaves:
            room.sessions.end(session)
        pairs = {(each.machine, each.identity) for each in room.sessions}
        assert len(pairs) == len({machine for machine, _ in pairs}) == len({known for _, known in pairs})
        assert "main" not in dict(pairs)


def test_a_name_that_is_taken_gets_the_first_free_number(room: Room) -> None:
    names = [room.join(name, identity)[1].machine for name, identity in ("bv", "bw", "bx", "bv", "cv")]
    assert names == ["b", "b-2", "b-3", "b", "b"]
    assert room.join("main", "z")[1].machine == "main-2"


def test_at_the_end_the_commands_end_and_the_task_servers_stay(room: Room) -> None:
    (_, server), (_, commands) = room.serve(), room.join()
    room.sessions.forget_commands()
    assert server.alive and not commands.alive and list(room.start()) != []


def test_a_session_ends_where_the_file_cannot_be_written_too(room: Room) -> None:
    token, session = room.serve()
    mark = room.mark(session)
    room.file.unlink()
    room.file.mkdir()
    room.sessions.end(session)
    assert not session.alive and not mark.exists() and room.sessions.find(token) is None


# --- what a new start knows --------------------------------------------------------------------------


def kept(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in KEPT}


def test_a_new_start_knows_all_and_gives_each_a_lease_from_then_on(room: Room) -> None:
    tokens, before = zip(*[room.serve("one", 7), room.join("c"), room.serve("two", 8, identity="d")], strict=True)
    room.now += 500
    again = room.start(lease=LEASE + 10)
    found = list(again)
    assert [kept(each) for each in found] == [kept(each) for each in before]
    assert {each.heard for each in found} == {1500}
    assert [again.find(token) for token in tokens] == found
    assert [each.record.path if each.record else None for each in found] == [
        each.record.path if each.record else None for each in before
    ]
    assert found[0].lease == LEASE  # its task server counts on it
    room.now += LEASE + TICK
    assert again.end_silent() == [found[0], found[2]]


def test_who_has_ended_is_not_known_after_a_new_start(room: Room) -> None:
    (token, session), (_, other) = room.serve("one"), room.serve("two")
    room.sessions.end(session)
    again = room.start()
    assert again.find(token) is None and [each.server for each in again] == ["two"]
    assert room.mark(other).exists()


def test_whose_lease_has_no_file_any_more_is_not_let_in(room: Room) -> None:
    (token, session), (other, _), (commands, _) = room.serve("one"), room.serve("two"), room.join()
    room.mark(session).unlink()
    again = room.start()
    assert again.find(token) is None and again.find(other) and again.find(commands)
    assert not room.mark(session).exists()


def test_a_lease_of_nobody_is_over(room: Room) -> None:
    _, session = room.serve()
    stranger = room.records / "other-1-1.leased"
    stranger.touch()
    room.start()
    assert not stranger.exists() and room.mark(session).exists()


@given(st.data())
def test_a_damaged_file_lets_nobody_in_and_stops_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    room = room_in(tmp_path_factory)
    token, session = room.serve()
    whole = room.file.read_bytes()
    torn = st.floats(0, 1, exclude_max=True).map(lambda part: whole[: int(part * len(whole))])
    no_list = st.sampled_from([b"{}", b"null", b"1", b'"x"', b"[1]", b"[null]", b'["x"]', b"[[]]", b"[{}]", b"\xff"])
    room.file.write_bytes(data.draw(torn | no_list | st.binary(max_size=20)))
    again = room.start()
    assert list(again) == [] and again.find(token) is None and not room.mark(session).exists()
    new, _ = room.join()
    assert room.start().find(new)


@pytest.mark.parametrize("name", KEPT)
def test_a_session_without_one_of_its_keys_is_not_let_in(room: Room, name: str) -> None:
    (first, _), (last, _) = room.serve("one"), room.serve("two")
    lines = json.loads(room.file.read_text())
    del lines[1][name]
    room.file.write_text(json.dumps(lines))
    again = room.start()
    assert again.find(first) and again.find(last) is None


def test_no_file_is_a_first_start(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert list(room.sessions) == [] and not room.file.exists()


def test_the_file_has_digests_and_no_token_and_is_private(room: Room) -> None:
    tokens = [room.serve()[0], room.join("c")[0], room.join("d")[0]]
    text = room.file.read_text()
    assert not any(token in text for token in tokens)
    assert [each["digest"] for each in json.loads(text)] == [digest(token) for token in tokens]
    assert all(len(token) >= 40 for token in tokens) and len(set(tokens)) == 3
    assert stat.S_IMODE(room.file.stat().st_mode) == 0o600
    assert room.sessions.find(digest(tokens[0])) is None  # who has read the file has no token

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
from durable.record_folder import lease_of
from durable.sessions import FORGOTTEN, KEPT, MARGIN, Session, Sessions, digest, lease_expired

LEASE = 20
TICK = 2**-10  # seconds; a power of two, so that sums of it are exact


class World:
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
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def world_in(factory: pytest.TempPathFactory) -> World:
    """One for each example of Hypothesis."""
    return World(Path(mkdtemp(dir=factory.getbasetemp())))


# --- whether a lease is over ------------------------------------------------------------------------

LOOKS: dict[str, Callable[[Sessions, str, Session], Any]] = {
    "is_valid": lambda all_, token, session: all_.is_valid(session),
    "heartbeat": lambda all_, token, session: all_.heartbeat(session),
    "find": lambda all_, token, session: all_.find(token) is session,
    "end_expired": lambda all_, token, session: session not in all_.end_expired() and session.alive,
}


@pytest.mark.parametrize(
    ("last_heartbeat", "lease", "now", "over"),
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
def test_a_lease_lasts_until_its_end_and_no_longer(last_heartbeat: float, lease: float, now: float, over: bool) -> None:
    assert lease_expired(last_heartbeat, lease, now) is over


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("beyond", "lasts"), [(-TICK, True), (0, True), (TICK, False)])
@pytest.mark.parametrize("serving", [True, False])
def test_every_way_to_look_says_the_same(world: World, look: str, beyond: float, lasts: bool, serving: bool) -> None:
    token, session = world.serve() if serving else world.join()
    assert session.lease == (LEASE if serving else FORGOTTEN)
    world.now += session.lease + beyond
    assert LOOKS[look](world.sessions, token, session) is lasts
    assert session.alive is lasts and (session in list(world.sessions)) is lasts
    assert (session.digest in world.file.read_text()) is lasts


@given(
    st.lists(
        st.tuples(st.sampled_from([*LOOKS, "grant_restart_margin", "sleep"]), st.integers(0, 2 * LEASE * 8)), max_size=8
    )
)
def test_a_session_lives_while_no_pause_between_two_words_is_longer_than_its_lease(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    world = world_in(tmp_path_factory)
    token, session = world.serve()
    until, alive = world.now + LEASE, True
    for step, eighths in steps:
        world.now += eighths / 8
        if step == "grant_restart_margin":
            world.sessions.grant_restart_margin()
            until = world.now + MARGIN + LEASE if alive else until
        elif step != "sleep":
            alive = alive and world.now <= until
            assert LOOKS[step](world.sessions, token, session) is alive
            if alive and step in ("heartbeat", "find"):
                until = max(until, world.now + LEASE)
        assert session.alive is alive
        assert session.last_heartbeat + LEASE == until


def test_a_look_is_no_word(world: World) -> None:
    _, session = world.serve()
    world.now += LEASE
    assert world.sessions.is_valid(session) and world.sessions.end_expired() == []
    world.now += TICK
    assert not world.sessions.is_valid(session)


def test_what_comes_after_the_lease_and_before_somebody_looked_ends_it(world: World) -> None:
    token, session = world.serve()
    mark = world.mark(session)
    world.now += LEASE + TICK
    assert session.alive and mark.exists()  # nobody has looked
    assert world.sessions.find(token) is None
    assert session.ended.is_set() and not mark.exists() and session.last_heartbeat == 1000
    world.now -= LEASE
    assert not world.sessions.heartbeat(session) and world.sessions.find(token) is None


def test_those_that_are_silent_end_at_once_and_the_others_stay(world: World) -> None:
    _, silent = world.serve("one")
    _, also = world.serve("two")
    _, commands = world.join()
    world.now += TICK
    _, heard = world.serve("three")
    world.now += LEASE
    assert world.sessions.end_expired() == [silent, also]
    assert list(world.sessions) == [commands, heard]


@pytest.mark.parametrize("serving", [True, False])
def test_a_start_gives_a_whole_lease_and_the_margin(world: World, serving: bool) -> None:
    _, session = world.serve() if serving else world.join()
    world.now += 7
    world.sessions.grant_restart_margin()
    world.now += MARGIN + session.lease
    assert world.sessions.is_valid(session)
    world.now += TICK
    assert not world.sessions.is_valid(session)


def test_a_word_within_the_margin_takes_nothing_of_it(world: World) -> None:
    _, session = world.serve()
    world.sessions.grant_restart_margin()
    world.now += MARGIN - TICK
    assert world.sessions.heartbeat(session) and session.last_heartbeat == 1000 + MARGIN
    world.now += 2 * TICK
    assert world.sessions.heartbeat(session) and session.last_heartbeat == 1000 + MARGIN + TICK


def test_that_it_was_heard_of_is_written_down_at_most_once_a_second(world: World) -> None:
    _, session = world.serve()
    mark = world.mark(session)

    def written(after: float) -> bool:
        os.utime(mark, (0, 0))
        world.now += after
        world.sessions.heartbeat(session)
        return mark.stat().st_mtime > 0

    assert [written(after) for after in (0, TICK, 1 - TICK, TICK, 1, 5)] == [True, False, False, True, False, True]


# --- who is let in, and who ends ---------------------------------------------------------------------


def test_too_many_end_the_oldest_of_commands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 4)
    _, server = world.serve()
    world.now += 1
    _, first = world.join("c")
    world.now += 1
    _, second = world.join("d")
    world.now += 1
    world.sessions.heartbeat(first)
    _, third = world.join("e")
    assert list(world.sessions) == [server, first, second, third]  # as many as may be
    _, fourth = world.join("f")
    assert not second.alive  # not heard of for the longest time; the task server even longer
    assert list(world.sessions) == [server, first, third, fourth]


def test_who_joins_without_end_ends_sessions_of_its_own_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 4)
    others = [world.join("b", address="192.0.2.1")[1], world.join("c", address="192.0.2.2")[1]]
    for number in range(20):
        world.now += 1
        world.join(f"m{number}", address="203.0.113.1")
    assert all(each.alive for each in others)
    assert len(list(world.sessions)) == 4


def test_too_many_never_end_a_task_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    servers = [world.serve(name)[1] for name in ("one", "two", "three")]
    _, commands = world.join()
    assert list(world.sessions) == [*servers, commands]


@pytest.mark.parametrize(
    ("identity", "address", "server", "pid", "after"),
    list(product(["b", "c"], ["192.0.2.1", "192.0.2.2"], ["one", "two"], [0, 7, 8], [0, 7])),
)
def test_a_task_server_ends_its_own_earlier_process_alone(
    world: World, identity: str, address: str, server: str, pid: int, after: int
) -> None:
    _, other = world.serve(server, pid, identity=identity, address=address)
    _, again = world.serve("one", 9, after, identity="b", address="192.0.2.1")
    same = (identity, address, server, pid, after) == ("b", "192.0.2.1", "one", 7, 7)
    assert again.alive and other.alive is not same


def test_the_commands_of_a_machine_outlive_its_task_servers(world: World) -> None:
    _, commands = world.join()
    _, server = world.serve(pid=7)
    world.serve(pid=8, after=7)
    assert commands.alive and not server.alive


@given(
    st.lists(
        st.tuples(st.sampled_from(["main", "b", "b-2", "main-2"]), st.sampled_from("vwxyz"), st.booleans()), max_size=6
    )
)
def test_each_machine_has_one_name_and_no_two_the_same(
    tmp_path_factory: pytest.TempPathFactory, joins: list[tuple[str, str, bool]]
) -> None:
    world = world_in(tmp_path_factory)
    for name, identity, leaves in joins:
        _, session = world.join(name, identity)
        assert session.machine == name or session.machine != "main"
        if leaves:
            world.sessions.end(session)
        pairs = {(each.machine, each.identity) for each in world.sessions}
        assert len(pairs) == len({machine for machine, _ in pairs}) == len({known for _, known in pairs})
        assert "main" not in dict(pairs)


def test_a_name_that_is_taken_gets_the_first_free_number(world: World) -> None:
    names = [world.join(name, identity)[1].machine for name, identity in ("bv", "bw", "bx", "bv", "cv")]
    assert names == ["b", "b-2", "b-3", "b", "b"]
    assert world.join("main", "z")[1].machine == "main-2"


def test_at_the_end_the_commands_end_and_the_task_servers_stay(world: World) -> None:
    (_, server), (_, commands) = world.serve(), world.join()
    world.sessions.forget_commands()
    assert server.alive and not commands.alive and list(world.start()) != []


def test_a_session_ends_where_the_file_cannot_be_written_too(world: World) -> None:
    token, session = world.serve()
    mark = world.mark(session)
    world.file.unlink()
    world.file.mkdir()
    world.sessions.end(session)
    assert not session.alive and not mark.exists() and world.sessions.find(token) is None


# --- what a new start knows --------------------------------------------------------------------------


def kept(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in KEPT}


def test_a_new_start_knows_all_and_gives_each_a_lease_from_then_on(world: World) -> None:
    tokens, before = zip(*[world.serve("one", 7), world.join("c"), world.serve("two", 8, identity="d")], strict=True)
    world.now += 500
    again = world.start(lease=LEASE + 10)
    found = list(again)
    assert [kept(each) for each in found] == [kept(each) for each in before]
    assert {each.last_heartbeat for each in found} == {1500}
    assert [again.find(token) for token in tokens] == found
    assert [each.record.path if each.record else None for each in found] == [
        each.record.path if each.record else None for each in before
    ]
    assert found[0].lease == LEASE  # its task server counts on it
    world.now += LEASE + TICK
    assert again.end_expired() == [found[0], found[2]]


def test_who_has_ended_is_not_known_after_a_new_start(world: World) -> None:
    (token, session), (_, other) = world.serve("one"), world.serve("two")
    world.sessions.end(session)
    again = world.start()
    assert again.find(token) is None and [each.server for each in again] == ["two"]
    assert world.mark(other).exists()


def test_whose_lease_has_no_file_any_more_is_not_let_in(world: World) -> None:
    (token, session), (other, _), (commands, _) = world.serve("one"), world.serve("two"), world.join()
    world.mark(session).unlink()
    again = world.start()
    assert again.find(token) is None and again.find(other) and again.find(commands)
    assert not world.mark(session).exists()


def test_a_lease_of_nobody_is_over(world: World) -> None:
    _, session = world.serve()
    stranger = world.records / "other-1-1.leased"
    stranger.touch()
    world.start()
    assert not stranger.exists() and world.mark(session).exists()


@given(st.data())
def test_a_damaged_file_lets_nobody_in_and_stops_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    world = world_in(tmp_path_factory)
    token, session = world.serve()
    whole = world.file.read_bytes()
    torn = st.floats(0, 1, exclude_max=True).map(lambda part: whole[: int(part * len(whole))])
    no_list = st.sampled_from([b"{}", b"null", b"1", b'"x"', b"[1]", b"[null]", b'["x"]', b"[[]]", b"[{}]", b"\xff"])
    world.file.write_bytes(data.draw(torn | no_list | st.binary(max_size=20)))
    again = world.start()
    assert list(again) == [] and again.find(token) is None and not world.mark(session).exists()
    new, _ = world.join()
    assert world.start().find(new)


@pytest.mark.parametrize("name", KEPT)
def test_a_session_without_one_of_its_keys_is_not_let_in(world: World, name: str) -> None:
    (first, _), (last, _) = world.serve("one"), world.serve("two")
    lines = json.loads(world.file.read_text())
    del lines[1][name]
    world.file.write_text(json.dumps(lines))
    again = world.start()
    assert again.find(first) and again.find(last) is None


def test_no_file_is_a_first_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert list(world.sessions) == [] and not world.file.exists()


def test_the_file_has_digests_and_no_token_and_is_private(world: World) -> None:
    tokens = [world.serve()[0], world.join("c")[0], world.join("d")[0]]
    text = world.file.read_text()
    assert not any(token in text for token in tokens)
    assert [each["digest"] for each in json.loads(text)] == [digest(token) for token in tokens]
    assert all(len(token) >= 40 for token in tokens) and len(set(tokens)) == 3
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o600
    assert world.sessions.find(digest(tokens[0])) is None  # who has read the file has no token

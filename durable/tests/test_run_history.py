"""What the lines of records say together: who runs what, who ran it, and who must not run it again."""

from pathlib import Path
from typing import Any

import pytest

from durable.run_history import History, How, Process, RunHistory

ONE, TWO = Path("one"), Path("two")


def records(*lines: dict[str, Any], alive: tuple[Path, ...] = ()) -> History:
    found = History()
    for number, line in enumerate(lines):
        path = line.get("by", ONE)
        process = found.processes.setdefault(path, Process(path, name=path.name))
        process.alive = path in alive
        found.add_line(process, {"at": float(number), "run": "r"} | line)
    return found


def start(state: str = "s1", by: Path = ONE, **about: Any) -> dict[str, Any]:
    return {"event": "start", "state": state, "by": by} | about


def end(how: How, by: Path = ONE, **about: Any) -> dict[str, Any]:
    return {"event": "end", "how": how, "by": by} | about


@pytest.mark.parametrize(
    ("lines", "alive", "why"),
    [
        ((start(),), (ONE,), "it runs on one"),
        ((start("s0"),), (ONE,), "it runs on one"),  # whatever had queued it
        ((start(),), (), None),  # it died
        ((start(), end(How.RETURNED)), (), "it has run on one"),
        ((start(), end(How.GIVEN_BACK)), (), "it has run on one"),
        ((start(), end(How.REFUSED)), (ONE,), None),
        ((start(), end(How.UNREADABLE)), (ONE,), None),
        ((start("s0"), end(How.RETURNED)), (ONE,), None),  # that was another delivery
        (({"event": "back", "state": "s1"},), (), "it was requeued since"),
        (({"event": "back", "state": "s0"},), (), None),
        (({"event": "given up", "state": "s1"},), (), "it was given up"),
        (({"event": "given up", "state": "s0"},), (), None),
        ((start(by=TWO),), (TWO,), None),  # one's own record
    ],
)
def test_who_receives_it_by_a_state_must_not_run_it(
    lines: tuple[dict[str, Any], ...], alive: tuple[Path, ...], why: str | None
) -> None:
    assert records(*lines, alive=alive).runs["r"].why_refused("s1", own=TWO) == why


def test_an_end_closes_the_delivery_that_it_names_or_all_of_its_process() -> None:
    two_deliveries = (start("s1"), start("s2"), start("s1", by=TWO))
    named = records(*two_deliveries, end(How.REFUSED, state="s1"))
    assert [each.how for each in named.runs["r"].starts] == [How.REFUSED, None, None]
    assert named.processes[ONE].open == {"r"}
    unnamed = records(*two_deliveries, end(How.RETURNED, ended={"type": "COMPLETED"}))
    assert [each.how for each in unnamed.runs["r"].starts] == [How.RETURNED, How.RETURNED, None]
    assert unnamed.runs["r"].starts[0].final_state == {"type": "COMPLETED"} and unnamed.runs["r"].starts[0].ended == 3.0
    assert unnamed.processes[ONE].open == set() and unnamed.processes[TWO].open == {"r"}


def test_what_a_process_has_done_and_whether_it_has_a_free_place() -> None:
    first = {"server": "mailer", "host": "here", "pid": 7, "keys": ["k"], "limit": 1, "lease": 5.0}
    found = records(first, start(), end(How.RETURNED), start("s2"), end(How.REFUSED), start("s3"))
    process = found.processes[ONE]
    assert (process.name, process.host, process.pid, process.keys) == ("mailer", "here", 7, frozenset({"k"}))
    assert (process.lease, process.last_heartbeat, process.began, process.quiet_since) == (5.0, 0.0, 0.0, 5.0)
    assert (process.done, list(process.ends), process.open, process.free) == (1, [2.0], {"r"}, False)
    process.limit = 2
    assert process.free
    process.limit = None
    assert process.free


def test_a_prefect_server_was_down_for_who_had_the_right_address() -> None:
    assert records({"event": "down"}).down == 0.0
    found = records({"event": "up"}, {"event": "down"}, {"event": "away"}, {"event": "up"})
    assert (found.down, found.processes[ONE].first_up, found.processes[ONE].up) == (1.0, 3.0, True)
    assert not records({"event": "up"}, {"event": "away"}).processes[ONE].up


def test_backs_are_counted_and_name_the_state() -> None:
    counted = {"event": "back", "state": "s1", "counted": True}
    found = records(start(parameters="p"), counted, {"event": "back", "state": "s2"}).runs["r"]
    assert (found.rescues, found.requeued, found.parameters) == (1, {"s1": 1.0, "s2": 2.0}, "p")


def test_who_ran_it_is_not_who_refused_it() -> None:
    found = records(start(), start(by=TWO), end(How.REFUSED, by=TWO))
    assert found.ran_on("r") == "one" and found.ran_on("another") == ""
    assert RunHistory().ran_on() is None and found.has_no_task_server


def test_what_is_old_is_forgotten_unless_somebody_has_it_or_asks_for_it() -> None:
    def after(seconds: float, alive: tuple[Path, ...] = (), skip: set[str] | None = None) -> bool:
        found = records(start(), alive=alive)
        found.reading_at = seconds
        found.forget(10, skip)
        return "r" in found.runs

    assert after(10) and not after(10.1)
    assert after(99, alive=(ONE,)) and after(99, skip={"r"}) and not after(99, skip={"another"})


def test_a_word_of_a_later_version_counts_as_an_end() -> None:
    assert How.of("refused") is How.REFUSED and How.of("gone fishing") is How.RETURNED

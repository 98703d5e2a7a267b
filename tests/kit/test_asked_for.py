"""What make exN and make server are asked for: what they start, and what is said of what cannot be."""

import resource
from pathlib import Path

import pytest

from workshop_kit import examples, state_files
from workshop_kit.examples import EXAMPLES
from workshop_kit.launch import asked_for

NAMES = "AT CODE DB DOCKER FORCE LIMIT LLM NAME OURS REMOTE RESCUE SERVERS WORKSHOP_GOAL"


@pytest.fixture(autouse=True)
def nothing_typed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES.split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_PORT", "4200")
    monkeypatch.setenv("WEB_PORT", "8000")
    for example in EXAMPLES.values():
        for name, (_, more) in example.own_ports.items():
            monkeypatch.setenv(name, str(9000 + more))
    monkeypatch.setenv("HOME", str(home))


def type_in(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    for word in typed.split(";"):
        name, _, value = word.partition("=")
        if name:
            monkeypatch.setenv(name, value)


def claim(home: Path, ex: int, **more: object) -> None:
    (home / "run").mkdir()
    state_files.claim_example({"ex": ex, "servers": 2, "url": "http://127.0.0.1:4200", "code": "", **more})


def refused(capsys: pytest.CaptureFixture[str], *asked: str) -> str:
    with pytest.raises(SystemExit) as end:
        asked_for.FOR[asked[0]](*asked[1:])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_an_examples_own_numbers_and_those_that_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked_for.for_example("4")
    assert (found["servers"], found["LIMIT"], found["RESCUE"], found["packages"]) == (2, 10, "1", "ex4")
    type_in(monkeypatch, "SERVERS=007;LIMIT=3;RESCUE=0;DOCKER=1")
    found = asked_for.for_example("4")
    assert (found["servers"], found["LIMIT"], found["RESCUE"], found["packages"]) == (7, 3, "0", "core")


def test_force_allows_more_task_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "SERVERS=33;FORCE=1")
    assert asked_for.for_example("2")["servers"] == 33


@pytest.mark.parametrize(
    ("ex", "typed", "error"),
    [
        ("99", "", "there is no example '99' (there are 1, 2"),
        ("1", "", "example 1 has no Procfile. Try: make ex1"),
        ("2", "SERVERS=0", "SERVERS='0' is not a whole number from 1 to 32. Try: make ex2 SERVERS=2 (FORCE=1"),
        ("2", "SERVERS=33", "SERVERS='33' is not a whole number from 1 to 32. Try: make ex2 SERVERS=2 (FORCE=1"),
        ("2", "SERVERS=1000;FORCE=1", "SERVERS='1000' is not a whole number from 1 to 999. Try: make ex2 SERVERS=2\n"),
        ("2", "LIMIT=many", "LIMIT='many' is not a whole number from 1 to 1000. Try: make ex2 LIMIT=1"),
        ("2", "RESCUE=yes", "RESCUE='yes' is not one of: 1 0. Try: make … RESCUE=1"),
        ("2", "FORCE=2", "FORCE='2' is not one of: 0 1. Try: make … FORCE=0"),
        ("2", "DOCKER=yes", "DOCKER='yes' is not one of: 0 1"),
        ("2", "DOCKER=1", "example 2 has no Docker way. Try: make ex2 (without DOCKER=1)"),
        ("4", "DOCKER=1;DB=postgresql://a:b@localhost/runs", "the host in DB means the container itself"),
        ("4", "OURS=0", "what example 4 shows is made of durable, and OURS=0 is Prefect alone. Try: make ex2 OURS=0"),
        ("5", "LLM=gpt", "LLM='gpt' is not one of: openai local canned. Try: make … LLM=openai"),
        ("7", "REMOTE=1", "make ex7 is for the kit's own server, and REMOTE=1 means one of yours. Try: make ex7 (wi"),
        ("3", "WEB_PORT=4200", "WEB_PORT and PREFECT_PORT are both 4200. Try: make ex3 WEB_PORT=4300"),
        ("2", "CODE=/nowhere", "CODE='/nowhere' is no folder. Try: make code EX=2"),
    ],
)
def test_what_cannot_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ex: str, typed: str, error: str
) -> None:
    type_in(monkeypatch, typed)
    said = refused(capsys, "example", ex)
    assert error in said
    assert said.count("\n") == 1


def test_prefect_alone_runs_files_that_know_nothing_of_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "OURS=0")
    assert asked_for.for_example("2")["OWN_CODE"] == ""


def test_one_example_at_a_time(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim(home, 3)
    said = refused(capsys, "example", "2")
    assert "example 3 is running already in another terminal (pid " in said
    assert "Try: make task, make submit (from any terminal), or make stop" in said


def test_a_shell_that_lets_no_process_have_the_memory(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_500_000 * 1024, resource.RLIM_INFINITY))
    assert "this terminal lets a process map only 1500 MB, and a Prefect server maps 2,000" in refused(
        capsys, "example", "2"
    )


def test_a_profile_of_the_persons_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".prefect").mkdir()
    (home / ".prefect/profiles.toml").write_text('active = "work"\n[profiles.work]\nPREFECT_API_URL = "https://a"\n')
    asked_for.for_program("1")
    assert "note: ignored: your Prefect profile in " in capsys.readouterr().err


@pytest.mark.parametrize(("name", "error"), [("", "NAME is empty. Try: make ex1 NAME=Ford"), (" ", "NAME is empty")])
def test_a_program_greets_somebody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, error: str
) -> None:
    assert asked_for.for_program("1")["packages"] == "core"
    monkeypatch.setenv("NAME", name)
    assert error in refused(capsys, "program", "1")


def test_one_more_task_server_of_what_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim(home, 5, llm="canned")
    found = asked_for.for_server()
    assert (found["ex"], found["number"], found["joins"], found["LLM"], found["LIMIT"]) == (5, 3, 0, "canned", 10)


def test_in_containers_it_is_one_container_more(home: Path) -> None:
    claim(home, 4, docker=1)
    found = asked_for.for_server()
    assert found["docker"] == 1
    assert "CODE" not in found


def test_it_joins_another_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "joined").mkdir()
    (home / "joined/joined.json").touch()
    found = asked_for.for_server()
    assert EXAMPLES[int(str(found["ex"]))].joinable
    assert (found["joins"], found["launcher"], found["number"]) == (1, "", 1)


@pytest.mark.parametrize(
    ("running", "typed", "error"),
    [
        ({}, "", "no example is running that a task server could join. Try: make ex2 (in another terminal)"),
        ({}, "AT=10.0.0.1:4243;REMOTE=1", "make server AT=… is for the kit's own server"),
        ({"ex": 2}, "AT=10.0.0.1:4243", "example 2 runs here, and AT means another machine. Try: make stop; or"),
        ({"ex": 2}, "PREFECT_PORT=4300", "this command asks port 4300. Try: run the same command with PREFECT_PORT=42"),
        ({"ex": 2, "remote": 1}, "", "example 2 uses a Prefect server of yours. Try: run the same command with REM"),
        ({"ex": 2}, "LIMIT=0", "LIMIT='0' is not a whole number from 1 to 1000. Try: make server LIMIT=1"),
    ],
)
def test_what_cannot_join(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    running: dict[str, int],
    typed: str,
    error: str,
) -> None:
    type_in(monkeypatch, typed)
    if running:
        claim(home, **running)
    assert error in refused(capsys, "server")


def test_task_servers_that_no_procfile_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert "example 2 has task servers, and no Procfile.ex2 that starts them" in refused(capsys, "program", "2")


def test_an_example_without_a_required_line_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder := tmp_path / "ex9_towels").mkdir()
    (folder / "example.env").write_text("EXAMPLE_TITLE=towels\nEXAMPLE_TASKS=fold\nEXAMPLE_WRITE=a.py\n")
    with pytest.raises(SystemExit):
        examples.read(folder)
    missing = "EXAMPLE_TASK_FILE and no EXAMPLE_PACKAGES and no EXAMPLE_SUBMIT"
    assert f"error: examples/ex9_towels/example.env has no {missing}. Try: add " in capsys.readouterr().err

"""What commands need is read without importing them, and what is missing is told in one line."""

import re
from pathlib import Path

import pytest
from conftest import KIT

from workshop_kit import examples, needs, state_files
from workshop_kit.settings import settings

MODULES = re.findall(r"scripts/py\.sh (\S+)", (KIT / "Makefile").read_text())


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EX", "REMOTE", "DOCKER", "WORKSHOP_GOAL", "PREFECT_PORT"):
        monkeypatch.delenv(name, raising=False)


def claim(home: Path, ex: int, **more: object) -> None:
    (home / "run").mkdir()
    fields = {"ex": ex, "servers": 1, "url": "http://127.0.0.1:4200", "docker": 0, "remote": 0, "at": ""}
    state_files.claim_example({**fields, **more})


def refused(capsys: pytest.CaptureFixture[str], module: str) -> str:
    with pytest.raises(SystemExit) as end:
        needs.decide(module)
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("module", MODULES)
def test_every_command_is_there_and_what_it_says_is_read(module: str) -> None:
    text = (KIT / "scripts/pythonpath/workshop_kit" / f"{module.replace('.', '/')}.py").read_text()
    assert ("\nNEEDS" in text) == (needs.declared(module) != needs.Needs())


@pytest.mark.parametrize(
    ("module", "error"),
    [
        ("commands.submit", "no example is running. Try: make ex2"),
        ("commands.signup", "make signup talks to example 4, which is not running. Try: make ex4"),
        ("commands.runs", "no Prefect server of the kit is running. Try: make ex1"),
        ("chaos.chaos", "make chaos works on example 6, which is not running. Try: make ex6"),
        ("commands.nothing", "there is no scripts/pythonpath/workshop_kit/commands/nothing.py"),
    ],
)
def test_where_nothing_runs(capsys: pytest.CaptureFixture[str], module: str, error: str) -> None:
    assert error in refused(capsys, module)


def test_with_its_example(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim(home, 7)
    assert needs.decide("commands.submit").split() == ["here", "core", "commands.submit", "7"]
    assert needs.decide("chaos.chaos").split() == ["here", "core", "chaos.machines", "7"]
    assert "talks to example 4" in refused(capsys, "commands.signup")


@pytest.mark.parametrize(
    ("at", "module", "how"),
    [
        ("10.0.0.1:4243", "commands.submit", "joins-docker"),
        ("10.0.0.1:4243", "commands.runs", "docker"),
        ("", "commands.submit", "docker"),
    ],
)
def test_in_containers(home: Path, at: str, module: str, how: str) -> None:
    claim(home, 7, docker=1, at=at)
    assert needs.decide(module).split()[0] == how


def test_on_a_machine_that_has_joined(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "joined").mkdir()
    (home / "joined" / "joined.json").touch()
    assert needs.decide("commands.submit").split()[0] == "joined"
    assert "make chaos works on example 6" in refused(capsys, "chaos.chaos")
    claim(home, 2)  # one of its own comes first
    assert needs.decide("commands.submit").split()[0] == "here"


def test_another_port_than_the_examples(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claim(home, 2, url="http://127.0.0.1:4999")
    assert "this command asks port 4200. Try: run the same command with PREFECT_PORT=4999" in refused(
        capsys, "commands.submit"
    )
    monkeypatch.setenv("PREFECT_PORT", "4999")
    settings.cache_clear()
    assert needs.decide("commands.submit")


def test_a_server_of_the_persons_own(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claim(home, 2, remote=1, url="https://prefect.example/api")
    assert "example 2 uses a Prefect server of yours" in refused(capsys, "commands.submit")
    monkeypatch.setenv("REMOTE", "1")
    settings.cache_clear()
    assert needs.decide("commands.submit")
    assert "make watch is for the kit's own server" in (error := refused(capsys, "commands.watch"))
    assert error.endswith("Try: make runs REMOTE=1\n")


def test_the_packages_of_the_example_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert needs.decide("show.demo").split()[1] == "core"
    monkeypatch.setenv("EX", "4")
    assert needs.decide("show.demo").split()[1] == examples.EXAMPLES[4].packages
    monkeypatch.setenv("EX", "²")
    assert "there is no example EX='²' (there are 1, 2" in refused(capsys, "show.demo")

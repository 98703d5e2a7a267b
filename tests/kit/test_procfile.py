"""What the Procfiles run: read as honcho reads them, and what of it is a learner's."""

import pytest
from honcho.environ import parse_procfile

from workshop_kit import examples, procfile
from workshop_kit.settings import KIT

WITH_PROCFILE = [ex for ex in examples.EXAMPLES if (KIT / f"Procfile.ex{ex}").exists()]


@pytest.mark.parametrize("ex", WITH_PROCFILE)
def test_it_is_read_as_honcho_reads_it(ex: int) -> None:
    assert procfile.commands(ex) == dict(parse_procfile((KIT / f"Procfile.ex{ex}").read_text()).processes)
    assert "server" in procfile.commands(ex)


def test_comments_and_blank_lines_say_nothing() -> None:
    text = (
        "# server: not this one\n\nserver: keep prefect-server  \nweb_app-1:  loopback . api:app $WEB_PORT\nno line\n"
    )
    assert procfile.parsed(text) == {"server": "keep prefect-server", "web_app-1": "loopback . api:app $WEB_PORT"}


def test_what_it_starts_of_a_learners_files() -> None:
    assert procfile.modules(2) == {"task_server"} and procfile.apps(2) == set()
    assert procfile.modules(3) > procfile.apps(3) == {"first_fastapi"}


def test_an_example_without_one() -> None:
    assert procfile.commands(1) == {} == procfile.commands(99)
    assert procfile.modules(1) == set() == procfile.apps(1)


@pytest.mark.parametrize("ex", WITH_PROCFILE)
def test_the_files_that_it_starts_are_there(ex: int) -> None:
    there = {path.stem for path in examples.folder(ex).glob("*.py")}
    assert procfile.apps(ex) <= procfile.modules(ex) <= there

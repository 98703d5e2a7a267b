"""What somebody may write by mistake: each is one sentence, which says what helps."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import task
from prefect.settings import PREFECT_API_URL, temporary_settings

from durable import Record, Unusable, aserve, keyed, serve
from durable.arguments import need_right_arguments
from durable.worker import DrainingTaskWorker


@keyed("tests")
@task
def job() -> None: ...


@task
def other() -> None: ...


def refusal(*tasks: Any, **options: Any) -> str:
    """What aserve() says before it asks for a server."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises((TypeError, ValueError)) as raised,
    ):
        asyncio.run(aserve(*tasks, **options))
    return str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0}, {"limit": -1}, {"limit": "4"}, {"limit": 1.5}, {"limit": True},
        {"grace": -1}, {"grace": None}, {"grace": float("inf")}, {"grace": float("nan")}, {"grace": "30"},
        {"timeout": -0.1}, {"timeout": "1"}, {"name": 7}, {"status_server_port": 8080},
    ],
)  # fmt: skip
def test_each_wrong_argument_is_named_with_what_helps(options: dict[str, Any]) -> None:
    said = refusal(job, **options)
    assert said.startswith(next(iter(options))) and ". Try: " in said and "\n" not in said


@pytest.mark.parametrize(
    "options",
    [
        {}, {"limit": 1}, {"limit": None}, {"grace": 0}, {"grace": 0.5}, {"timeout": 0}, {"timeout": 1.5},
        {"timeout": None}, {"name": None}, {"name": "one"}, {"status_server_port": None},
    ],
)  # fmt: skip
def test_the_least_and_the_usual_are_right(options: dict[str, Any]) -> None:
    need_right_arguments(options)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"limit": "4"}, TypeError, "limit='4' is text. Try: write limit=int(…)"),
        ({"grace": "30"}, TypeError, "grace='30' is text. Try: write grace=float(…)"),
        ({"limit": 1.5}, TypeError, "limit=1.5 is not a number. Try: write limit=2"),
        ({"grace": None}, TypeError, "grace=None is not a number. Try: write grace=1"),
        ({"grace": -1}, ValueError, "grace=-1 is below 0 or infinite. Try: write grace=1"),
        ({"limit": 0}, ValueError, "limit=0 is below 1 or infinite. Try: write limit=2"),
    ],
)
def test_what_is_said(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as raised:
        need_right_arguments(options)
    assert str(raised.value) == said


def test_no_task_what_is_no_task_and_two_functions_of_one_key_are_refused() -> None:
    @keyed("tests")
    @task(name="another")
    def job() -> None: ...  # with the name of the one above

    first = globals()["job"]
    assert "Try: call serve(my_task)" in refusal()
    assert "Try: put @task above it" in refusal(first.fn)
    assert "two functions have the key tests.job-1" in refusal(first, job)


def test_keyed_without_brackets_below_task_and_without_a_namespace() -> None:
    wrong: Any = keyed
    with pytest.raises(TypeError, match="@keyed"):
        wrong(other)
    with pytest.raises(TypeError, match="above @task"):
        wrong("tests")(other.fn)
    for namespace in ("", "  ", None, 7):
        with pytest.raises(ValueError, match="@keyed"):
            wrong(namespace)
    with pytest.raises(ValueError):
        keyed("tests", version="")


def test_a_copy_keeps_the_key_and_another_task_keeps_its_own() -> None:
    copy = job.with_options(name="renamed", retries=3).with_options(persist_result=True)
    assert copy.task_key == job.task_key == "tests.job-1"
    assert (copy.name, copy.retries, copy.fn) == ("renamed", 3, job.fn)
    before = other.task_key
    assert other.with_options(retries=1).task_key == before != "tests.other-1"


@pytest.mark.parametrize("wrong", ["a file", "below a file"])
def test_records_that_cannot_be_written_are_named(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "file"
    file.touch()
    said = refusal(job, records=file if wrong == "a file" else file / "records")
    assert str(tmp_path) in said and ". Try: set records=" in said


def test_without_an_address_serve_says_one_line_and_exits_with_2() -> None:
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(Unusable, match="Try: export PREFECT_API_URL"):
        asyncio.run(aserve(job))
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(SystemExit) as ended:
        serve(job)
    assert ended.value.code == 2


def test_who_forgets_to_await_serve_is_told() -> None:
    program = "import asyncio, durable.serving\nasync def main(): durable.serve()\nasyncio.run(main())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.stderr == "error: serve() was called in an event loop, and nothing serves. Try: write await serve(…)\n"


def test_the_second_of_one_name_knows_it(tmp_path: Path) -> None:
    async def main() -> None:
        first = DrainingTaskWorker(job, limit=1, name="mailer", records=tmp_path)
        assert first.namesake() is None
        Record(tmp_path, "rescuer").close()
        second = DrainingTaskWorker(job, limit=1, name="mailer", records=tmp_path)
        found = second.namesake()
        assert found and found.path == first.record.path
        await first.record.end()
        third = DrainingTaskWorker(job, limit=1, name="sms", records=tmp_path)
        assert third.namesake() is None
        await second.record.end()
        await third.record.end()

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        asyncio.run(main())

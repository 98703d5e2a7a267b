"""What an example says when it is ready."""

from pathlib import Path

import pytest

from workshop_kit import examples
from workshop_kit.launch import ready
from workshop_kit.launch.ready import whose_serve


@pytest.mark.parametrize(("ex", "exchanged"), [(2, True), (3, True), (4, False), (5, False), (6, False), (7, False)])
def test_an_example_says_whose_serve_runs_where_its_file_says_prefects(ex: int, exchanged: bool) -> None:
    folder = examples.folder(ex)
    assert whose_serve(folder, ours=True) == ("serve: durable's; Prefect's own with OURS=0" if exchanged else "")
    assert whose_serve(folder, ours=False) == ("serve: Prefect's own (OURS=0)" if exchanged else "")


def test_a_file_that_is_no_text_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "picture.py").write_bytes(b"\xff\xfe")
    assert whose_serve(tmp_path, ours=True) == ""


def test_another_machines_task_server_makes_no_example_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed: list[str] = ["b-7"]
    named = lambda: [{"identifier": each} for each in subscribed]  # noqa: E731
    monkeypatch.setattr(ready.prefect_api, "subscribed", named)
    monkeypatch.setattr(ready.state_files, "children", lambda _: {"task_server.1": 1, "task_server.2": 2})
    own = ready.OwnOnes()
    assert not own.are_there(2)
    subscribed[:] = ["a-1", "b-7"]
    assert not own.are_there(2) and own.are_there(1)
    subscribed[:] = ["a-2", "b-7"]  # the first has its slots full by now
    assert own.are_there(2)

"""A command that is typed without a person ends with the one that typed it."""

import os
import threading
from pathlib import Path

import pytest

from workshop_kit import processes
from workshop_kit.launch.unattended import Kit
from workshop_kit.waiting import within


def test_interrupted_at_its_beginning_it_ends_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Makefile").write_text("long: ; @echo $$$$ >pid; exec sleep 60\n")
    places = {"WORKSHOP_HOME": str(tmp_path), "PREFECT_PORT": "4200", "WEB_PORT": "8000"}
    kit = Kit({**os.environ, **places}, "tests", tmp_path)
    start = threading.Timer.start

    def interrupted(timer: threading.Timer) -> None:
        start(timer)
        assert within(10, lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text().strip()))
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Timer, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kit.make("long")
    pid = int((tmp_path / "pid").read_text())
    assert within(10, lambda: not processes.started_at(pid))
    assert within(10, lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()))

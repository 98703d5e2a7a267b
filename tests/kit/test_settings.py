"""The settings: what the environment says, and that no module of the kit asks it while it is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workshop_kit.settings import KIT, Settings, settings

# Programs that are measured as they are, know nothing of the kit, and are run by their path: perf/bench.py.
PROGRAMS = {"behind", "celery_peer", "compute", "inline", "load"}
ROOT = KIT / "scripts" / "pythonpath"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "workshop_kit").rglob("*.py")
    if path.stem not in PROGRAMS and path.stem != "__init__"
)
# Imports every module; prints the line of each that asks the environment for something meanwhile.
LOOK = """
import os, sys, traceback
kind, asked = type(os.environ), set()
get = kind.__getitem__
def noted(self, name):
    for frame in reversed(traceback.extract_stack()[:-1]):
        if not frame.filename.endswith(("/os.py", "_collections_abc.py>", "/_collections_abc.py")):
            if "/workshop_kit/" in frame.filename:
                asked.add(f"{frame.filename.partition('/workshop_kit/')[2]}:{frame.lineno} reads {name}")
            break
    return get(self, name)
kind.__getitem__ = noted
import importlib
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except Exception as error:
        asked.add(f"{module} cannot be imported: {error!r}")
print(*sorted(asked), sep="\\n")
"""


def test_no_module_reads_the_environment_when_it_is_imported(tmp_path: Path) -> None:
    assert len(MODULES) > 80
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PREFECT_HOME": str(tmp_path),
        "MARVIN_HOME_PATH": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(KIT / "durable" / "src")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-P", "-c", LOOK, *MODULES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr


def test_nothing_set_is_what_env_sh_says_by_default() -> None:
    found = Settings.from_environment({})
    assert (found.home, found.venv) == (KIT / ".workshop", KIT / ".venv")
    assert (found.prefect_port, found.web_port, found.web) == (4200, 8000, "http://127.0.0.1:8000")
    assert (found.remote, found.joined, found.postgresql, found.grace) == (False, "", False, 30)


@pytest.mark.parametrize(
    ("name", "value", "what", "is_now"),
    [
        ("WORKSHOP_HOME", "/a/home", "run", Path("/a/home/run")),
        ("PREFECT_API_URL", "http://127.0.0.1:4300/api", "ui", "http://127.0.0.1:4300"),
        ("PREFECT_API_URL", "https://there:4243/api/", "ui", "https://there:4243"),
        ("WEB_PORT", "8100", "web", "http://127.0.0.1:8100"),
        ("REMOTE", "1", "remote", True),
        ("REMOTE", "0", "remote", False),
        ("DB", "postgres://me:secret@host/name", "db", "postgresql://me:secret@host/name"),
        ("DB", "postgresql://host/name", "postgresql", True),
        ("GRACE", "0", "grace", 0),
        ("TUNED", "1", "tuned", True),
    ],
)
def test_a_setting(name: str, value: str, what: str, is_now: object) -> None:
    assert getattr(Settings.from_environment({name: value}), what) == is_now


def test_they_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", "8100")
    first = settings()
    monkeypatch.setenv("WEB_PORT", "8200")
    assert settings() is first and first.web_port == 8100

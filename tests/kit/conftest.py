"""These tests import the kit's modules as they are, without scripts/env.sh: `pytest tests/kit` works, too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

KIT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(KIT / "scripts" / "pythonpath"), str(KIT / "durable" / "src")]

from workshop_kit.settings import settings  # noqa: E402


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A WORKSHOP_HOME of its own, and settings that are read anew."""
    monkeypatch.setenv("WORKSHOP_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()

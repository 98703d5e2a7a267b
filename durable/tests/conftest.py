"""How many examples Hypothesis tries: 300, and 10,000 in make test-long. A failure prints what repeats it."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect_server import PrefectServer

settings.register_profile("short", max_examples=300, deadline=None, database=None, print_blob=True)
settings.register_profile("long", parent=settings.get_profile("short"), max_examples=10_000)
settings.load_profile("long" if os.environ.get("HYPOTHESIS_LONG") else "short")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """One for all tests, in a process of its own; nothing of it is left."""
    found = PrefectServer(tmp_path_factory.mktemp("prefect"))
    storage = tmp_path_factory.mktemp("storage")
    with temporary_settings({PREFECT_API_URL: found.api, PREFECT_LOCAL_STORAGE_PATH: storage}):
        yield found
    found.kill()

"""How many examples Hypothesis tries: 200, or HYPOTHESIS_LONG (10,000 in make test-long)."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect_server import PrefectServer

EXAMPLES = int(os.environ.get("HYPOTHESIS_LONG") or 200)
settings.register_profile("durable", max_examples=EXAMPLES, deadline=None, database=None, print_blob=True)
settings.load_profile("durable")


def pytest_configure(config: pytest.Config) -> None:
    """The kit's tests/lanes.py chooses by these. Without a choice all tests run."""
    config.addinivalue_line("markers", "long: real servers and some seconds, so make test leaves it out")
    config.addinivalue_line("markers", "slow: a minute and more, so the kit's .ci/run leaves it out, too")
    config.addinivalue_line("markers", "more: make test-long runs it again, with more of what it tries")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """One for all tests, in a process of its own; nothing of it is left."""
    found = PrefectServer(tmp_path_factory.mktemp("prefect"))
    storage = tmp_path_factory.mktemp("storage")
    with temporary_settings({PREFECT_API_URL: found.api, PREFECT_LOCAL_STORAGE_PATH: storage}):
        yield found
    found.kill()

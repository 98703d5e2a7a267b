"""The Prefect API for those who follow runs: waits for a restarting server, and says so.

Prefect's own client gives up when its first request finds nobody, and later tries again in silence, after 2, 4, 8, 16
and 32 s (`_has_connected` and `_send_with_retry`, client/base.py). People would see an error, or nothing at all.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

LOOK = 0.1  # seconds between looks at the runs
NOTICE = 2  # seconds without an answer, after which one line says so
GIVE_UP = 60  # seconds without an answer, after which it is an error


class Api:
    """Asks the Prefect API, and asks again while it is unreachable; `say` prints a line."""

    def __init__(self, client: SyncPrefectClient, say: Callable[[str], Any]) -> None:
        self._client = client
        self._say = say
        # For the questions only: a submit in between needs Prefect's retries. (temporary_settings would build
        # all settings again for each question: 23 ms.)
        usual = get_settings_context()
        once = usual.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0})
        self._without_retries = SettingsContext(profile=usual.profile, settings=once)

    def ask(self, question: Callable[[SyncPrefectClient], Any]) -> Any:
        """The answer. Raises httpx.HTTPError for a question that is refused, or after GIVE_UP seconds."""
        since, announced = time.monotonic(), False
        while True:
            try:
                with self._without_retries:
                    answer = question(self._client)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
                away = time.monotonic() - since
                if refused or away > GIVE_UP:
                    raise
                if away > NOTICE and not announced:
                    self._say("waiting    for the Prefect API, which does not answer (make status)")
                    announced = True
                time.sleep(LOOK)
            else:
                if announced:
                    self._say(f"           it answers again, after {time.monotonic() - since:.0f} s")
                return answer


@contextmanager
def api(say: Callable[[str], Any]) -> Iterator[Api]:
    """The API to ask, while the block lasts."""
    with get_client(sync_client=True, httpx_settings={"timeout": 10}) as client:
        yield Api(client, say)

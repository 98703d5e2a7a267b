"""A warning of Prefect's that a short program would show its audience without a reason."""

import logging
from types import ModuleType


def quieten(module: ModuleType) -> None:
    """After prefect.main: a short program that sends its last events before it ends is no reason for a warning."""
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)

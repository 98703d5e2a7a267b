"""What Prefect shows on a terminal: a warning without a reason, and characters that would steer the terminal."""

import logging
from types import ModuleType

from durable.text import LINES, printable


def quieten(module: ModuleType) -> None:
    """After prefect.main: a short program that sends its last events before it ends is no reason for a warning."""
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)


def make_printable(module: ModuleType) -> None:
    """After prefect.logging.handlers: a line names the run, and who may submit chooses the name (durable/text.py)."""
    handler = module.PrefectConsoleHandler
    shipped = handler.format

    def format_printably(self: logging.Handler, record: logging.LogRecord) -> str:
        return printable(shipped(self, record), keep=LINES)

    handler.format = format_printably

"""What Prefect shows on a terminal: a warning without a reason, and characters that would steer the terminal."""

import logging
import re
from types import ModuleType

from durable.text import LINES, printable

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def quieten(module: ModuleType) -> None:
    """After prefect.main: a short program that sends its last events before it ends is no reason for a warning."""
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)


def make_printable(module: ModuleType) -> None:
    """After prefect.logging.handlers: a line names the run, and who may submit chooses the name (durable/text.py).

    Colours go without a trace: flask's server has some, and in a name they would hide the rest of the line.
    """
    handler = module.PrefectConsoleHandler
    shipped = handler.format

    def format_printably(self: logging.Handler, record: logging.LogRecord) -> str:
        return printable(COLOUR.sub("", shipped(self, record)), keep=LINES)

    handler.format = format_printably

"""What the kit's Python scripts share: errors of one line, what a person typed, what containers have.

Standard library only, so that the scripts that need nothing else start in a few milliseconds.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from workshop_kit import state_files
from workshop_kit.settings import KIT, settings


def fail(what: str, remedy: str, code: int = 2) -> NoReturn:
    """Print one line, what is wrong and what fixes it, and exit (2 unless told otherwise)."""
    from durable.text import printable  # only now: it costs milliseconds

    what = printable(" ".join(what.split())).rstrip(".")
    if (goal := os.environ.get("WORKSHOP_GOAL")) and remedy.startswith("make … "):
        remedy = remedy.replace("make …", f"make {goal}", 1)  # the command that was typed
    print(f"error: {what[:300]}. Try: {remedy}", file=sys.stderr)
    sys.exit(code)


def refuse_other_machine() -> None:
    """Exit 2 where this WORKSHOP_HOME is in use on another machine: nothing of that one's is stopped or taken here."""
    if name := state_files.other_machine():
        remedy = "make stop there, or set another WORKSHOP_HOME here; if that machine is gone for good, rm -r "
        fail(f"{settings().home} is in use on another machine, {name}", f"{remedy}'{settings().run}'")


def whole_number(name: str, default: int, low: int, high: int, remedy: str = "") -> int:
    """The environment variable as an integer. Exits 2 with one line if it is not a whole number, or not in low…high."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
        fail(f"{name}={text[:60]!r} is not a whole number from {low} to {high}", remedy or f"make … {name}={default}")
    return int(text)


def one_of(name: str, default: str, *others: str) -> str:
    """The environment variable, or the default where it is empty. Exits 2 with one line if it is another word."""
    text = os.environ.get(name) or default
    if text not in (default, *others):
        words = [word for word in (default, *others) if word]
        fail(f"{name}={text[:60]!r} is not one of: {' '.join(words)}", f"make … {name}={words[0]}")
    return text


def typed(name: str, default: str) -> str:
    """What a person typed for NAME, exactly. Exits 2 with one line if it is empty or not valid UTF-8."""
    text = os.environ.get(name, default)
    if not text.strip():
        fail(f"{name} is empty", f"make … {name}=Marvin")
    try:
        text.encode()
    except UnicodeEncodeError:
        fail(f"{name} is not valid UTF-8", f"make … {name}=Marvin")
    return text


def run_in_good_order(main: Callable[[], int], left: str) -> NoReturn:
    """Exit with main's code. Ctrl-C says `left` and exits 130. SIGTERM and SIGHUP end it as sys.exit does, so that what
    it started is stopped; once: `make` passes on what the whole process group has got already, and a second one must
    not cut the stopping short.
    """

    def end(number: int, _: object) -> NoReturn:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(f"\n{left}", file=sys.stderr)
        sys.exit(130)


def end_with_reader() -> None:
    """Let a reader that has gone (`| head`) end this process without a word, where sitecustomize.py is not loaded.

    Not by SIGPIPE, which would end it also when a server that it asks has gone.
    """

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, BrokenPipeError):
            os._exit(128 + signal.SIGPIPE)
        sys.__excepthook__(kind, error, trace)

    sys.excepthook = report


def end_without_a_word() -> None:
    """The same, and let Ctrl-C end this process as it ends a shell script."""
    end_with_reader()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def shown(path: Path) -> str:
    """A path as people see it in the folder of the kit."""
    return str(path.relative_to(KIT) if path.is_relative_to(KIT) else path)


# --- containers -----------------------------------------------------------------------------

# In Docker: what runs a command where the task servers are.
IN_CONTAINER = ["docker", "compose", "exec", "-T", "task-server", "docker/entrypoint.sh"]


def copy_from_container(path: str) -> Path:
    """In Docker: what the containers have at that path below their WORKSHOP_HOME, as a copy made now, in RUN.

    Nothing is there when they have none, or there is no container.
    """
    import shutil  # only now, with the next: each takes milliseconds
    import subprocess

    copy = settings().run / path
    if copy.is_dir():
        shutil.rmtree(copy, ignore_errors=True)
    copy.unlink(missing_ok=True)
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    command = ["docker", "compose", "cp", f"task-server:/data/{path}", str(copy)]
    subprocess.run(command, capture_output=True, check=False)
    return copy


def of_port(path: str) -> Path:
    """A file or folder that the port for other machines keeps; a copy of it where it is in containers."""
    running = state_files.running_example()
    return copy_from_container(f"port/{path}") if running and running.docker else settings().home / "port" / path

"""The kit's commands, typed without a person: start an example, wait until it is ready, ask it for work, stop it.

For the pictures, the tour, the demo, the benchmarks and the rounds of chaos. A Kit is the one of this WORKSHOP_HOME
(`environment`), or one in a home and on ports of its own (`own_environment`, or `own_kit`, which deletes it too).
"""

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from workshop_kit import examples, ports, variables, workshop

START, STEP = 120, 180  # seconds that an example may take until it is ready, and a command
ENDING = 90  # seconds that an example may take to end once `make stop` is over
# What make and the kit's scripts hand down to what they start.
HANDED_DOWN = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "CHAOS_SECONDS", "OWN_CODE"}
# What the person's shell or .env says must not change what others see and measure.
DEFAULTS = {"CODE": "", "DB": "", "REMOTE": "0", "TUNED": "1", "WORK_SECONDS": "0.3", "FAIL_RATE": "0.2", "GRACE": "5"}
# A set-up on the way needs these wherever it is.
FOR_THE_SET_UP = ("PYTHON", "WHEELS")
PORTS = 3 + examples.ports_after("WEB_PORT")  # the Prefect server's, WEB_PORT and those counted from it, one more


class Broken(Exception):
    """What was typed behind `make`, and what it said."""


def environment() -> dict[str, str]:
    """Ours, without what was typed for our own command alone."""
    not_passed_on = variables.of_one_command() | HANDED_DOWN
    # The finished files, whatever .env says.
    return {name: value for name, value in os.environ.items() if name not in not_passed_on} | {"CODE": ""}


def own_environment(home: Path, kept: Iterable[str] = (), **settings: str) -> dict[str, str]:
    """For a kit in this home and on free ports. Of our own settings only those named in `kept` count there."""
    not_passed_on = variables.settings() - {*kept, *FOR_THE_SET_UP} | {"NO_COLOR"}
    ours = {name: value for name, value in environment().items() if name not in not_passed_on}
    first = free_ports()
    places = {"WORKSHOP_HOME": str(home), "PREFECT_PORT": str(first), "WEB_PORT": str(first + 1)}
    return DEFAULTS | ours | places | settings


def free_ports() -> int:
    """The first of PORTS ports in a row that are free on this machine. Exits 2 if there are none."""
    # Not those of the tests (tests/helpers/base.bash), nor those that systems give to clients.
    firsts = range(30200, 32700, 10)
    mine = os.getpid() % len(firsts)  # two that look at the same time are to find different ones
    first = ports.free_in_a_row(PORTS, [*firsts[mine:], *firsts[:mine]])
    return first or workshop.fail(f"there are no {PORTS} free ports in a row", "stop what uses them")


class Kit:
    """The kit in an environment, to type make commands at. Terminal 1 is the one that the example runs in."""

    def __init__(self, environment: dict[str, str], name: str, folder: Path = workshop.KIT) -> None:
        self.environment, self.folder = environment, folder
        self.terminal: subprocess.Popen[bytes] | None = None
        self.log = Path(environment["WORKSHOP_HOME"], "logs", f"{name}.log")  # what terminal 1 shows
        self.prefect = f"http://127.0.0.1:{environment['PREFECT_PORT']}"
        self.web = f"http://127.0.0.1:{environment['WEB_PORT']}"

    def make(self, typed: str, seconds: float = STEP, in_a_terminal: bool = False) -> str:
        """Type `make …`; what it printed. Raises Broken if it fails or takes too long."""
        screen, output = pty.openpty() if in_a_terminal else os.pipe()
        process = self.begin(typed, output)
        patience = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        patience.daemon = True  # Ctrl-C may come while it starts
        printed = b""
        try:
            os.close(output)
            patience.start()
            with contextlib.suppress(OSError):  # Linux says so when the last program on the terminal has ended
                while part := os.read(screen, 65536):
                    printed += part
            code = process.wait()
        finally:
            patience.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            os.close(screen)
        text = printed.decode(errors="replace").replace("\r\n", "\n")
        if code == -signal.SIGKILL:
            raise Broken(typed, f"{text}\nit took more than {seconds} s")
        if code:
            raise Broken(typed, text)
        return text

    def begin(self, typed: str, output: int) -> subprocess.Popen[bytes]:
        """Type `make …`, in a session of its own."""
        return subprocess.Popen(
            ["make", "-s", "-C", str(self.folder), *typed.split()],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def start(self, typed: str, seconds: float = START) -> str:
        """Start an example; the line that says it is ready. Raises Broken if it does not come up."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self.terminal = self.begin(typed, output.fileno())
        patience = time.monotonic() + seconds
        while not (ready := re.search(r"^ready.*", text := self.log.read_text(errors="replace"), re.M)):
            if self.terminal.poll() is not None or "; it stays down after " in text or time.monotonic() > patience:
                raise Broken(typed, text)
            time.sleep(0.05)
        return ready.group()

    def stop(self, how: str = "stop") -> None:
        """`make stop`, and wait for terminal 1. A second Ctrl-C must not leave anything behind."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with open(os.devnull, "wb") as nowhere:
                self.begin(how, nowhere.fileno()).wait()
            if self.terminal:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.terminal.wait(timeout=ENDING)
                if self.terminal.poll() is None:
                    os.killpg(self.terminal.pid, signal.SIGKILL)
                self.terminal = None
        finally:
            signal.signal(signal.SIGINT, before)

    @contextlib.contextmanager
    def running(self, typed: str, seconds: float = START) -> Iterator[str]:
        """An example, from its line "ready" to its end, come what may. Raises Broken if it does not come up."""
        try:
            yield self.start(typed, seconds)
        finally:
            self.stop()


@contextlib.contextmanager
def own_kit(name: str, kept: Iterable[str] = (), **settings: str) -> Iterator[Kit]:
    """A Kit in a home and on ports of its own, stopped and deleted at the end, come what may."""
    home = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    kit = Kit(own_environment(home, kept, **settings), name)
    try:
        yield kit
    finally:
        kit.stop()
        shutil.rmtree(home, ignore_errors=True)

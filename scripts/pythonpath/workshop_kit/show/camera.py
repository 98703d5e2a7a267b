"""What show/pictures.py works with: a kit of its own, its terminals as SVG and its pages as PNG.

A reader is to see what the reader's own machine will show: the default ports, and no name or folder of this machine.
"""

import contextlib
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from workshop_kit import workshop

COLUMNS = 100
WINDOW = {"width": 1100, "height": 460}  # of a page, in pixels; a longer page is shown as a whole
LARGEST = 300  # KB: a README with its pictures is to open quickly
START, STEP = 120, 180  # seconds that an example may take until it is ready, and a command
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# What a person's shell or .env sets must not change a picture.
DEFAULTS = {"CODE": "", "DB": "", "REMOTE": "0", "TUNED": "1", "WORK_SECONDS": "0.3", "FAIL_RATE": "0.2", "GRACE": "5"}
NOT_OURS = (
    "EX",
    "OUT",
    "DOCKER",
    "N",
    "NAME",
    "NAMES",
    "EMAIL",
    "SERVERS",
    "LIMIT",
    "LLM",
    "Q",
    "WAIT",
    "ONCE",
    "SEED",
)
MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "NO_COLOR", "WSL_DISTRO_NAME")


def chromium() -> str:
    """The path of the browser. Exits 2 with one line if there is none."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    workshop.fail("the pictures of pages need Chromium, and there is none", "sudo apt install chromium; or EX=2 alone")


def free_ports() -> int:
    """The first of six ports in a row that are free on this machine."""
    for first in range(14200, 30000, 10):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + 6):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    workshop.fail("there are no six free ports in a row", "stopping what uses them")


def self_contained(svg: str) -> str:
    """rich names a font on a CDN, and its own page: a picture must not fetch anything."""
    return re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->", "", svg, flags=re.S)


class Studio:
    """The kit in a WORKSHOP_HOME and on ports of its own; `with` ends all of it, come what may."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def __enter__(self) -> "Studio":
        self.home = tempfile.mkdtemp(prefix="pictures-")
        first = free_ports()
        self.ports = {first: 4200} | {first + 1 + i: 8000 + i for i in range(5)}  # ours → what is shown
        self.prefect, self.web = f"http://127.0.0.1:{first}", f"http://127.0.0.1:{first + 1}"
        self.environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS + MAKES_OWN}
        self.environment |= DEFAULTS
        self.environment |= {"WORKSHOP_HOME": self.home, "PREFECT_PORT": str(first), "WEB_PORT": str(first + 1)}
        self.environment |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def command(self, typed: str) -> list[str]:
        return ["make", "-s", "-C", str(workshop.KIT), *typed.split()]

    def stop(self) -> None:
        subprocess.run(
            self.command("stop"),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            start_new_session=True,
        )

    def make(self, typed: str) -> str:
        """Type `make …`; what it prints in a terminal, with its colours. Exits 1, showing that, if it fails."""
        screen, terminal = pty.openpty()
        process = subprocess.Popen(
            self.command(typed),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        patience = threading.Timer(STEP, os.killpg, (process.pid, signal.SIGKILL))
        patience.start()
        printed = b""
        try:
            with contextlib.suppress(OSError):  # Linux says so when the last program on the terminal has ended
                while part := os.read(screen, 65536):
                    printed += part
            code = process.wait()
        finally:
            patience.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            os.close(screen)
        # What stays on the screen: a live board before that is rubbed out.
        text = printed.decode(errors="replace").replace("\r\n", "\n").rpartition("\x1b[2K")[2]
        if code:
            workshop.fail(f"make {typed} failed: {text[-200:]}", "make doctor", 1)
        return text.strip("\n")

    @contextlib.contextmanager
    def running(self, typed: str) -> Iterator[str]:
        """The example of terminal 1, and the line that says it is ready. Exits 1 if it does not come up."""
        log = Path(self.home, "terminal-1.log")
        with log.open("wb") as output:
            terminal = subprocess.Popen(
                self.command(typed),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            patience = time.monotonic() + START
            while not (ready := re.search(r"^ready.*", log.read_text(errors="replace"), re.M)):
                if terminal.poll() is not None or time.monotonic() > patience:
                    said = log.read_text(errors="replace")[-200:]
                    workshop.fail(f"make {typed} did not become ready: {said}", "make doctor", 1)
                time.sleep(0.2)
            yield ready.group()
        finally:
            self.stop()
            terminal.wait(timeout=60)

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """POST to Prefect's API. It may just have been killed by chaos: asks again for START seconds, then exits 1."""
        patience = time.monotonic() + START
        while True:
            try:
                return workshop.call("POST", f"{self.prefect}/api{path}", body)
            except OSError as error:
                if time.monotonic() > patience:
                    workshop.fail(f"the Prefect API does not answer: {error}", "make doctor", 1)
                time.sleep(0.5)

    # --- the two kinds of pictures ----------------------------------------------------------------

    def as_shown(self, text: str) -> str:
        """What a reader's machine would print: its ports, its folder, its name, each as wide as ours."""
        for ours, shown in self.ports.items():
            text = text.replace(f":{ours}", f":{shown}")
        text = text.replace(self.home, ".workshop")
        host = re.escape(socket.gethostname())
        return re.sub(rf"\b{host}\b *", lambda found: "laptop"[: len(found[0])].ljust(len(found[0])), text)

    def terminal(self, name: str, *typed_and_printed: tuple[str, str]) -> None:
        """A picture of a terminal: what was typed, and what it printed."""
        console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False)
        for typed, printed in typed_and_printed:
            console.print(Text.assemble(("$ ", "green"), (typed, "bold")))
            console.print(Text.from_ansi(self.as_shown(printed)))
            console.print()
        svg = console.export_svg(title=typed_and_printed[-1][0].partition("  #")[0], unique_id=name)
        self.keep(f"{name}.svg", self_contained(svg).encode())

    def page(self, name: str, url: str, act: Callable[[Any], Any]) -> None:
        """A picture of a page, once `act` has done to it what a person would and seen what is to be seen.

        Of the whole page, or of the part that `act` returns: x, y, width and height in pixels.
        """
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(),
                args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            )
            page = browser.new_page(viewport=WINDOW)
            page.goto(url)
            part = act(page)
            for ours, shown in self.ports.items():
                page.evaluate(SHOW_PORT, [f":{ours}", f":{shown}"])
            self.keep(f"{name}.png", page.screenshot(clip=part) if part else page.screenshot(full_page=True))
            browser.close()

    def keep(self, name: str, picture: bytes) -> None:
        """Write the file. Exits 1 if it is too large for a README."""
        size = len(picture) / 1024
        if size > LARGEST:
            workshop.fail(f"{name} is {size:.0f} KB, and {LARGEST} KB is the most", "a smaller WINDOW in studio.py", 1)
        (self.out / name).write_bytes(picture)
        print(f"{name}: {size:.0f} KB", flush=True)


# Puts one port for another into the texts of a page.
SHOW_PORT = """([ours, shown]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.nodeValue = texts.currentNode.nodeValue.replaceAll(ours, shown)
}"""

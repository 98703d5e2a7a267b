"""Takes the pictures of show/pictures.py: terminals as SVG, pages as PNG.

A reader is to see what the reader's own machine will show: the default ports, and no name or folder of this machine.
"""

import re
import shutil
import socket
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from workshop_kit import svg, workshop
from workshop_kit.launch.unattended import Kit

COLUMNS = 100
WINDOW = {"width": 1100, "height": 460}  # of a page, in pixels; a longer page is shown as a whole
LARGEST = 300  # KB: a README with its pictures is to open quickly
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Puts one port for another into the texts of a page.
SHOW_PORT = """([ours, shown]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.nodeValue = texts.currentNode.nodeValue.replaceAll(ours, shown)
}"""


def chromium() -> str:
    """The path of the browser. Exits 2 with one line if there is no browser."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    workshop.fail("the pictures of pages need Chromium, and it is not here", "sudo apt install chromium; or EX=2 alone")


class Camera:
    """Makes pictures of what a kit shows, into a folder."""

    def __init__(self, kit: Kit, out: Path) -> None:
        self.out, self.home = out, kit.environment["WORKSHOP_HOME"]
        prefect, web = int(kit.environment["PREFECT_PORT"]), int(kit.environment["WEB_PORT"])
        self.ports = {prefect: 4200} | {web + more: 8000 + more for more in range(5)}  # the kit's → what is shown
        kit.environment |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}

    def as_shown(self, text: str) -> str:
        """What a reader's machine would print: its ports, its folder, its name, each as wide as ours."""
        for ours, shown in self.ports.items():
            text = text.replace(f":{ours}", f":{shown}")
        text = text.replace(self.home, ".workshop")
        host = re.escape(socket.gethostname())
        return re.sub(rf"\b{host}\b *", lambda found: "laptop"[: len(found[0])].ljust(len(found[0])), text)

    def terminal(self, name: str, *typed_and_printed: tuple[str, str]) -> None:
        """A picture of a terminal: what was typed, and what it printed."""
        console = Console(
            record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False, no_color=True
        )
        for typed, printed in typed_and_printed:
            console.print(Text.assemble("$ ", (typed, "bold")))
            console.print(Text.from_ansi(self.as_shown(on_the_screen(printed))))
            console.print()
        title = typed_and_printed[-1][0].partition("  #")[0]
        self.keep(f"{name}.svg", svg.drawn(console, title, name).encode())

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
            workshop.fail(f"{name} is {size:.0f} KB, over {LARGEST} KB", "set a smaller WINDOW in camera.py", 1)
        (self.out / name).write_bytes(picture)
        print(f"{name}: {size:.0f} KB", flush=True)


def on_the_screen(printed: str) -> str:
    """What stays on the screen: a live board before that is rubbed out."""
    return printed.rpartition("\x1b[2K")[2].strip("\n")

#!/usr/bin/env python3
"""Makes docs/ex2.svg, the picture in the README, from the real thing: runs make ex2 and make submit-map N=20.

In a WORKSHOP_HOME and on ports of its own. Takes half a minute. Run it by `make pictures`.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

import workshop

COLUMNS = 96


def screen(shell: subprocess.Popen[bytes], log: Path) -> str:
    """What make ex2 printed once it is ready. Exits 1 if that takes more than 60 s."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience and shell.poll() is None:
        text = log.read_text()
        if re.search(r"^ready", text, re.M):
            return text
        time.sleep(0.2)
    workshop.fail(f"make ex2 did not become ready: {log.read_text()[-200:]}", "make doctor", 1)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "WORKSHOP_HOME": folder, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
        environment |= {"PREFECT_PORT": "14200", "WEB_PORT": "18000", "MAKEFLAGS": ""}
        log = Path(folder) / "ex2.log"
        make = ["make", "-s", "-C", str(workshop.KIT)]
        with log.open("wb") as output:
            example = subprocess.Popen([*make, "ex2", "SERVERS=2"], stdout=output, stderr=output, env=environment)
        try:
            first = screen(example, log)
            mapped = subprocess.run(
                [*make, "submit-map", "N=20"], capture_output=True, text=True, env=environment, check=True
            ).stdout
        finally:
            example.terminate()
            example.wait()
    # The default ports are what a reader will see.
    ready = re.search(r"^ready.*", first, re.M).group().replace(":14200", ":4200")
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), highlight=False)  # noqa: SIM115
    for text in (f"$ make ex2 SERVERS=2\n{ready}\n", f"$ make submit-map N=20      # in another terminal\n{mapped}"):
        console.print(Text.from_ansi(text))
    docs = workshop.KIT / "docs"
    docs.mkdir(exist_ok=True)
    console.save_svg(str(docs / "ex2.svg"), title="make submit-map N=20", unique_id="ex2")
    svg = docs / "ex2.svg"
    # rich names a font on a CDN; the picture must not fetch anything.
    svg.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg.read_text(), flags=re.S))
    print(f"docs/ex2.svg: {svg.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

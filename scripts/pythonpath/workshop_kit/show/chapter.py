"""Reads a chapter, which is the README of an example, as the steps that make demo plays and the tests execute.

One file for the reader, the speaker and the tests, so that none of them can rot alone. What counts in it:

  ## Run it                            a section; make demo plays this one, ALL=1 every one
  ### 2.4–2.6 Submit a run             shows what these steps of steps.toml write; make demo FROM=2.5 begins here
  Terminal 2 …                         with a capital T: what follows happens in that terminal
  Terminal 3, on machine B …           and that one is on another machine
  ```bash … ```                        commands to type, a line each
  ```text … ```                        what the terminal then shows: each line, in any order. A number stands for any
                                       number, an id for any id, … for anything. A line with `? ` and an answer is a
                                       question, and what to type
  ```diff … ```                        a change to save in the file that its first line names (`--- path`)
  Undo the change                      saves the files as they were
  Ctrl-C in terminal 1                 is pressed
  Open <http://127.0.0.1:8000>         a page to show; it must be there
  <!-- speaker, 2 min: … -->           what to say meanwhile, and how long that takes; only make demo NOTES=1 shows it
  ```text only …```                    an example, which nobody promises: it depends on luck
  ```sh ```                            is for the reader alone: it needs what a test does not have
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from workshop_kit import examples
from workshop_kit.settings import settings

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
JOIN_CODE = r"([0-9A-Z]{4}-){5}[0-9A-Z]{4}"
VOLATILE = re.compile(
    rf"(?P<any>…)|(?P<hidden>\? {JOIN_CODE}$)|(?P<code>{JOIN_CODE})"
    rf"|(?P<id>{UUID}|\b(?=[0-9a-f]*\d)[0-9a-f]{{8}}\b)|(?P<number>\d+(\.\d+)?)|(?P<space>\s+)"
)
# What a sentence does.
DOES = re.compile(
    r"\bTerminal (?P<here>\d)(,\s+on machine (?P<machine>[A-Z]))?|(?P<undo>Undo the change)"
    r"|Ctrl-C in terminal (?P<ctrl_c>\d)|Open <(?P<url>http://[^>]+)>"
)


@dataclass
class Event:
    """One thing that happens, in the order of the file."""

    kind: str  # say, note, type, shows, save, undo, press, open
    text: str
    section: str
    terminal: int = 1
    minutes: float = 0  # of a note
    machine: str = ""  # on which the terminal is; empty where a chapter has one machine


def title(path: Path) -> str:
    """The first heading of the file."""
    return re.search(r"^# (.+)$", path.read_text(), re.M)[1]


def read(path: Path) -> list[Event]:
    """All steps of a chapter."""
    steps: list[Event] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text())
    section, terminal = "", 1
    machines: dict[int, str] = {}
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "inline" and before.type == "heading_open":
            if before.tag == "h2":
                section = token.content
            elif before.tag == "h3":
                steps.append(Event("say", f"### {token.content}", section, terminal))
        elif token.type == "inline" and before.type == "paragraph_open":
            text = token.content
            if text.startswith("!["):
                continue  # a picture: the audience has the real thing
            steps.append(Event("say", text, section, terminal))
            for found in DOES.finditer(text):
                if found["here"]:
                    terminal = int(found["here"])
                    machines.setdefault(terminal, found["machine"] or "")
                elif found["undo"]:
                    steps.append(Event("undo", "", section, terminal))
                elif found["ctrl_c"]:
                    steps.append(Event("press", "Ctrl-C", section, int(found["ctrl_c"])))
                else:
                    steps.append(Event("open", found["url"], section, terminal))
        elif token.type == "html_block":
            for minutes, text in re.findall(r"<!-- speaker, ([\d.]+) min: (.+?)\s*-->", token.content, re.S):
                steps.append(Event("note", " ".join(text.split()), section, terminal, float(minutes)))
        elif token.type == "fence" and token.info.startswith("text only"):
            steps.append(Event("say", f"```text\n{token.content}```", section, terminal))
        elif token.type == "fence" and token.info in ("bash", "text", "diff"):
            kind = {"bash": "type", "text": "shows", "diff": "save"}[token.info]
            steps.append(Event(kind, token.content.rstrip("\n"), section, terminal))
    for step in steps:
        step.machine = machines.get(step.terminal, "")
    return steps


HEADING = re.compile(r"### (\d+)\.(\d+)(?:–\d+\.(\d+))? ")


def numbers(steps: list[Event]) -> list[str]:
    """The steps that the headings name: 2.4–2.6."""
    return [step.text.split()[1] for step in steps if HEADING.match(step.text)]


def index_of(steps: list[Event], number: str) -> int | None:
    """Where the part begins that shows a step, 2.5 or 5; None if none does."""
    for index, step in enumerate(steps):
        if found := HEADING.match(step.text):
            ex, first, last = found[1], int(found[2]), int(found[3] or found[2])
            if number.removeprefix(f"{ex}.") in map(str, range(first, last + 1)):
                return index
    return None


def pattern(line: str) -> re.Pattern[str]:
    """What a line of a ```text block promises: its volatile parts stand for any others of their kind."""
    kinds = {"any": ".*", "id": rf"({UUID}|[0-9a-f]{{8}})", "number": r"\d+(\.\d+)?", "space": r"\s+"}
    kinds |= {"hidden": r"\?.*", "code": JOIN_CODE}
    parts, end = [], 0
    for found in VOLATILE.finditer(line.strip()):
        parts += [re.escape(line.strip()[end : found.start()]), kinds[found.lastgroup]]
        end = found.end()
    return re.compile("".join(parts) + re.escape(line.strip()[end:]))


def missing(promised: str, lines: list[str]) -> str | None:
    """The first promised line that is not there. Each stands for a line of its own, in any order."""
    left = list(lines)
    for line in promised.splitlines():
        if line.strip() in ("", "…"):
            continue
        wanted = pattern(line)
        found = next((index for index, there in enumerate(left) if wanted.search(there)), None)
        if found is None:
            return line
        del left[found]
    return None


def here(text: str) -> str:
    """The same command or address with the ports of this machine in the place of the default ones."""
    ports = {"4200": str(settings().prefect_port)}
    of_web_apps = range(1 + examples.ports_after("WEB_PORT"))
    ports |= {str(8000 + more): str(settings().web_port + more) for more in of_web_apps}
    return re.sub(rf"((?<=:)|(?<=--port ))({'|'.join(ports)})\b", lambda found: ports[found[0]], text)

"""What the room's screen shows: how to join, the board, and one learner. Names only while they are to be seen."""

import time
from dataclasses import dataclass

import pyfiglet
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from workshop_kit import findings
from workshop_kit.learners import steps
from workshop_kit.room.roster import LATELY, Roster, Row

ORDERS = {  # of the rows that do not call
    "who is behind": lambda row: (row.ex, row.step, row.changed),
    "who is still longest": lambda row: row.changed,
    "by number": lambda row: row.number,
}
KEYS = "n names  s sort  ↑↓ ⏎ open  h helped  r rename  x hide  d door  c code  q close"
FONTS = ["standard", "small", "mini"]  # of the code, the largest that fits


@dataclass
class Look:
    """What the instructor has chosen to see."""

    at: str  # where learners join
    code: str
    names: bool = False
    order: str = "who is behind"
    chosen: int = 0  # the number of a row; 0: none
    view: str = "code"  # code, board, one, rename, drop, close; once: on paper, without keys
    hidden: bool = False  # show the rows that were hidden, too
    typed: str = ""  # of a new name


def place(row: Row) -> str:
    """Example and step, as `ex 2   3 of 8`."""
    if not row.ex:
        return "–"
    try:
        every = len(steps.of(row.ex))
    except (OSError, KeyError):
        return f"ex {row.ex}"
    if not row.step:
        return f"ex {row.ex}"
    return f"ex {row.ex}   {'done' if row.step > every else f'{row.step} of {every}'}"


def since(when: float) -> str:
    """How long ago, in whole minutes: a board is not read for seconds."""
    minutes = max(0, int((time.time() - when) / 60))
    return "now" if not minutes else f"{minutes} min" if minutes < 100 else f"{minutes // 60} h"


def ago(when: float) -> str:
    return "just now" if since(when) == "now" else f"{since(when)} ago"


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


def about(row: Row) -> str:
    """What its call is about."""
    found = findings.sentence(row.finding) if row.finding else ""
    return ("perhaps solved: " if row.solved else "") + found


def ordered(roster: Roster, look: Look) -> list[Row]:
    """All rows of the board, from above: those who call by their waiting time, then the others."""
    calling = roster.calling()
    others = [row for row in roster.all() if row not in calling and (look.hidden or not row.hidden)]
    return calling + sorted(others, key=ORDERS[look.order])


def name_of(row: Row, look: Look) -> str:
    return row.me if look.names else f"no. {row.number}"


def board(roster: Roster, look: Look, height: int) -> RenderableType:
    """The board, in so many lines: what does not fit is left out around the row that was chosen, and counted."""
    every = ordered(roster, look)
    calls = sum(row.calls for row in every)
    names = "names are shown" if look.names else "names are hidden"
    door = "" if roster.door_is_open else ", door closed"
    title = f"the room{door} · {counted(len(every), 'learner')} · {calls} calling · {names} · {look.order}"
    room = max(3, height - 5)  # without the title, the table's head and the keys
    at = next((place for place, row in enumerate(every) if row.number == look.chosen), 0)
    first = min(max(0, at - room + 1), max(0, len(every) - room)) if len(every) > room else 0
    shown = every[first : first + room]
    table = Table(box=None, expand=True, padding=(0, 1), header_style="bold")
    table.add_column("", width=1)
    table.add_column("who", no_wrap=True, overflow="ellipsis", max_width=26)
    table.add_column("where", no_wrap=True)
    table.add_column("for", no_wrap=True, justify="right")
    table.add_column("calls", no_wrap=True, justify="right")
    table.add_column("about", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in shown:
        mark = "▸" if row.number == look.chosen else "–" if row.hidden else ""
        cells = (name_of(row, look), place(row), since(row.changed), since(row.called) if row.calls else "", about(row))
        table.add_row(mark, *map(Text, cells), style="bold" if row.calls else "")
    left = len(every) - len(shown)
    more = f"and {left} more: ↑↓" if left else roster.trouble
    head = Text(title, style="bold", no_wrap=True, overflow="ellipsis")
    return Group(head, table, Text(more, no_wrap=True, overflow="ellipsis"), keys(roster, look))


def keys(roster: Roster, look: Look) -> Text:
    if look.view == "once":
        return Text(f"{join_line(look)}   the code: {look.code}")
    if look.view == "rename":
        return Text(f"the new name, then Enter: {look.typed}▏", style="bold")
    if look.view == "drop":
        newcomers = counted(len(roster.newcomers()), "learner")
        return Text(f"drop the {newcomers} who came in the last {LATELY // 60} minutes? y/N", style="bold")
    if look.view == "close":
        return Text("close the room? What it knows is deleted, and nobody can join any more: y/N", style="bold")
    return Text(KEYS, no_wrap=True, overflow="ellipsis")


def one(row: Row, look: Look) -> RenderableType:
    """All that is known of one learner."""
    lines = [name_of(row, look), f"{place(row)}, since {ago(row.changed)}"]
    try:
        step = steps.of(row.ex)[row.step - 1] if row.step else None
        lines += [f"step {step.number}: {step.title}", step.text] if step else []
    except (OSError, KeyError, IndexError):
        pass
    if row.calls:
        lines += ["", f"calls, since {ago(row.called)}", about(row) or "make check and make doctor found nothing"]
    return Group(*map(Text, lines), Text(""), Text("any key goes back   h helped   r rename   x hide"))


def large(lines: list[str], width: int, height: int) -> str:
    """The lines in the largest letters in which all of them fit; empty where not even the smallest do."""
    for font in FONTS:
        drawn = [
            [line for line in pyfiglet.figlet_format(text, font=font, width=1000).splitlines() if line.strip()]
            for text in lines
        ]
        widest = max(len(line) for letters in drawn for line in letters)
        if widest <= width and sum(map(len, drawn)) + len(drawn) <= height:
            return "\n\n".join("\n".join(letters) for letters in drawn)
    return ""


def join_line(look: Look) -> str:
    return f'make join ROOM={look.at} ME="Ford, row 3"'


def how_to_join(roster: Roster, look: Look, width: int, height: int) -> RenderableType:
    """For the projector: what to type, and the code, in two lines that can be read from the last row."""
    groups = look.code.split("-")
    half = len(groups) // 2
    lines = ["-".join(groups[:half]) + "-", "-".join(groups[half:])]
    text = ["Where are you, and do you want help? In the folder of your kit:", "", f"    {join_line(look)}", ""]
    text += ["It asks for this code, shows what will be sent, and asks whether to. Any name will do.", ""]
    door = "" if roster.door_is_open else ", the door is closed"
    used = sum(-(-max(1, len(line)) // width) for line in text) + 3
    return Group(
        *(Text(line, style="bold") for line in text),
        Text(f"the code: {look.code}", style="bold"),
        Padding(Text(large(lines, width - 2, height - used), no_wrap=True), (1, 0, 0, 2)),
        Text(f"joined: {len(roster.all())}{door}   c the board   q close"),
    )

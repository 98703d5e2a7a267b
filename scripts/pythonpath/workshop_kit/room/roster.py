"""What the room knows: a row a learner, in one file, so that a room that was killed opens again as it was."""

import hashlib
import secrets
import statistics
import threading
import time
import unicodedata
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.cells import cell_len

from durable.joining import write_private
from durable.text import INVISIBLE
from durable.tls import LastMinute
from workshop_kit import findings, in_room
from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import steps

MOST = 500  # rows
A_MINUTE = 120  # new rows from one address: a whole class may share one
LATELY = 5 * 60  # seconds: who came since then is dropped by one key
DAY = 24 * 3600
BURST, A_SECOND = 30, 1  # messages of one learner: so many at once, and so many a second
GROUP = 5  # learners: of fewer, the report says nothing


class Refused(Exception):
    """Why nobody gets a new row now, and the status of that answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Row:
    """One learner. Times are seconds since 1970, by the room's own clock: none is sent."""

    number: int  # what it is called while names are hidden
    me: str
    digest: str  # of its token
    ex: int = 0  # 0: nothing was said yet
    step: int = 0
    changed: float = 0.0  # when the example or the step changed
    called: float = 0.0  # since when it calls; 0: it does not
    finding: int = 0
    solved: bool = False
    hidden: bool = False
    received: int = 0  # the number of the last line
    reached: dict[str, float] = field(default_factory=dict)  # when each step was first reached: {"2.4": …}
    found: list[int] = field(default_factory=list)  # what its calls were about
    allowance: float = BURST  # of messages, at the time `counted`
    counted: float = 0.0
    joined: float = 0.0

    @property
    def calls(self) -> bool:
        return self.called > 0


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def plain_name(me: str) -> str:
    """A name that somebody else has chosen, as text for a terminal: short, without control and direction marks."""
    kept, marks = "", 0
    for character in unicodedata.normalize("NFC", me):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind[0] == "M" and kept else 0
        seen = kind[0] in "LNPS" and cell_len(character) and character not in INVISIBLE
        if (seen or kind == "Zs" or 0 < marks <= 2) and cell_len(kept + character) <= in_room.ME:
            kept += " " if kind == "Zs" else character
    return " ".join(kept.split())


class Roster:
    """All of them. Every change is in the file before it is answered."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.RLock()
        self._all: dict[str, Row] = {}  # by their digests
        self._last = 0  # number of a row
        self.changes = 0  # since the start: whether there is something new to show
        self.trouble = ""  # why a room that is killed now would not be as it was
        self._address: dict[str, str] = {}  # from where each row came, by its digest; in no file
        self._joined = LastMinute(lambda: time.time())
        self._closed = path.with_name("closed")
        with suppress(OSError, ValueError, TypeError, KeyError):
            for kept in orjson.loads(path.read_bytes()):
                self._all[kept["digest"]] = Row(**kept)
                self._last = max(self._last, kept["number"])

    def all(self) -> list[Row]:
        with self.lock:
            return list(self._all.values())

    def numbered(self, number: int) -> Row | None:
        return next((row for row in self.all() if row.number == number), None)

    def save(self) -> None:
        with self.lock:
            self.changes += 1
            try:
                write_private(self.path, orjson.dumps([asdict(row) for row in self._all.values()]).decode())
                self.trouble = ""
            except OSError as error:  # a full disk: the room goes on
                self.trouble = f"{self.path} cannot be written: {error.strerror}"

    def calling(self) -> list[Row]:
        """Those who call, who has waited longest first."""
        return sorted((row for row in self.all() if row.calls and not row.hidden), key=lambda row: row.called)

    # --- what learners do ---------------------------------------------------------------------------

    def find(self, token: str) -> Row | None:
        return self._all.get(digest(token))

    def may_speak(self, row: Row) -> bool:
        """Whether it has sent less than it may; counts this message."""
        with self.lock:
            now = time.time()
            row.allowance = min(BURST, row.allowance + max(0.0, now - row.counted) * A_SECOND)
            row.counted = now
            if row.allowance < 1:
                return False
            row.allowance -= 1
            return True

    def join(self, me: str, address: str, token: str = "") -> tuple[str, Row]:  # noqa: S107 - empty: it has none yet
        """A learner's token and row: those that it has already, or new ones. Raises Refused."""
        with self.lock:
            row = self.find(token)
            if not row:
                self._admit(address)
                token = secrets.token_urlsafe(24)
                self._last += 1
                row = Row(self._last, "", digest(token), changed=time.time(), joined=time.time())
                self._all[row.digest], self._address[row.digest] = row, address
            row.me = self._unique(me, row)
            self.save()
            return token, row

    def _admit(self, address: str) -> None:
        """Make place for a new row from there. Raises Refused."""
        if not self.door_is_open:
            raise Refused(403, "the instructor has closed the door of the room")
        if self._joined.count(address) >= A_MINUTE:
            raise Refused(429, "too many have joined from your address in this minute")
        if len(self._all) >= MOST:
            self._make_place()
        self._joined.note(address)

    def _make_place(self) -> None:
        """Remove a row that was hidden; else one that never said anything, the last of the address that has most of
        them, so who fills the room loses these first. Raises Refused if there is none.
        """
        rows = list(self._all.values())
        silent = [row for row in rows if not row.received]
        of_address = Counter(self._address.get(row.digest) for row in silent)
        silent.sort(key=lambda row: (of_address[self._address.get(row.digest)], row.number), reverse=True)
        leaving = next((row for row in rows if row.hidden), None) or next(iter(silent), None)
        if not leaving:
            raise Refused(503, "the room is full")
        self._forget(leaving)

    def _forget(self, row: Row) -> None:
        self._all.pop(row.digest, None)
        self._address.pop(row.digest, None)

    def _unique(self, me: str, its: Row) -> str:
        taken = {row.me for row in self.all() if row is not its}
        names = (me if number == 1 else f"{me} ({number})" for number in range(1, MOST + 2))
        return next(name for name in names if name not in taken)

    def receive(self, row: Row, lines: list[dict[str, int]]) -> int:
        """What a learner's kit says; lines that were received before are left out. How many called before it."""
        with self.lock:
            for line in lines:
                if line["n"] > row.received:
                    self._take(row, line)
                    row.received = line["n"]
            self.save()
            return sum(other.called < row.called for other in self.calling() if other is not row) if row.calls else 0

    @staticmethod
    def _take(row: Row, line: dict[str, int]) -> None:
        now = time.time()
        if "ex" in line:
            row.ex, row.step, row.changed = line["ex"], line.get("step", 0), now
            row.reached.setdefault(f"{row.ex}.{row.step}", now)
        if "call" in line:
            row.called = (row.called or now) if line["call"] else 0.0
            row.hidden = row.hidden and not line["call"]  # nobody calls in vain
            row.finding, row.solved = 0, False
        if line.get("finding") and row.calls:
            row.finding = line["finding"]
            row.found.append(row.finding)
        if line.get("solved") and line["solved"] == row.finding:
            row.solved = True

    def remove(self, row: Row) -> None:
        with self.lock:
            self._forget(row)
            self.save()

    # --- what the instructor does --------------------------------------------------------------------

    @property
    def door_is_open(self) -> bool:
        """Whether anybody can join."""
        return not self._closed.exists()

    def set_door(self, *, open: bool) -> None:
        """Who is in the room stays."""
        with self.lock:
            if open:
                self._closed.unlink(missing_ok=True)
            else:
                self._closed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._closed.touch()
            self.save()

    def newcomers(self) -> list[Row]:
        """Who came in the last minutes."""
        return [row for row in self.all() if row.joined > time.time() - LATELY]

    def drop_newcomers(self) -> None:
        """They can join again, if the door is open."""
        with self.lock:
            for row in self.newcomers():
                self._forget(row)
            self.save()

    def helped(self, row: Row) -> None:
        with self.lock:
            row.called, row.finding, row.solved = 0.0, 0, False
            self.save()

    def rename(self, row: Row, me: str) -> None:
        with self.lock:
            row.me = self._unique(plain_name(me) or row.me, row)
            self.save()

    def hide(self, row: Row, hidden: bool) -> None:
        with self.lock:
            row.hidden = hidden
            self.save()

    # --- the report -----------------------------------------------------------------------------------

    def report(self) -> list[tuple[Any, ...]]:
        """Lines of kind, which, title, learners, median minutes: no names, and nothing that fewer than GROUP share."""
        lines: list[tuple[Any, ...]] = [("kind", "which", "title", "learners", "median minutes")]
        minutes: dict[str, list[float]] = {}
        reached: dict[str, int] = {}
        for row in self.all():
            in_order = sorted(row.reached.items(), key=lambda item: item[1])
            for (step, begin), (_, end) in zip(in_order, in_order[1:], strict=False):
                minutes.setdefault(step, []).append((end - begin) / 60)
            for step in row.reached:
                reached[step] = reached.get(step, 0) + 1
        for step in sorted(reached, key=lambda step: [int(part) for part in step.split(".")]):
            took = minutes.get(step, [])
            if reached[step] >= GROUP:
                median = round(statistics.median(took), 1) if len(took) >= GROUP else ""
                lines.append(("step", *_step(step), reached[step], median))
        about = [number for row in self.all() for number in set(row.found)]
        for number in sorted(set(about), key=lambda number: -about.count(number)):
            if about.count(number) >= GROUP:
                lines.append(("finding", number, findings.sentence(number), about.count(number), ""))
        return lines


def _step(name: str) -> tuple[str, str]:
    """How a report calls a step, and its title."""
    ex, place = map(int, name.split("."))
    every = steps.of(ex) if ex in EXAMPLES else []
    if not place or not every:
        return f"example {ex}", ""
    if place > len(every):
        return f"example {ex} done", ""
    return f"step {name}", every[place - 1].title

"""This kit in a room (make join): what the room may be told, and the outbox. Standard library only.

In WORKSHOP_HOME/in-room, for the owner's eyes alone:

    joined.json   the room's address, its CA and the token that stands for this laptop there; goes with make leave
    state.json    what was said last: the number of the message, the example, the step, and whether this kit calls
    outbox        what is not sent yet, a JSON object a line
    sent          all that was ever sent, for make join SHOW=1

No command waits for the room: a detached process tries once (report_place), and what cannot be sent goes with the next.
"""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from durable import joining
from workshop_kit import findings
from workshop_kit.settings import settings

PORT = 4300
PROTOCOL = 1
TRY = 3  # seconds that a detached try may take in all
LARGEST = 4096  # bytes of a message: some lines of the outbox
KEPT = 200  # lines of the outbox; of more, the oldest are of no interest
ME = 40  # characters of the name that a learner chooses: the only words that are not the kit's own
# All that a line of the outbox may have, and the largest value of each: whole numbers from 0. The room takes no other.
FIELDS = {
    "n": 1_000_000,  # the number of this line: a room that has it already does not count it again
    "ex": 99,  # the example
    "step": 99,  # the step of it; 0: no step is known; one more than there are: all are done
    "call": 1,  # 1: calls for help, 0: no longer
    "finding": findings.LARGEST,  # what the call is about: workshop_kit/findings.py
    "solved": findings.LARGEST,  # that this very finding is ✓ now
}
DAYS = 3  # membership expires after this many
AGAIN = "make join ROOM=… ME=…, as its screen shows"
JOINED, STATE, OUTBOX, SENT = "joined.json", "state.json", "outbox", "sent"


def place(name: str = "") -> Path:
    """Where a file of that name is, in the folder of the room that was joined; without a name the folder."""
    return settings().home / "in-room" / name


def fits(line: Any) -> bool:
    """Whether it is a line with nothing but FIELDS."""
    return (
        isinstance(line, dict)
        and all(name in FIELDS and type(value) is int and 0 <= value <= FIELDS[name] for name, value in line.items())
        and line.get("n", 0) > 0
    )


# --- what is kept -------------------------------------------------------------------------------


def room() -> joining.Joined | None:
    """The room that was joined, or None."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return joining.Joined(**json.loads(place(JOINED).read_text()))
    return None


def state() -> dict[str, int]:
    """What was said last. A file that is damaged counts as none."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return {name: int(value) for name, value in json.loads(place(STATE).read_text()).items()}
    return {}


def keep(joined: joining.Joined) -> None:
    """This is the room from now on, whose token this kit has."""
    joining.write_private(place(JOINED), json.dumps(vars(joined)))


def is_old() -> bool:
    """Whether the room was joined so long ago that it is over, whatever became of it."""
    return place(JOINED).stat().st_mtime < time.time() - DAYS * 24 * 3600


def forget() -> None:
    """Nothing is told any more. What was sent stays, for make join SHOW=1."""
    for name in (JOINED, STATE, OUTBOX):
        place(name).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(name: str, seconds: float) -> Iterator[bool]:
    """Whether no other process of this kit is in here, or none is any more within so many seconds."""
    with open(os.open(place(name), os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        patience = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < patience:
                    time.sleep(0.02)
                    continue
                yield False
            else:
                yield True
            return


def note(**fields: int) -> None:
    """Append a line to the outbox. An example and a step that were said last are not said again."""
    with _alone("lock", TRY):
        known = state()
        if not fields.keys() - {"ex", "step"} and all(known.get(name) == value for name, value in fields.items()):
            return
        if "call" in fields:  # another call, about something else
            known = {name: value for name, value in known.items() if name not in ("finding", "solved")}
        line = {"n": known.get("n", 0) + 1, **fields}
        lines = [*_lines(), json.dumps(line)][-KEPT:]
        joining.write_private(place(OUTBOX), "".join(each + "\n" for each in lines))
        joining.write_private(place(STATE), json.dumps(known | line))


def _lines() -> list[str]:
    try:
        return place(OUTBOX).read_text().splitlines()
    except OSError:
        return []


def will_send(lines: list[str]) -> None:
    """Write down what is about to be sent, once however often it is tried. Raises OSError where that cannot be."""
    place().mkdir(mode=0o700, parents=True, exist_ok=True)
    known: list[str] = []
    with contextlib.suppress(OSError):
        known = place(SENT).read_text().splitlines()
    starts = [at for at, line in enumerate(known) if line.startswith('{"me"')]  # of each join
    known = known[starts[-1] :] if starts else []
    with open(os.open(place(SENT), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.writelines(line + "\n" for line in lines if line not in known or line.startswith('{"me"'))


# --- sending ----------------------------------------------------------------------------------------


def send(patience: float = 0) -> dict[str, Any]:
    """Send what is in the outbox; what the room answers to it. patience: seconds for another process that sends it.

    Raises joining.NotJoined if not all of it has arrived. A room that no longer knows this kit, or is another one by
    now, is forgotten.
    """
    answer: Any = {}
    with _alone("sending", patience) as alone:
        while alone and (there := room()) and (lines := _lines()):
            while len(body := [json.loads(line) for line in lines]) > 1 and len(json.dumps(body)) > LARGEST:
                lines = lines[: len(lines) // 2]
            will_send(lines)
            try:
                status, answer = there.request("POST", "/room/told", body)
            except joining.AnotherAnswers:
                forget()
                raise joining.NotJoined(
                    "the room that you joined is closed, and another one is open there", AGAIN
                ) from None
            if status == 401:
                forget()
                raise joining.NotJoined("the room no longer knows this kit", AGAIN)
            if status in (200, 422):  # 422: another version's; they would be refused again and again
                with _alone("lock", TRY):
                    rest = [line for line in _lines() if line not in lines]
                    joining.write_private(place(OUTBOX), "".join(line + "\n" for line in rest))
            if status != 200:
                raise joining.NotJoined(f"the room answers: {_detail(answer, status)}", "run the same command later")
    if room() and _lines():
        raise joining.NotJoined("the room does not answer", "run the same command again")
    return answer if isinstance(answer, dict) else {}


def _detail(answer: Any, status: int) -> Any:
    return answer.get("detail", status) if isinstance(answer, dict) else status


def report_place(ex: int = 0) -> None:
    """Let a process of its own say where this kit is in that example, and send what is in the outbox: nobody waits."""
    if place(JOINED).exists():
        with contextlib.suppress(OSError):
            subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", "workshop_kit.learners.reporting", "place"],
                env=os.environ | {"REPORT_EX": str(ex)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def report_check(broken: list[int], passed: Collection[int]) -> None:
    """For a kit in a room: what make check or make doctor has found, the worst first, and what it saw to be right."""
    if place(JOINED).exists():
        with contextlib.suppress(OSError):
            joining.write_private(place("found"), str(broken[0] if broken else 0))
            if note_solved(passed):
                report_place()


def note_solved(passed: Collection[int]) -> bool:
    """Whether this kit calls about one of these findings, which are ✓ now; then the next message says so."""
    known = state() if place(JOINED).exists() else {}
    about = known.get("finding")
    if not known.get("call") or about not in passed or known.get("solved") == about:
        return False
    note(solved=about)
    return True

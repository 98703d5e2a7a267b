"""A room or a machine that was left while it did not answer: the next commands tell it. Standard library only.

In WORKSHOP_HOME/leaving, for the owner's eyes alone, a file each: its address, its CA, the token that it knows, and
what is to be deleted there. Nothing else is sent.
"""

import contextlib
import hashlib
import json
import time
from pathlib import Path

from durable import joining
from workshop_kit.in_room import DAYS
from workshop_kit.settings import settings

LATER = f"does not answer; your next commands tell it, for {DAYS} days at the most"
STILL = "still does not know that you left: it does not answer"
ROOM, MACHINE = "/room/row", "/durable/machine"  # what is deleted


def folder() -> Path:
    return settings().home / "leaving"


def leave(there: joining.Joined, what: str) -> bool:
    """Have that deleted there, now or later; whether it is."""
    if tell(there, what):
        return True
    name = hashlib.sha256(there.token.encode()).hexdigest()[:16]
    joining.write_private(folder() / name, json.dumps({"there": vars(there), "what": what}))
    return False


def tell(there: joining.Joined, what: str) -> bool:
    """One try. True, too, where it is gone already, or another one answers: a room that was closed knows nothing."""
    try:
        status, _ = there.request("DELETE", what)
    except joining.AnotherAnswers:
        return True
    except joining.NotJoined:
        return False
    return status in (200, 204, 401)


def send() -> list[str]:
    """Tell all that were not told yet; the names of those that still do not answer."""
    waiting = []
    for path in folder().glob("*"):
        with contextlib.suppress(OSError):  # another command has told it
            if path.stat().st_mtime > time.time() - DAYS * 24 * 3600:
                try:
                    kept = json.loads(path.read_text())
                    there = joining.Joined(**kept["there"])
                except (ValueError, TypeError, KeyError):
                    pass
                else:
                    if not tell(there, kept["what"]):
                        waiting.append(there.there)
                        continue
            path.unlink()
    with contextlib.suppress(OSError):
        folder().rmdir()
    return waiting


def forget(at: str) -> None:
    """Whoever is at that address (https://…) is told nothing any more, for it has been joined again."""
    for path in folder().glob("*"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            if json.loads(path.read_text())["there"]["at"] == at:
                path.unlink()
    with contextlib.suppress(OSError):
        folder().rmdir()

#!/usr/bin/env python3
"""A learner in the instructor's room: make join, leave and stuck, and what each command tells. Standard library only.

telling.py join     asks for the code, shows what will be sent, and asks whether to; with SHOW=1: all that was ever sent
telling.py leave    deletes the row there, and what is kept of the room here
telling.py stuck    calls for help, and says what make check or make doctor has found; OFF=1: no longer
telling.py held     what make doctor has seen to be right (TELL_HELD: numbers): is it what the call is about?
telling.py tell     where this kit is (TELL_EX: the example); ends by itself after in_room.TRY seconds, and says nothing
"""

import getpass
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from durable import joining
from workshop_kit import findings, in_room, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import lesson, steps
from workshop_kit.learners.files import read
from workshop_kit.learners.progress import PATH as PROGRESS

LOOKING = 30  # seconds that make check or make doctor may take for make stuck
NO_ROOM = (
    "this kit has joined no room",
    'make join ROOM=192.0.2.7:4300 ME="a name", as the screen of the room shows it',
)


# --- where this kit is ------------------------------------------------------------------------------


def place(ex: int) -> int:
    """The step at which a learner is: the first that is not done, one more if all are, 0 without files of their own."""
    folder = workshop.KIT / "my" / f"ex{ex}"
    if not folder.is_dir():
        return 0
    try:
        said = json.loads(PROGRESS.read_text(encoding="utf-8"))
        done, skipped = set(said["done"]), set(said["skipped"])
    except (OSError, ValueError, KeyError, TypeError):
        done, skipped = set(), set()
    every = steps.of(ex)
    learns = any(step.number in done | skipped for step in every)
    lacks = lesson.what_lacks(ex, folder, read(ex, folder)[0])
    for step in every:
        # Without make learn nobody knows what was seen.
        unseen = learns and step.seen and step.number not in done
        if step.number not in skipped and (step.place in lacks or unseen):
            return step.place
    return len(every) + 1


def tell() -> int:
    """Say where this kit is, if that has changed, and send what is in the outbox."""
    signal.alarm(in_room.TRY)  # which ends this process, whatever it waits for
    text = os.environ.get("TELL_EX", "")
    if text.isdigit() and int(text) in EXAMPLES:
        in_room.note(ex=int(text), step=place(int(text)))
    in_room.send()
    return 0


def held() -> int:
    signal.alarm(in_room.TRY)
    in_room.solved({int(number) for number in os.environ["TELL_HELD"].split()})
    in_room.send()
    return 0


# --- join -----------------------------------------------------------------------------------------


def typed_name() -> str:
    """ME, as it was typed. Exits 2 if that is no name."""
    me = " ".join(os.environ.get("ME", "").split())
    if not me:
        workshop.fail("ME is missing: what the instructor shall call you", 'make join ROOM=… ME="Ford, row 3"')
    if len(me) > in_room.ME or not me.isprintable():
        workshop.fail(f"ME has more than {in_room.ME} characters, or one that cannot be seen", 'make join … ME="Ford"')
    return me


def what_will_be_sent(at: str, me: str) -> str:
    smallest = ", ".join(f'"{name}": 0 to {largest}' for name, largest in in_room.FIELDS.items())
    return f"""This is all that will be sent, to {at} and to nobody else:
  now           "me": {json.dumps(me, ensure_ascii=False)}
  by a command  "ex", "step": the example and the step at which you are, when one of them has changed
  make stuck    "call": that you call; "finding": the number of what make check or make doctor has found;
                "solved": that number again, when it is ✓
  each time     "n": the number of the message
All but "me" are whole numbers ({smallest}).
No file, path, command or time. make join SHOW=1 prints what was sent; make leave ends it, and deletes it there."""


def join() -> int:
    if os.environ.get("SHOW") == "1":
        return show()
    at, me = os.environ.get("ROOM", ""), typed_name()
    if not at:
        workshop.fail("ROOM is missing: the address that the screen of the room shows", f'make join ROOM=… ME="{me}"')
    host, port = joining.address(at, in_room.PORT)
    joining.shown_certificates(host, port)  # before anybody types: does anybody answer?
    code = os.environ.get("JOIN_CODE", "")
    if not code:
        if not sys.stdin.isatty():
            raise joining.NotJoined("the code is missing", "JOIN_CODE in the environment or in .env")
        code = getpass.getpass("the code of the room (what you type stays hidden)? ")
    stranger, password = joining.meet(at, code, in_room.PORT)
    print(what_will_be_sent(f"{host}:{port}", me))
    print("Send it? y/N ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("not joined; nothing was sent")
        return 0
    before = in_room.room()
    same = before if before and before.ca == stranger.ca else None
    about = {"me": me, "protocol": in_room.PROTOCOL}
    # The token that this laptop has: its row there stays the same.
    asking = replace(stranger, token=same.token if same else "")
    answer = joining.trade(asking, "/room/join", {"password": password, **about})
    if not same or answer["token"] != same.token:  # a new row, which knows nothing yet
        in_room.forget()
    in_room.was_sent(json.dumps(about, ensure_ascii=False))
    in_room.keep(replace(stranger, token=answer["token"], there="the room", name=answer["me"]))
    running = workshop.running_example()
    in_room.tell(running.ex if running else 0)
    print(f"joined the room as {answer['me']}; make stuck calls for help, make leave ends it")
    return 0


def show() -> int:
    try:
        sent = in_room.SENT.read_text()
    except OSError:
        sent = ""
    print(sent or "nothing was ever sent\n", end="")
    return 0


def leave() -> int:
    there = in_room.room()
    if not there:
        in_room.forget()
        return 0
    try:
        status, _ = there.request("DELETE", "/room/row")
        told = status in (200, 204, 401)
    except joining.NotJoined:
        told = False
    in_room.forget()
    end = "" if told else "; it does not answer, and deletes what it has of you when it closes"
    print(f"left the room{end}", file=sys.stderr)
    return 0


# --- stuck ----------------------------------------------------------------------------------------


def stuck() -> int:
    if not in_room.room():
        workshop.fail(*NO_ROOM)
    if os.environ.get("OFF") == "1":
        in_room.note(call=0)
        in_room.send()
        print("the room knows that you no longer call")
        return 0
    in_room.note(call=1)
    answer = in_room.send() or {}
    before = answer.get("before")
    waits = f"; {before} called before you" if isinstance(before, int) and before > 0 else ""
    print(f"the room knows that you call{waits}", flush=True)
    if number := found_now():
        in_room.note(finding=number)
        in_room.send()
        print(f"and what it is about: {number}, {findings.sentence(number)}")
    print("make stuck OFF=1 takes it back")
    return 0


def found_now() -> int:
    """The number of the first thing that make check finds; make doctor where that finds nothing, or cannot run yet."""
    known = in_room.state()
    set_up = Path(os.environ["VENV"], "workshop", "core").exists()
    commands = [["py.sh", "commands.check"]] if set_up and known.get("ex") else []
    for command in [*commands, ["doctor.sh"]]:
        (in_room.FOLDER / "found").unlink(missing_ok=True)
        try:
            subprocess.run(
                [workshop.KIT / "scripts" / command[0], *command[1:]],
                env={"EX": str(known.get("ex") or ""), **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LOOKING,
                check=False,
            )
            if number := int((in_room.FOLDER / "found").read_text()):
                return number
        except (OSError, ValueError, subprocess.TimeoutExpired):
            continue
    return 0


if __name__ == "__main__":
    try:
        sys.exit({"join": join, "leave": leave, "stuck": stuck, "tell": tell, "held": held}[sys.argv[1]]())
    except joining.NotJoined as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        sys.exit(130)

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
from workshop_kit.learners import lesson

LOOKING = 30  # seconds that make check or make doctor may take for make stuck
NO_ROOM = (
    "this kit has joined no room",
    'make join ROOM=192.0.2.7:4300 ME="a name", as the screen of the room shows it',
)


# --- where this kit is ------------------------------------------------------------------------------


def tell() -> int:
    """Say where this kit is, if that has changed, and send what is in the outbox."""
    signal.alarm(in_room.TRY)  # which ends this process, whatever it waits for
    text = os.environ.get("TELL_EX", "")
    if text.isdigit() and int(text) in EXAMPLES:
        in_room.note(ex=int(text), step=lesson.place(int(text), workshop.KIT / "my" / f"ex{text}"))
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


def what_will_be_sent(at: str, about: dict[str, str | int]) -> str:
    limits = ", ".join(f"{name} {largest}" for name, largest in in_room.FIELDS.items())
    return f"""This is all that will be sent, to {at} and to nobody else:
  now           {json.dumps(about, ensure_ascii=False)}, with the code
  by a command  {{"n": 1, "ex": 2, "step": 4}}: the example and the step where you are, when one has changed
  make stuck    {{"n": 2, "call": 1}}: you call; {{"n": 3, "finding": 243}}: the number of what make check or make
                doctor has found; {{"n": 4, "solved": 243}}: when that is ✓; {{"n": 5, "call": 0}}: with OFF=1
n counts the messages. All are whole numbers, at most: {limits}.
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
    about: dict[str, str | int] = {"me": me, "protocol": in_room.PROTOCOL}
    print(what_will_be_sent(f"{host}:{port}", about))
    print("Send it? y/N ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("not joined; nothing was sent")
        return 0
    before = in_room.room()
    same = before if before and before.ca == stranger.ca else None
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

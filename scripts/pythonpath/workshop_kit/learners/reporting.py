#!/usr/bin/env python3
"""A learner in the instructor's room: make join, leave and stuck, and what each command tells. Standard library only.

reporting.py join   asks for the code, shows what will be sent, and asks whether to; with SHOW=1: all that was ever sent
reporting.py leave  deletes the row there, and what is kept of the room here; tells those that were not told before
reporting.py left   tells what was left while it did not answer; ends after in_room.TRY seconds, and says nothing
reporting.py stuck  calls for help, and says what make check or make doctor has found; OFF=1: no longer
reporting.py place  where this kit is (REPORT_EX: the example); ends after in_room.TRY seconds, and says nothing
"""

import json
import os
import signal
import subprocess
import sys
import unicodedata
from dataclasses import replace

from durable import joining
from workshop_kit import findings, in_room, leaving, state_files, workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import lesson
from workshop_kit.settings import settings

LOOKING = 30  # seconds that make check or make doctor may take for make stuck
NO_ROOM = (
    "this kit has joined no room",
    'make join ROOM=192.0.2.7:4300 ME="a name", as the screen of the room shows it',
)


# --- where this kit is ------------------------------------------------------------------------------


def where() -> int:
    """The example: the one that was said, else the one that was said last, else the newest of the learner's own."""
    text = os.environ.get("REPORT_EX", "")
    if text.isdigit() and int(text) in EXAMPLES:
        return int(text)
    if known := in_room.state().get("ex"):
        return known
    own = [path for path in (workshop.KIT / "my").glob("ex[1-9]") if path.is_dir() and int(path.name[2:]) in EXAMPLES]
    return int(max(own, key=lambda path: path.stat().st_mtime).name[2:]) if own else 0


def note_place() -> None:
    if ex := where():
        in_room.note(ex=ex, step=lesson.place(ex, workshop.KIT / "my" / f"ex{ex}"))


def report_place() -> int:
    """Say where this kit is, if that has changed, and send what is in the outbox."""
    signal.alarm(in_room.TRY)  # which ends this process, whatever it waits for
    if in_room.is_old():
        in_room.forget()
        return 0
    note_place()
    in_room.send()
    return 0


# --- join -----------------------------------------------------------------------------------------


def typed_name() -> str:
    """ME, as it was typed, without marks that cannot be seen. Exits 2 if that is no name."""
    typed = "".join(each for each in os.environ.get("ME", "") if unicodedata.category(each) != "Cf")
    me = " ".join(typed.split())
    if not me:
        workshop.fail("ME is missing: the name that the instructor sees", 'make join ROOM=… ME="Ford, row 3"')
    if len(me) > in_room.ME or not me.isprintable():
        workshop.fail(f"ME has more than {in_room.ME} characters, or one that cannot be seen", 'make join … ME="Ford"')
    return me


def what_will_be_sent(at: str, about: dict[str, str | int]) -> str:
    return f"""This is all that will be sent, to {at} and to nobody else:

  now          the name: {about["me"]}
  later        with your commands, and by make learn: the numbers of the example and
               of the step where you are, when one of them has changed
  make stuck   that you call for help, and the number of what make check or make
               doctor has found; that this is right again; OFF=1: no longer

No file, path, command, time or other word. As it is sent, n counting the messages:
  {json.dumps(about, ensure_ascii=False)}, with the code
  {{"n": 1, "ex": 2, "step": 4}}
  {{"n": 2, "call": 1}}   {{"n": 3, "finding": 243}}   {{"n": 4, "solved": 243}}

make join SHOW=1 prints what was sent; make leave ends it, and deletes it there."""


def join() -> int:
    if os.environ.get("SHOW") == "1":
        return show()
    at, me = os.environ.get("ROOM", ""), typed_name()
    if not at:
        workshop.fail("ROOM is missing: the address that the screen of the room shows", 'make join ROOM=… ME="…"')
    host, port = joining.address(at, in_room.PORT)
    joining.shown_certificates(host, port)  # before anybody types: does anybody answer?
    code = given = os.environ.get("JOIN_CODE", "")
    if not code:
        if not sys.stdin.isatty():
            raise joining.NotJoined("the code is missing", "set JOIN_CODE in the environment or in .env")
        code = input("the code, as the room's screen shows it: ")  # it is on the projector
    try:
        stranger, password = joining.verify_port(at, code, in_room.PORT)
    except joining.NotJoined as error:
        raise joining.NotJoined(
            error.what + (" (the code is that of JOIN_CODE)" if given else ""), error.remedy
        ) from None
    about: dict[str, str | int] = {"me": me, "protocol": in_room.PROTOCOL}
    print(what_will_be_sent(f"{host}:{port}", about))
    print("Send it? y/N ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("not joined; nothing was sent")
        return 0
    leaving.send()  # a row that was left there gives its name back
    before = in_room.room()
    same = before if before and before.ca == stranger.ca else None
    in_room.will_send([json.dumps(about, ensure_ascii=False)])
    # The token that this laptop has: its row there stays the same.
    asking = replace(stranger, token=same.token if same else "")
    answer = joining.exchange_password(asking, "/room/join", {"password": password, **about})
    if not same or answer["token"] != same.token:  # a new row, which knows nothing yet
        in_room.forget()
    in_room.keep(replace(stranger, token=answer["token"], there=f"{host}:{port}", name=answer["me"]))
    running = state_files.running_example()
    in_room.report_place(running.ex if running else 0)
    print(f"joined the room as {answer['me']}; make stuck calls for help, make leave ends it")
    return 0


def show() -> int:
    there = in_room.room()
    print(f"in the room at {there.there}, as {there.name}" if there else "in no room")
    try:
        sent = in_room.place(in_room.SENT).read_text()
    except OSError:
        sent = ""
    print(sent or "nothing was ever sent\n", end="")
    return 0


def leave() -> int:
    waiting, there = leaving.send(), in_room.room()
    for name in waiting:
        print(f"{name} {leaving.STILL}", file=sys.stderr)
    if there:
        deleted = leaving.leave(there, leaving.ROOM)
        end = "" if deleted else f"; it {leaving.LATER}. It deletes what it has of you then, or when it closes"
        print(f"left the room{end}", file=sys.stderr)
    elif not waiting:
        print("those that you left know it now", file=sys.stderr)
    in_room.forget()
    return 0


def tell_left() -> int:
    """Tell what was left while it did not answer."""
    signal.alarm(in_room.TRY)  # which ends this process, whatever it waits for
    leaving.send()
    return 0


# --- stuck ----------------------------------------------------------------------------------------


def stuck() -> int:
    if not in_room.room():
        workshop.fail(*NO_ROOM)
    off = os.environ.get("OFF") == "1"
    note_place()
    in_room.note(call=0 if off else 1)
    try:
        answer = in_room.send(joining.SECONDS)
    except joining.NotJoined as error:
        kept = "; what you say is kept, and goes with your next command" if in_room.room() else ""
        raise joining.NotJoined(error.what + kept, error.remedy) from None
    if off:
        print("the room knows that you no longer call")
        return 0
    before = answer.get("before")
    waits = f"; waiting before you: {before}" if isinstance(before, int) and before > 0 else ""
    print(f"the room knows that you call{waits}", flush=True)
    if number := found_now():
        in_room.note(finding=number)
        in_room.send(joining.SECONDS)
        print(f"and what it is about: {number}, {findings.sentence(number)}")
    print("make stuck OFF=1 takes it back")
    return 0


def found_now() -> int:
    """The number of the first thing that make check finds; make doctor where that finds nothing, or cannot run yet."""
    known = in_room.state()
    set_up = (settings().venv / "workshop" / "core").exists()
    commands = [["py.sh", "commands.check"]] if set_up and known.get("ex") else []
    for command in [*commands, ["doctor.sh"]]:
        in_room.place("found").unlink(missing_ok=True)
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
            if number := int(in_room.place("found").read_text()):
                return number
        except (OSError, ValueError, subprocess.TimeoutExpired):
            continue
    return 0


WORDS = {"join": join, "leave": leave, "stuck": stuck, "place": report_place, "left": tell_left}

if __name__ == "__main__":
    workshop.end_with_reader()
    try:
        sys.exit(
            {"join": join, "leave": leave, "stuck": stuck, "place": report_place, "left": tell_left}[sys.argv[1]]()
        )
    except joining.NotJoined as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        raise  # nobody reads it: make stuck | head
    except OSError as error:
        print(f"error: {in_room.place()} cannot be written: {error.strerror}. Try: make doctor", file=sys.stderr)
        sys.exit(2)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        sys.exit(130)

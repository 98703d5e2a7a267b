#!/usr/bin/env python3
"""The machine whose example 7 this one has joined (make server AT=…): joins, leaves, and runs commands there.

joined.py join              with AT and a code: from JOIN_CODE, from last time if that very machine answers, or the
                            keyboard; prints the address
joined.py leave             ends all sessions there, and forgets the address and the code
joined.py run MODULE ARG…   a module of the kit, with the settings of that machine
joined.py run-in-docker MODULE ARG…   the same for example 7 in containers, joined at JOIN_AT meanwhile
"""

import atexit
import contextlib
import getpass
import json
import os
import runpy
import secrets
import sys
from pathlib import Path
from typing import Any

from durable import joining
from workshop_kit import http_client, leaving, theirs
from workshop_kit.settings import settings


def folder() -> Path:
    """Where all is that is kept of the machine that was joined."""
    return settings().home / "joined"


def of_containers() -> Path:
    """A copy of what the port of containers keeps."""
    return settings().run / "port"


def kept_file() -> Path:
    return folder() / "joined.json"


def fail(error: joining.NotJoined) -> int:
    direct = ""
    if isinstance(error, joining.NoAnswer) and (proxies := theirs.proxies(os.environ)):
        direct = f" (it is asked directly, and never through the {proxies[0]} of your shell)"
    remedy = error.remedy
    if isinstance(error, joining.AnotherAnswers) and (at := kept().get("at")):
        remedy = f"make server AT={at.removeprefix('https://')}, which asks for the code that it shows now"
    print(f"error: {error.what}{direct}. Try: {remedy}", file=sys.stderr)
    return 2


def kept() -> dict[str, Any]:
    """What is kept of the machine that was joined: at, code, identity, ca, token, there, name. Or nothing."""
    try:
        return json.loads(kept_file().read_text())
    except (OSError, ValueError):
        return {}


def joined_of(known: dict[str, Any]) -> joining.Joined:
    """Raises joining.NotJoined if what is kept is damaged."""
    if {"at", "ca", "token", "there", "name", "code", "identity"} - known.keys():
        raise joining.NotJoined(f"{kept_file()} is damaged", "make leave, then make server AT=… again")
    return joining.Joined(known["at"], known["ca"], known["token"], known["there"], known["name"])


def identity() -> str:
    """What tells this WORKSHOP_HOME from every other; it stays with make leave, so a machine that comes back has the
    name there that it had.
    """
    path = settings().home / "identity"
    with contextlib.suppress(OSError):
        if text := path.read_text():
            return text
    made = kept().get("identity") or secrets.token_hex(8)
    joining.write_private(path, made)
    return made


def begin(at: str, code: str) -> joining.Joined:
    """Join, and keep what is needed to come back. Raises joining.NotJoined."""
    from durable.join_command import join

    leaving.send()  # else this kit might leave what it has just joined
    leaving.forget(joining.url_of(*joining.address(at)))
    new = join(at, code, identity())
    fields = {"at": new.at, "ca": new.ca, "token": new.token, "there": new.there, "name": new.name}
    joining.write_private(kept_file(), json.dumps(fields | {"code": code, "identity": identity()}))
    return new


def code_for(at: str, known: dict[str, Any]) -> str:
    """The code for that address: JOIN_CODE, the one that is kept if that very machine answers there, or the keyboard's.

    Raises joining.NotJoined where nobody answers, or nobody can be asked.
    """
    if given := os.environ.get("JOIN_CODE"):
        return given
    same = joining.url_of(*joining.address(at)) == known.get("at")
    if code := known.get("code"):
        if joining.shows_code(at, code):
            return str(code)
    else:
        joining.shown_certificates(*joining.address(at))  # before anybody types: does anybody answer?
    what = f"{joining.another_answers(*joining.address(at)).what}, so " if code and same else ""
    if not sys.stdin.isatty():
        raise joining.NotJoined(f"{what}the code is missing", "set JOIN_CODE in the environment or in .env")
    if what:
        print(f"{what}it has another code", file=sys.stderr)
    return getpass.getpass(f"the code that {at} shows (what you type stays hidden)? ")


def join() -> int:
    known = kept()
    at = os.environ.get("AT") or known.get("at", "").removeprefix("https://")
    try:
        new = begin(at, code_for(at, known))
    except joining.NotJoined as error:
        return fail(error)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return 130
    print(f"joined {new.there} ({at}) as {new.name}; make leave forgets it", file=sys.stderr)
    print(new.at.removeprefix("https://"))
    return 0


def leave() -> int:
    if not folder().is_dir():
        print("no machine was joined", file=sys.stderr)
        return 0
    known, told = kept(), True
    with contextlib.suppress(joining.NotJoined):  # what is kept is damaged
        told = leaving.leave(joined_of(known), leaving.MACHINE)
    for path in folder().iterdir():
        path.unlink()
    folder().rmdir()
    print(f"left {known.get('there', 'it')}" + ("" if told else f", which {leaving.LATER}"), file=sys.stderr)
    return 0


def run(module: str, arguments: list[str]) -> int:
    """A module of the kit, here, as if it were there."""
    known = kept()
    try:
        there = joined_of(known)
        status, _ = there.request("PUT", "/durable/session")
        if status == 401:  # that machine has been started again, or this session is old
            there = begin(known["at"].removeprefix("https://"), known["code"])
    except joining.NotJoined as error:
        return fail(error)
    become(module, arguments, there, folder(), ui=int(os.environ["JOIN_PORT"]) + 1)  # of make open
    return 0


def come_back() -> None:
    """Another session for this process, whose own is over there: that machine was started again, or this one is old.

    Raises joining.NotJoined.
    """
    from durable.join_command import settings_of

    there = begin(kept().get("at", "").removeprefix("https://"), kept().get("code", ""))
    os.environ.update(settings_of(there, folder()))
    http_client.begin_anew()


def run_in_docker(module: str, arguments: list[str]) -> int:
    """A module of the kit, here, for containers, whose storage and records are out of reach: as another machine."""
    from durable.join_command import join

    try:
        there = join(os.environ["JOIN_AT"], (of_containers() / "code").read_text(), "where the containers are")
    except joining.NotJoined as error:
        return fail(error)
    atexit.register(there.leave)  # before Prefect registers itself, so behind it: it sends its last events at the end
    become(module, arguments, there, of_containers(), ui=settings().prefect_port)
    return 0


def become(module: str, arguments: list[str], there: joining.Joined, certificates: Path, ui: int) -> None:
    """Run it as the program, as if it were there.

    certificates: the folder of its CA. ui: the port on loopback that has its pages.
    """
    from durable.join_command import settings_of

    os.environ.update(settings_of(there, certificates))
    os.environ |= {
        "JOINED": there.at,
        "JOINED_THERE": there.there,
        "JOINED_NAME": there.name,
        "WORKSHOP_API_URL": os.environ["PREFECT_API_URL"],
        "PREFECT_UI_URL": f"http://127.0.0.1:{ui}",
    }
    settings.cache_clear()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["join"]:
            sys.exit(join())
        case ["leave"]:
            sys.exit(leave())
        case ["run", module, *arguments]:
            sys.exit(run(module, arguments))
        case ["run-in-docker", module, *arguments]:
            sys.exit(run_in_docker(module, arguments))

"""`python -m durable at HOST:PORT COMMAND…` joins a port (port/), and becomes the command, which works there.

The code is in JOIN_CODE. The command has the settings by which Prefect speaks to the port, and in RECORDS and
PLAIN_STORAGE its address, for serve(…, records=…) and json_only(…). Its session ends with it: at once where it serves,
otherwise when it was not heard of for long. Standard library only, so that Prefect is imported once, by the command.
"""

import argparse
import json
import os
import platform
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path

from durable import joining

AGAIN = 2  # seconds between two tries to join: a machine that is away is away for longer


def join(at: str, code: str, identity: str) -> joining.Joined:
    """identity: what tells machines with one name apart. Raises joining.NotJoined."""
    about = {"prefect": version("prefect"), "python": platform.python_version()}
    return joining.join(at, code, socket.gethostname(), machine=identity, **about)


def join_with_retries(at: str, code: str, identity: str) -> joining.Joined:
    """The same, but that machine may be away, for long: said once. Raises joining.NotJoined for all else."""
    announced = False
    while True:
        try:
            return join(at, code, identity)
        except joining.NoAnswer as error:
            if not announced:
                print(f"{error.what}; trying again until it does", file=sys.stderr, flush=True)
                announced = True
            time.sleep(AGAIN)


def around_proxies(host: str) -> str:
    """The NO_PROXY of the environment, in either spelling, and that host: no proxy leads to a port in this network."""
    parts = f"{os.environ.get('NO_PROXY', '')},{os.environ.get('no_proxy', '')},{host}".split(",")
    return ",".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def settings_of(joined: joining.Joined, folder: Path) -> dict[str, str]:
    """The environment in which Prefect, durable.serve and json_only speak to the port. folder: for its CA."""
    ca = folder / f"{joining.ca_fingerprint_of_pem(joined.ca)}.pem"
    if not ca.exists():
        joining.write_private(ca, joined.ca)
    no_proxy = around_proxies(joining.address(joined.at.removeprefix("https://"))[0])
    return {
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PREFECT_API_URL": f"{joined.at}/api",
        "PREFECT_API_SSL_CERT_FILE": str(ca),
        "PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({"Authorization": f"Bearer {joined.token}"}),
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "RECORDS": joined.at,
        "PLAIN_STORAGE": joined.at,
    }


def main(arguments: list[str]) -> int:
    """Join, and become the command."""
    parser = argparse.ArgumentParser(
        prog="python -m durable at", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kept", help="a file of a set-up that has joined: JSON with code and identity", default="")
    parser.add_argument("--wait", action="store_true", help="while nobody answers there, try again and again")
    parser.add_argument("at", metavar="HOST:PORT")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    try:
        if options.kept:
            kept = json.loads(Path(options.kept).read_text())
            code, identity = kept["code"], kept["identity"]
        else:
            code, identity = os.environ.pop("JOIN_CODE", ""), f"{socket.gethostname()} {os.getuid()}"
        joined = join_with_retries(options.at, code, identity) if options.wait else join(options.at, code, identity)
    except joining.NotJoined as error:
        if options.kept and isinstance(error, joining.AnotherAnswers):  # nobody has typed a code
            error = joining.another_answers(*joining.address(options.at))
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError, KeyError):
        print(f"error: {options.kept} cannot be read, or is damaged. Try: join again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    try:
        folder = Path(options.kept).parent if options.kept else Path.home() / ".durable"
        os.environ.update(settings_of(joined, folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        print(
            f"error: the credentials for that machine cannot be saved ({error}). Try: set HOME=/a/folder",
            file=sys.stderr,
        )
        return 2
    command = options.command or [sys.executable]
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"error: {command[0]} cannot be run: {error.strerror}. Try: give its full path", file=sys.stderr)
        return 2

"""What the kit's Python scripts share: errors of one line, who is running, plain HTTP to the local servers.

Standard library only, so that the scripts that need nothing else start in a few milliseconds.
"""

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from workshop_kit import examples
from workshop_kit.examples import KIT

HOME = Path(os.environ["WORKSHOP_HOME"])
RUN = HOME / "run"
REMOTE = os.environ.get("REMOTE") == "1"
JOINED = os.environ.get("JOINED", "")  # example 7 on another machine than its Prefect server's: the port's address
UI = os.environ.get("PREFECT_API_URL", "").removesuffix("/").removesuffix("/api")
WEB = f"http://127.0.0.1:{os.environ['WEB_PORT']}"


def fail(what: str, remedy: str, code: int = 2) -> NoReturn:
    """Print one line, what is wrong and what fixes it, and exit (2 unless told otherwise)."""
    what = " ".join(what.split()).rstrip(".")
    if (goal := os.environ.get("WORKSHOP_GOAL")) and remedy.startswith("make … "):
        remedy = remedy.replace("make …", f"make {goal}", 1)  # the command that was typed
    print(f"error: {what[:300]}. Try: {remedy}", file=sys.stderr)
    sys.exit(code)


def whole_number(name: str, default: int, low: int, high: int) -> int:
    """The environment variable as an integer. Exits 2 with one line if it is not a whole number, or not in low…high."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
        fail(f"{name}={text[:60]!r} is not a whole number from {low} to {high}", f"make … {name}={default}")
    return int(text)


def typed(name: str, default: str) -> str:
    """What a person typed for NAME, exactly. Exits 2 with one line if it is empty or not valid UTF-8."""
    text = os.environ.get(name, default)
    if not text.strip():
        fail(f"{name} is empty", f"make … {name}=Marvin")
    try:
        text.encode()
    except UnicodeEncodeError:
        fail(f"{name} is not valid UTF-8", f"make … {name}=Marvin")
    return text


def run_in_good_order(main: Callable[[], int], left: str) -> NoReturn:
    """Exit with main's code. Ctrl-C says `left` and exits 130. SIGTERM and SIGHUP end it as sys.exit does, so that what
    it started is stopped; once: `make` passes on what the whole process group has got already, and a second one must
    not cut the stopping short.
    """

    def end(number: int, _: object) -> NoReturn:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(f"\n{left}", file=sys.stderr)
        sys.exit(130)


# --- processes --------------------------------------------------------------------------------


def started_at(pid: int) -> str:
    """A token that differs when the pid is used again; empty if there is no such process (or only its zombie).

    The same as started_at in lib/processes.sh: field 22 of /proc/PID/stat, or what ps knows where there is no /proc.
    """
    if os.path.exists("/proc/self/stat"):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    # Another terminal may have another language, or time zone.
    same_for_all = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    ps = subprocess.run(command, env=same_for_all, capture_output=True, text=True, check=False)
    stat, _, lstart = ps.stdout.strip().partition(" ")
    return "" if not stat or stat.startswith("Z") else "".join(lstart.split())


@dataclass
class RunningExample:
    """The example that is running, as launch/start.py wrote it to run/example."""

    ex: int
    pid: int
    servers: int
    docker: bool
    postgresql: bool
    code: Path  # the folder whose files run
    own_code: bool  # whether that is a learner's
    at: str = ""  # example 7: the address and port for other machines
    ours: bool = True  # False: OURS=0, so no task server keeps a record


def shown(path: Path) -> str:
    """A path as people see it in the folder of the kit."""
    return str(path.relative_to(KIT) if path.is_relative_to(KIT) else path)


def running_example() -> RunningExample | None:
    """The example that runs in this WORKSHOP_HOME, or None; example 7 of the machine that this one has joined."""
    if JOINED:
        folder = examples.folder(7)
        own = (KIT / os.environ["CODE"]).resolve() if os.environ.get("CODE") else folder
        return RunningExample(7, 0, 0, docker=False, postgresql=False, code=own, own_code=own != folder)
    try:
        fields = dict(line.split("=", 1) for line in (RUN / "example").read_text().splitlines())
        if started_at(int(fields["pid"])) == fields["started"]:
            numbers = [int(fields[key]) for key in ("ex", "pid", "servers")]
            finished = examples.folder(numbers[0])
            code = Path(fields.get("code") or finished)
            return RunningExample(
                *numbers,
                docker=fields.get("docker") == "1",
                postgresql=fields.get("database") == "postgresql",
                code=code,
                own_code=code != finished,
                at=fields.get("at", ""),
                ours=fields.get("ours") != "0",
            )
    except (OSError, ValueError, KeyError):
        pass
    return None


@dataclass(frozen=True)
class Kept:
    """A live process that `keep` wrote down in run/NAME.pids."""

    name: str  # task_server.2
    role: str  # keeper, or child: what it runs; after a save older children finish their runs
    pid: int


def kept_processes(run: Path = RUN) -> Iterator[Kept]:
    """All of them that live, the newest child of a name first. The same as kept_processes in lib/processes.sh."""
    for path in sorted(run.glob("*.pids")):
        lines: list[str] = []
        with contextlib.suppress(OSError):  # its keeper has just ended
            lines = path.read_text().splitlines()
        for role, pid, *started in map(str.split, lines):  # of what ended at once, the start time is not there
            if started and started_at(int(pid)) == started[0]:
                yield Kept(path.stem, role, int(pid))


def children(name: str = "") -> dict[str, int]:
    """What `keep` runs now under a name (task_server: all of them; nothing: the whole example): name → pid."""
    found: dict[str, int] = {}
    for kept in kept_processes():
        first, dot, _ = kept.name.partition(".")  # the server that example 1 leaves in the background has no number
        if kept.role == "child" and dot and name in ("", first):
            found.setdefault(kept.name, kept.pid)
    return found


# --- HTTP -----------------------------------------------------------------------------------

# A proxy that the shell names must not get requests to this machine, nor to one that was joined.
_handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
if JOINED:
    _context = ssl.create_default_context(cafile=os.environ["PREFECT_API_SSL_CERT_FILE"])
    _handlers.append(urllib.request.HTTPSHandler(context=_context))
_opener = urllib.request.build_opener(*_handlers)
if JOINED:
    _opener.addheaders = list(json.loads(os.environ["PREFECT_CLIENT_CUSTOM_HEADERS"]).items())


def call(method: str, url: str, body: Any = None, timeout: float = 5) -> Any:
    """One JSON request; returns the decoded answer.

    timeout: seconds. Raises OSError (URLError, HTTPError and TimeoutError are) when nobody answers properly.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the URL is the kit's own
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with _opener.open(request, timeout=timeout) as response:
        try:
            return json.load(response)
        except ValueError as error:
            raise OSError(f"no JSON from {url}") from error


def prefect(path: str, body: Any = None, timeout: float = 5) -> Any:
    """POST to the local Prefect API (GET when there is no body). Raises OSError when it is away."""
    return call("GET" if body is None else "POST", os.environ["PREFECT_API_URL"] + path, body, timeout)


def healthy() -> bool:
    """Whether the local Prefect server answers its health check within a second."""
    try:
        return prefect("/health", timeout=1) is True
    except OSError:
        return False


# In Docker: what runs a command where the task servers are.
IN_CONTAINER = ["docker", "compose", "exec", "-T", "task-server", "docker/entrypoint.sh"]


def copy_from_container(path: str) -> Path:
    """In Docker: what the containers have at that path below their WORKSHOP_HOME, as a copy made now, in RUN.

    Nothing is there when they have none, or there is no container.
    """
    copy = RUN / path
    if copy.is_dir():
        shutil.rmtree(copy, ignore_errors=True)
    copy.unlink(missing_ok=True)
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    command = ["docker", "compose", "cp", f"task-server:/data/{path}", str(copy)]
    subprocess.run(command, capture_output=True, check=False)
    return copy


def of_port(path: str) -> Path:
    """Example 7: a file or folder that the port for other machines keeps; a copy of it where it is in containers."""
    running = running_example()
    return copy_from_container(f"port/{path}") if running and running.docker else HOME / "port" / path


def subscribed() -> list[dict[str, Any]]:
    """The task servers that are subscribed now: identifier (host-pid) and task_keys. Empty when the API is away."""
    try:
        return prefect("/task_workers/filter", {})
    except OSError:
        return []


def waiting_runs() -> list[dict[str, Any]]:
    """Every background run that is Scheduled, oldest first: what is in the queue, or ought to be.

    Raises OSError when the API is away.
    """
    found: list[dict[str, Any]] = []
    while True:
        page = prefect(
            "/task_runs/filter",
            {
                "task_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
                "sort": "ID_DESC",  # by id, so that a page cannot shift while new runs arrive at its front
                "offset": len(found),
                "limit": 200,
            },
            timeout=30,
        )
        found += page
        if len(page) < 200:
            deferred = [run for run in found if run["state"] and run["state"]["state_details"].get("deferred")]
            return sorted({run["id"]: run for run in deferred}.values(), key=lambda run: run["created"])

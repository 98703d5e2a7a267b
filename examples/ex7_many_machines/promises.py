"""What this example promises: `make check` asks check(), and the steps of steps.toml name the other functions."""

import json
import os
from pathlib import Path
from typing import Any

from durable import joining
from durable.text import printable
from workshop_kit import ports, state_files, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.live_checks import SPREAD, completed_runs
from workshop_kit.commands.promises import check_spread, promise
from workshop_kit.examples import Example
from workshop_kit.findings import Promise


def check(example: Example, done: list[dict[str, Any]], command: str) -> None:
    """One port for others, nothing without the code, plain JSON alone."""
    running = state_files.running_example()
    if running and running.at:
        wrong = ports.moved(running.at, command)
        if promise(not wrong, Promise.AT_OWN_ADDRESS(running.at), wrong):
            check_port(example, running.at, command)
    for sentence in example_records.missed_heartbeats(example_records.read_once()):
        print(printable(f"- {sentence}"))
    machines: dict[str, list[dict[str, Any]]] = {}
    for session in sessions():
        machines.setdefault(session["machine"], []).append(session)
    for name, each in machines.items():
        servers = sum(bool(session["server"]) for session in each)
        newest = max(each, key=lambda session: session["since"])
        about = f"Python {newest['python']}, Prefect {newest['prefect']}"
        print(printable(f"- joined: {name}, from {newest['address']}; {servers} task server(s); {about}"))
    if not machines:
        print(f"- no other machine has joined yet: make server AT={running.at if running else '…'} there")
    if not os.environ.get("STORAGE"):
        wrong = [path.name for path in stored_files() if not is_plain(path)]
        promise(not wrong, Promise.PLAIN_JSON(), f"{wrong[:1]} is not; no reader takes it")
    if done and len(machines) > 0:
        check_spread([run["id"] for run in done[:20]], "make submit-map N=20")


def check_port(example: Example, at: str, command: str) -> None:
    """What it shows to who has no code."""
    host, port = joining.address(at)
    web = [service.port for service in example.services]
    own = [int(os.environ[name]) for name in ("PREFECT_PORT", *web)]
    closed = host == "127.0.0.1" or not any(ports.listens(each, host) for each in own)
    hint = f"something else listens at {host}: make stop, then ss -ltn"
    promise(closed, Promise.ONE_PORT(at), hint)
    ca = workshop.of_port("ca.pem").read_text()
    stranger = joining.Joined(joining.url_of(host, port), ca, "", "", "")
    try:
        status, _ = stranger.request("POST", "/api/task_runs/filter", {})
    except joining.NotJoined as error:
        status = error.what
    promise(
        status == 401,
        Promise.NOTHING_WITHOUT_CODE(),
        f"it answered {status}: {command} again",
    )


def sessions() -> list[dict[str, Any]]:
    """Who has joined its port, as the port has written it down."""
    try:
        return json.loads(workshop.of_port("sessions.json").read_text())
    except (OSError, ValueError):
        return []


def stored_files() -> list[Path]:
    folder = workshop.of_port("storage")
    newest = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    return [path for path in newest[-200:] if not path.name.startswith(".")]


def is_plain(path: Path) -> bool:
    from durable import json_format

    key = f"parameters/{path.name}" if path.parent.name == "parameters" else path.name
    try:
        json_format.checked_record(path.read_bytes(), key)
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def travelled(ex: int, since: float) -> str:
    """Task servers of two machines had some of the newest twenty runs."""
    done = completed_runs(ex, since)
    if len(done) < SPREAD:
        return f"{len(done)} of {SPREAD} runs have completed"
    found = example_records.read_once()
    ran = [found.runs[run["id"]].ran_on() for run in done[:SPREAD] if run["id"] in found.runs]
    return "" if len({process.host for process in ran if process}) > 1 else "one machine had them all"

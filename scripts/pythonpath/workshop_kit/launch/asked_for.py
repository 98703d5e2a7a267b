"""What a command that starts an example's processes was asked for, checked before anything is set up or started.

    asked_for.py example EX    for make exN of an example with a Procfile
    asked_for.py program EX    for make exN of one that is a program and ends
    asked_for.py server        for make server, one more task server

Prints lines NAME=value for a shell, which exports those in capitals. Exits 2 with one line if something cannot be.
Standard library only.
"""

import os
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from workshop_kit import examples, needs, procfile, state_files, workshop
from workshop_kit.examples import EXAMPLES, Example
from workshop_kit.launch import code, free_ports
from workshop_kit.settings import settings

MOST_SERVERS = 32  # without FORCE=1
MB = 1_024_000  # as ulimit counts
MAPPED = 2000  # MB of addresses that a Prefect server maps; it uses a tenth
MODELS = ("openai", "local", "canned")


def need_memory() -> None:
    """Exit 2 where the shell lets no process have the addresses that a Prefect server maps."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < MAPPED * MB:
        workshop.fail(
            f"this terminal lets a process map only {limit // MB} MB, and a Prefect server maps {MAPPED:,}",
            "use another terminal, or run ulimit -v unlimited first",
        )


def note_profile() -> None:
    """A line on stderr if the home folder has a Prefect profile for another server, which the kit does not use."""
    profiles = Path.home() / ".prefect" / "profiles.toml"
    if not settings().remote and profiles.is_file():
        text = profiles.read_text(encoding="utf-8", errors="replace")
        if re.search(r"PREFECT_API_(URL|KEY).*=", text):
            print(f"note: ignored: your Prefect profile in {profiles} (REMOTE=1 uses it)", file=sys.stderr)


def is_made_of_durable(folder: Path) -> bool:
    """Whether a file of the lesson in this folder imports durable."""
    files = [path for path in folder.glob("*.py") if path.name not in examples.OF_THE_KIT]
    return any(re.search(r"^(from|import) durable", path.read_text(errors="replace"), re.M) for path in files)


def look_at_containers(example: Example) -> None:
    """Exit 2 if the example cannot run in containers as it was asked to."""
    if not example.docker:
        workshop.fail(f"example {example.number} has no Docker way", f"make ex{example.number} (without DOCKER=1)")
    if re.search(r"(@|//)(127\.0\.0\.1|localhost)", settings().db):
        workshop.fail(
            "in a container, the host in DB means the container itself", "write host.docker.internal for this machine"
        )


def for_example(ex: str) -> dict[str, object]:
    """For the example of that number, with its task servers."""
    example = needs.example_named(ex, "make ex2", "")
    command = f"make ex{example.number}"
    if not procfile.commands(example.number):
        workshop.fail(f"example {ex} has no Procfile", command)
    rescue = workshop.one_of("RESCUE", "1", "0")
    forced = workshop.one_of("FORCE", "0", "1") == "1"
    more = "" if forced else f" (FORCE=1 for more than {MOST_SERVERS})"
    servers = workshop.whole_number(
        "SERVERS", example.servers, 1, 999 if forced else MOST_SERVERS, f"{command} SERVERS=2{more}"
    )
    limit = workshop.whole_number("LIMIT", example.limit, 1, 1000, f"{command} LIMIT=1")
    if example.model:
        workshop.one_of("LLM", "", *MODELS)
    if example.joinable:
        needs.refuse_remote(command)  # others join what runs here
    docker = workshop.one_of("DOCKER", "0", "1") == "1"
    files = code.variables(example, os.environ.get("CODE", ""), docker=docker)
    if os.environ.get("OURS") == "0" and is_made_of_durable(Path(files["CODE"])):
        workshop.fail(
            f"what example {ex} shows is made of durable, and OURS=0 is Prefect alone",
            "make ex2 OURS=0",
        )
    if docker:
        look_at_containers(example)
    free_ports.need_different(example.number)
    if not docker:
        need_memory()
    if running := state_files.example_fields():
        workshop.fail(
            f"example {running['ex']} is running already in another terminal (pid {running['pid']})",
            f"{', '.join(EXAMPLES[int(running['ex'])].submit)} (from any terminal), or make stop",
        )
    note_profile()
    return files | {
        "servers": servers,
        "LIMIT": limit,
        "RESCUE": rescue,
        "docker": int(docker),
        "packages": "core" if docker else example.packages,  # in Docker, those of the example are in the image
        "model": int(example.model),
        "joinable": int(example.joinable),
    }


def for_program(ex: str) -> dict[str, object]:
    """For the example of that number, a program that ends."""
    example = needs.example_named(ex, "make ex1", "")
    if example.servers:
        workshop.fail(
            f"example {ex} has task servers, and no Procfile.ex{ex} that starts them",
            "add that file, as CONTRIBUTING.md says",
        )
    if not os.environ.get("NAME", "Marvin").strip():
        workshop.fail("NAME is empty", f"make ex{ex} NAME=Ford")
    files = code.variables(example, os.environ.get("CODE", ""), docker=False)
    need_memory()
    note_profile()
    return files | {"packages": example.packages}


def for_server() -> dict[str, object]:
    """For one more task server of what runs: here, on the machine that AT names, or with REMOTE=1."""
    running = state_files.example_fields()
    at = os.environ.get("AT", "")
    joins = not running and bool(at or state_files.has_joined())
    if running:
        if at:
            workshop.fail(
                f"example {running['ex']} runs here, and AT means another machine",
                "make stop; or another WORKSHOP_HOME",
            )
        needs.look_at_server(running)
        needs.look_at_port(running)
        example = EXAMPLES[int(running["ex"])]
    elif joins:
        needs.refuse_remote("make server AT=…")
        example = examples.first(lambda each: each.joinable)
    elif settings().remote:
        example = examples.first(lambda each: each.servers)
    else:
        workshop.fail("no example is running that a task server could join", "make ex2 (in another terminal)")
    chosen: dict[str, object] = {
        "ex": example.number,
        "joins": int(joins),
        "launcher": running.get("pid", ""),
        "number": int(running.get("servers", 0)) + 1,
        "docker": int(running.get("docker") == "1"),
        "model": int(example.model),
    }
    if chosen["docker"]:
        return chosen
    if example.model:
        chosen["LLM"] = workshop.one_of("LLM", running.get("llm", ""), *MODELS)
    # What the example runs, so does this one.
    chosen |= code.variables(example, running.get("code") or os.environ.get("CODE", ""), docker=False)
    return chosen | {"LIMIT": workshop.whole_number("LIMIT", example.limit, 1, 1000, "make server LIMIT=1")}


FOR: dict[str, Callable[..., dict[str, object]]] = {
    "example": for_example,
    "program": for_program,
    "server": for_server,
}

if __name__ == "__main__":
    workshop.refuse_other_machine()
    for name, value in FOR[sys.argv[1]](*sys.argv[2:]).items():
        print(f"{name}={value}")

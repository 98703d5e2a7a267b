"""What a command needs of this machine, said in its own module, and looked at before anything is set up or imported.

    needs.py PACKAGE.NAME          exits 2 with one line if that is not there; else one line for scripts/py.sh, which
                                   goes on: HOW PACKAGES MODULE EX AT
    needs.py PACKAGE.NAME --help   prints the module's docstring

A module says `NEEDS = Needs(…)` with plain values. It is read without importing it, because before the set-up there is
no Prefect to import, and a command that only talks to a server must not set up a machine to find that none runs.
Standard library only.
"""

import ast
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from workshop_kit import examples, state_files, workshop
from workshop_kit.settings import settings

# How scripts/py.sh runs the module.
HERE = "here"
DOCKER = "docker"  # with what `docker compose` reads
JOINED = "joined"  # on the server of the machine that was joined
JOINS_DOCKER = "joins-docker"  # through the containers' port for other machines, for no folder is shared with them


@dataclass(frozen=True)
class Needs:
    """What a command needs. What it does not say, it does not need."""

    example: bool = False  # an example that runs
    takes: str = ""  # the example that this command gives work to, as "make signup"
    part: str = ""  # the running example's own module for it: the line of its example.env that names one, as CHAOS
    server: str = ""  # a Prefect server of the kit; this is the command that starts one
    own: str = ""  # the kit's own Prefect server: this command is refused with REMOTE=1
    instead: str = ""  # what to type then, if it is another command
    same_port: bool = False  # the running example's Prefect server, on the port that this command would ask
    joined: bool = False  # it works on a machine that has joined another as well
    joins_docker: bool = False  # it submits: see JOINS_DOCKER
    packages: str = "core"  # this group, or those of the example in the variable EX


def parsed(module: str) -> ast.Module:
    """PACKAGE.NAME as it stands there. Exits 2 if there is no such module."""
    path = Path(__file__).parent / f"{module.replace('.', '/')}.py"
    if not path.is_file():
        workshop.fail(f"there is no {workshop.shown(path)}", "make help")
    return ast.parse(path.read_bytes())


def declared(module: str) -> Needs:
    """What PACKAGE.NAME says in its NEEDS."""
    for statement in parsed(module).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="NEEDS")], value=ast.Call(keywords=said)):
                return Needs(**{word.arg: ast.literal_eval(word.value) for word in said if word.arg})
    return Needs()


def example_named(ex: str, command: str, variable: str = "EX=") -> examples.Example:
    """The example of that number. Exits 2 if there is none; command: one that has a number."""
    if ex.isascii() and ex[:1] != "0" and ex[:9].isdigit() and (found := examples.EXAMPLES.get(int(ex[:9]))):
        return found
    if not ex:
        workshop.fail(f"which example? EX is missing (there are {examples.known()})", command)
    workshop.fail(f"there is no example {variable}{ex[:40]!r} (there are {examples.known()})", command)


def find_part(line: str) -> str:
    """The module that the running example names in that line of its example.env. Exits 2 if it names none."""
    running = state_files.running_example()
    having = examples.with_line(line)
    if running and not running.docker and running.ex in having:
        return having[running.ex]
    ex, command = next(iter(having)), f"make {line.lower()}"
    workshop.fail(f"{command} works on example {ex}, which is not running", f"make ex{ex} (in another terminal)")


def refuse_remote(command: str, instead: str = "") -> None:
    """Exit 2 with REMOTE=1: the command is for the kit's own server."""
    if settings().remote:
        workshop.fail(
            f"{command} is for the kit's own server, and REMOTE=1 means one of yours",
            instead or f"{command} (without REMOTE=1)",
        )


def look_at_server(fields: dict[str, str]) -> None:
    """Exit 2 if the example that runs uses a server of the user's and this command would not."""
    if fields.get("remote") == "1" and not settings().remote:
        workshop.fail(
            f"example {fields['ex']} uses a Prefect server of yours",
            "run the same command with REMOTE=1, and the same PREFECT_API_URL",
        )


def look_at_port(fields: dict[str, str]) -> None:
    """Exit 2 if the example's Prefect server is another one than this command would ask."""
    url = fields.get("url", "")
    if fields.get("remote") != "1" and url and url != f"http://127.0.0.1:{settings().prefect_port}":
        workshop.fail(
            f"example {fields['ex']} has its Prefect server at {url}, "
            f"and this command asks port {settings().prefect_port}",
            f"run the same command with PREFECT_PORT={url.rpartition(':')[2]}",
        )


def decide(module: str) -> str:
    """The line for scripts/py.sh. Exits 2 with one line if something is not there that the module needs."""
    needs = declared(module)
    fields = state_files.example_fields()
    if needs.joined and not settings().remote and not fields and state_files.has_joined():
        return f"{JOINED} core {module}"
    if not settings().remote and (needs.example or needs.takes or needs.part or needs.server or needs.same_port):
        workshop.refuse_other_machine()
    if needs.own:
        refuse_remote(needs.own, needs.instead)
    if needs.example and not (settings().remote or fields):
        workshop.fail("no example is running", "make ex2 (in another terminal)")
    if needs.takes and not settings().remote:
        wanted = examples.taking(needs.takes).number
        if fields.get("ex") != str(wanted):
            workshop.fail(
                f"{needs.takes} talks to example {wanted}, which is not running",
                f"make ex{wanted} (in another terminal)",
            )
    if needs.part:
        module = find_part(needs.part)
    if needs.server and not state_files.has_server():
        workshop.fail("no Prefect server of the kit is running", needs.server)
    group = needs.packages
    if group == "EX":
        ex = os.environ.get("EX", "")
        in_docker = os.environ.get("DOCKER") == "1"
        group = example_named(ex, f"make {module.rpartition('.')[2]} EX=2").packages if ex and not in_docker else "core"
    look_at_server(fields)
    if needs.same_port:
        look_at_port(fields)
    how = HERE
    if fields.get("docker") == "1":
        how = JOINS_DOCKER if needs.joins_docker and fields.get("at") else DOCKER
    return " ".join([how, group, module, fields.get("ex", ""), fields.get("at", "")])


if __name__ == "__main__":
    print(ast.get_docstring(parsed(sys.argv[1])) if "--help" in sys.argv else decide(sys.argv[1]))

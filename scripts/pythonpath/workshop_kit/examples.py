"""What each example is: `examples/exN_name/example.env`, lines of EXAMPLE_NAME=value, read as data.

The same files are read by scripts/lib/examples.sh. No variable of the environment counts, and none is set: a person's
shell may have any EXAMPLE_… of its own. docs/ARCHITECTURE.md says what each line means.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from workshop_kit.settings import KIT, settings

REQUIRED = ("TITLE", "TASKS", "TASK_FILE", "WRITE", "PACKAGES", "SUBMIT")
OF_THE_KIT = {"promises.py", "pictures.py"}  # beside the lesson's files: what the kit asks the example


@dataclass(frozen=True)
class Service:
    """A web app or another HTTP service of an example, beside Prefect and the task servers."""

    name: str
    port: str  # the variable that holds it
    path: str  # answers JSON when the service is up

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{os.environ[self.port]}{self.path}"


@dataclass(frozen=True)
class Example:
    """One example, as its example.env says."""

    number: int
    folder: Path  # of its finished files
    title: str
    tasks: list[str]  # names in the task's file; `make submit` submits the first
    key: str  # the namespace of keyed(), where the tasks' keys have one
    task_file: str  # what a task server runs
    write: list[str]  # the files that are the lesson, which a learner may write
    servers: int  # the default of SERVERS; 0 where no task server runs
    limit: int  # the default of LIMIT
    services: list[Service]
    page: str  # the path of its page for people; empty where there is no web app
    ports: list[str]  # the variables of those common ports that it opens
    own_ports: dict[str, tuple[str, int]]  # INBOX_PORT: ("WEB_PORT", 2), so many more than that one
    packages: str  # core, or a group of its own
    rescuer: bool
    docker: bool
    model: bool  # whether it asks a language model
    chaos: str  # the module that `make chaos` runs, if it works here
    once: bool  # whether its task must not do its work a second time when a run is started again
    submit: list[str]  # the commands that give it work; only some take `make submit`
    options: list[str]  # the variables of `make exN` with their defaults
    more: str  # what the page of all commands says besides
    next: str  # the command to type when it is ready
    tour: list[str]  # what `make tour` types

    @property
    def keys(self) -> list[str]:
        """What the keys of its tasks are before the dash."""
        return [f"{self.key}.{task}" if self.key else task for task in self.tasks]

    @property
    def joinable(self) -> bool:
        """Whether it has a port for task servers on other machines."""
        return "JOIN_PORT" in self.own_ports

    @property
    def following(self) -> str:
        """What to do next, for the line that says it is ready."""
        page = f", or open {settings().web}{self.page.rstrip('/')}" if self.page else ""
        return self.next + page


def values(path: Path) -> dict[str, str]:
    """The lines EXAMPLE_NAME=value of a file, without the EXAMPLE_. Raises OSError if it cannot be read."""
    return dict(re.findall(r"^EXAMPLE_([A-Z_]+)=(.*?)\r?$", path.read_text(), re.M))


def options(said: dict[str, str]) -> list[str]:
    """The variables of `make exN`, each with its default. The same as variables_of in scripts/lib/examples.sh."""
    found = [f"{name}={said[name]}" for name in ("SERVERS", "LIMIT") if name in said]
    return found + (["DOCKER=1"] if said.get("DOCKER") == "1" else []) + said.get("VARIABLES", "").split()


def read(folder: Path) -> Example:
    """The example in this folder. Raises OSError if it has no example.env; exits 2 if a line is missing there."""
    said = values(folder / "example.env")
    if missing := [f"EXAMPLE_{name}" for name in REQUIRED if name not in said]:
        file = f"examples/{folder.name}/example.env"
        print(
            f"error: {file} has no {' and no '.join(missing)}. Try: add what docs/ARCHITECTURE.md explains",
            file=sys.stderr,
        )
        sys.exit(2)
    services = [part.strip().rpartition(":") for part in said.get("SERVICES", "").split(",") if part.strip()]
    return Example(
        number=int(folder.name.removeprefix("ex").partition("_")[0]),
        folder=folder,
        title=said["TITLE"],
        tasks=said["TASKS"].split(),
        key=said.get("KEY", ""),
        task_file=said["TASK_FILE"],
        write=said["WRITE"].split(),
        servers=int(said.get("SERVERS", "0")),
        limit=int(said.get("LIMIT", "0")),
        services=[Service(name, where.partition("/")[0], f"/{where.partition('/')[2]}") for name, _, where in services],
        page=said.get("PAGE", ""),
        ports=said.get("PORTS", "").split(),
        own_ports={
            name: (base, int(more)) for name, base, more in re.findall(r"(\w+)=(\w+)\+(\d+)", said.get("OWN_PORTS", ""))
        },
        packages=said["PACKAGES"],
        rescuer=said.get("RESCUER") == "1",
        docker=said.get("DOCKER") == "1",
        model=said.get("MODEL") == "1",
        chaos=said.get("CHAOS", ""),
        once=said.get("ONCE") == "1",
        submit=said["SUBMIT"].split(", "),
        options=options(said),
        more=said.get("MORE", ""),
        next=said.get("NEXT", ""),
        tour=[command.strip() for command in said.get("TOUR", "").split(";") if command.strip()],
    )


EXAMPLES: dict[int, Example] = {
    example.number: example
    for example in sorted(map(read, KIT.glob("examples/ex[0-9]*_*")), key=lambda example: example.number)
}


def folder(ex: int) -> Path:
    """Where an example's finished files are."""
    return EXAMPLES[ex].folder


def lesson_files(ex: int) -> list[Path]:
    """The Python files of its lesson, finished."""
    return sorted(path for path in folder(ex).glob("*.py") if path.name not in OF_THE_KIT)


@cache
def own(ex: int, name: str) -> ModuleType | None:
    """The example's promises or pictures, under a name that no learner's module can have; None if it has none."""
    path = folder(ex) / f"{name}.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"workshop_kit.of_ex{ex}.{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_line(line: str) -> dict[int, str]:
    """What that line says in the example.env of those examples that have something in it."""
    said = {number: values(example.folder / "example.env").get(line, "") for number, example in EXAMPLES.items()}
    return {number: text for number, text in said.items() if text}


def listed(line: str) -> str:
    """For people: "example 6", or "examples 4, 5 and 7": those with something in that line of their example.env."""
    having = [str(number) for number in with_line(line)]
    *first, last = having or ["?"]
    return f"examples {', '.join(first)} and {last}" if first else f"example {last}"


def first(having: Callable[[Example], object]) -> Example:
    """The first example of which it is true. Raises StopIteration if there is none."""
    return next(example for example in EXAMPLES.values() if having(example))


def ports_after(base: str) -> int:
    """How many ports the examples count from that one at the most."""
    return max((more for each in EXAMPLES.values() for of, more in each.own_ports.values() if of == base), default=0)


def taking(command: str) -> Example:
    """The example that a command gives work to: `make signup`. Raises StopIteration if there is none."""
    return first(lambda example: any(f"{each} ".startswith(f"{command} ") for each in example.submit))


def known() -> str:
    """The numbers, for people: "1, 2, 3"."""
    return ", ".join(map(str, EXAMPLES))

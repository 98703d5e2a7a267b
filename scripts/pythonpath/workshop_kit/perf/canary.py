"""Tries other versions than the locked ones, in a copy of the kit that is thrown away: which package breaks what?

PREFECT=3.8.8   with that version of Prefect (without it: the newest)
SET=file        with the versions in that file, lines of name==version, and the rest as it is locked where that fits

The newest are those that pyproject.toml allows, with what it says of everything but Prefect. They are installed there,
and example 2 runs tests/examples/behaviours.py on them, as Prefect ships and tuned, which must show the same. Then
tests/machines/uses_prefect.py joins example 7, whose port refuses what Prefect's client did not ask before. If
something breaks, fewer and fewer of the packages are newer, until one is left that does it. The lock stays as it is;
the index moves, so this is a question for a person and no test. Exit 1 if something breaks, 2 if that cannot be tried.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from workshop_kit import examples, workshop
from workshop_kit.launch.unattended import Broken, Kit, own_environment

RESOLVE = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]
SET_UP, TRY = 600, 240  # seconds that a set-up and the behaviours may take
SAME = "the same with TUNED=0 and TUNED=1"
PORT = "the port for other machines"
STEPS = ("resolve", "set-up", "TUNED=0", "TUNED=1", SAME, PORT)
console = Console(highlight=False, no_color=True)
Versions = dict[str, str]


def refused(log: str) -> list[str]:
    """What the port has refused, by what example 7 printed (port/asgi.py)."""
    return re.findall(r"refused: .*", log)


class Canary(Exception):
    """The step that broke, and the line that says why."""


def versions(lines: str) -> Versions:
    """Of a lock, or of any lines of name==version."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lines, re.M))


def reason(text: str) -> str:
    """The line of an output that says what went wrong: the last that names an error, or else the last."""
    lines = [re.sub(r"^\d\d:\d\d:\d\d \S+ +\| ", "", line.strip()) for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"\b\w*(Error|Exception|error|broken)\b: ", line)]
    return (named or lines or ["it said nothing"])[-1][-300:]


class Copy:
    """A copy of the kit whose lock is another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = folder, folder / "requirements" / "core.txt"
        ignored = shutil.ignore_patterns(".git", ".venv*", ".workshop", "my", ".env")
        shutil.copytree(workshop.KIT, folder, symlinks=True, ignore=ignored)
        self.project = folder / "pyproject.toml"
        self.project.write_text(re.sub(r'"prefect[^"]*"', '"prefect"', self.project.read_text(), count=1))

    def resolve(self, wanted: Versions, newest: bool) -> Versions:
        """Write the copy's lock again: these versions, and of the rest the newest, or else the locked ones if they fit.

        Raises Canary if nothing fits.
        """
        limits = self.folder / "constraints.txt"
        limits.write_text("".join(f"{name}=={version}\n" for name, version in wanted.items()))
        shutil.copyfile(workshop.KIT / "requirements" / "core.txt", self.lock)  # uv keeps to it where it can
        command = [os.environ["UV"], *RESOLVE, "--constraint", limits, "--output-file", self.lock, self.project]
        command += ["--no-emit-index-url", *(["--upgrade"] if newest else [])]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Canary("resolve", " ".join(ended.stderr.split())[:300])
        found = versions(self.lock.read_text())
        tuned = self.folder / "scripts/pythonpath/workshop_kit/prefect_patches/tuned.py"
        tuned.write_text(re.sub(r"^PREFECT = .*", f'PREFECT = ("{found["prefect"]}",)', tuned.read_text(), flags=re.M))
        return found

    def run(self, step: str, command: list[str], environment: dict[str, str], seconds: float) -> str:
        """A command in the copy; what it printed. Raises Canary if it fails."""
        try:
            ended = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise Canary(step, f"it took more than {seconds:.0f} s") from None
        if ended.returncode:
            raise Canary(step, reason(ended.stdout + ended.stderr))
        return ended.stdout

    @contextlib.contextmanager
    def example(self, step: str, typed: str, **settings: str) -> Iterator[Kit]:
        """An example in the copy, in a home of its own. Raises Canary if it does not come up."""
        home = Path(tempfile.mkdtemp(prefix="canary-"))
        kit = Kit(own_environment(home, PREFECT="", SET="", **settings), "canary", self.folder)
        try:
            kit.start(typed)
            yield kit
        except Broken as broken:
            raise Canary(step, reason(broken.args[1])) from None
        finally:
            kit.stop()
            shutil.rmtree(home, ignore_errors=True)

    def served(self, step: str, program: list[str], words: tuple[str, str], environment: dict[str, str]) -> str:
        """What a program says with the second of these words, while it serves with the first. Raises Canary."""
        command = ["bash", "-c", '. scripts/env.sh; exec python "$@"', "-", *program]
        nowhere = subprocess.DEVNULL
        serving = subprocess.Popen(
            [*command, words[0]], cwd=self.folder, env=environment, stdout=nowhere, stderr=nowhere
        )
        try:
            return self.run(step, [*command, words[1]], environment, TRY)
        finally:
            serving.terminate()
            serving.wait()

    def behaviours(self, tuned: str) -> str:
        """What tests/examples/behaviours.py sees beside example 2. Raises Canary."""
        step = f"TUNED={tuned}"
        with self.example(step, "ex2 SERVERS=1", TUNED=tuned) as kit:
            return self.served(step, ["tests/examples/behaviours.py"], ("serve", "try"), kit.environment)

    def through_the_port(self) -> None:
        """Let Prefect's client do on another machine what it does for background tasks. Raises Canary if it may not."""
        machines = examples.first(lambda each: each.joinable)
        with self.example(PORT, f"ex{machines.number} LISTEN=127.0.0.1 SERVERS=1") as kit:
            at = f"127.0.0.1:{int(kit.environment['PREFECT_PORT']) + machines.own_ports['JOIN_PORT'][1]}"
            code = Path(kit.environment["WORKSHOP_HOME"], "port", "code").read_text()
            program = ["-m", "durable", "at", at, "python", "tests/machines/uses_prefect.py"]
            try:
                self.served(PORT, program, ("serve", "submit"), kit.environment | {"JOIN_CODE": code})
            finally:
                if asked := refused(kit.log.read_text(errors="replace")):
                    raise Canary(PORT, f"{asked[0]}; {len(asked)} in all")

    def try_out(self, last: str = STEPS[-1]) -> None:
        """Each step in turn, up to the last. Raises Canary at the first that breaks."""
        environment = own_environment(self.folder / ".workshop", PREFECT="", SET="")
        self.run("set-up", ["scripts/setup.sh", "core"], environment, SET_UP)
        seen = []
        for tuned in ("0", "1"):
            if STEPS.index(f"TUNED={tuned}") <= STEPS.index(last):
                seen.append(sorted(self.behaviours(tuned).splitlines()))
        if len(seen) == 2 and seen[0] != seen[1]:
            different = [line for line in seen[1] if line not in seen[0]]
            raise Canary(SAME, f"tuned: {different[0] if different else 'less was seen'}"[:300])
        if last == PORT:
            self.through_the_port()


def in_order(changed: set[str]) -> list[str]:
    """Prefect first, then what pyproject.toml names, then the rest: who asks for a version before who has it."""
    named = re.findall(r'^  "([A-Za-z0-9._-]+)', (workshop.KIT / "pyproject.toml").read_text(), re.M)
    order = {name: number for number, name in enumerate(["prefect", *named][::-1])}
    return sorted(changed, key=lambda name: (-order.get(name, -1), name))


def culprit(changed: list[str], breaks: Callable[[int], bool | None]) -> list[str]:
    """Which of the packages breaks it. breaks(n): whether it does with the first n changed; None if nothing fits them.

    None is known to break nothing, all of them to break. Several,
    if they only come together.
    """
    good, bad = 0, len(changed)
    untried = set(range(good + 1, bad))
    while between := sorted(untried & set(range(good + 1, bad))):
        number = between[len(between) // 2]
        untried.discard(number)
        broken = breaks(number)
        if broken:
            bad = number
        elif broken is False:
            good = number
    return changed[good:bad]


def name_culprit(copy: Copy, changed: list[str], newest: Versions, step: str) -> list[str]:
    """Which package it is, by trying with fewer and fewer of them."""

    def breaks(number: int) -> bool | None:
        try:
            copy.resolve({name: newest[name] for name in changed[:number] if name in newest}, newest=False)
        except Canary:
            return None
        console.print(f"with {', '.join(changed[:number])} …")
        try:
            copy.try_out(step)
        except Canary:
            return True
        return False

    return culprit(changed, breaks)


def table(changed: list[str], locked: Versions, newest: Versions, guilty: list[str]) -> Table:
    """What is another version than in the lock."""
    rows = Table("package", "locked", "tried", "")
    for name in changed:
        rows.add_row(name, locked.get(name, "-"), newest.get(name, "-"), "✗ breaks it" if name in guilty else "")
    return rows


def main() -> int:
    prefect = os.environ.get("PREFECT", "")
    if prefect and not re.fullmatch(r"\d+(\.\d+){1,3}(\.?(a|b|rc|dev)\d+)?", prefect):
        workshop.fail(f"PREFECT={prefect[:40]!r} is not a version", "make canary PREFECT=3.8.8")
    given: Versions = {}
    if os.environ.get("SET"):
        given = versions(Path(os.environ["SET"]).read_text())
        if not given:
            workshop.fail(f"SET={os.environ['SET']!r} has no line of name==version", "make canary")
    locked = versions((workshop.KIT / "requirements" / "core.txt").read_text())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        copy = Copy(Path(folder, "kit"))
        try:
            newest = copy.resolve(given | ({"prefect": prefect} if prefect else {}), newest=not given)
        except Canary as broken:
            print(f"✗ resolve: {broken.args[1]}")
            return 1
        changed = in_order({name for name in newest.keys() | locked.keys() if newest.get(name) != locked.get(name)})
        print(
            f"prefect {newest['prefect']}; {len(changed)} of {len(newest)} packages are other than in the lock",
            flush=True,
        )
        guilty: list[str] = []
        step = why = ""
        try:
            copy.try_out()
        except Canary as broken:
            step, why = broken.args
            print(f"✗ {step}: {why}", flush=True)
            guilty = name_culprit(copy, changed, newest, step)
    if changed:
        console.print(table(changed, locked, newest, guilty))
    seconds = f"{time.monotonic() - began:.0f} s"
    if not step:
        print(f"✓ nothing breaks with prefect {newest['prefect']}, TUNED=0 and TUNED=1 ({seconds})")
        if changed and not given and not prefect:
            print("make lock takes these versions")
        return 0
    print(f"broke first: {step} ({seconds})")
    for name in guilty:
        print(f"pyproject.toml, beside the pin of {name}: # {newest.get(name, 'without it')} breaks {step}: {why}")
    if not guilty:
        print("with the lock's own versions it breaks, too: see what the index has for the rest")
    return 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)

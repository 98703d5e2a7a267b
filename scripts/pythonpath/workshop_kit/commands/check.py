#!/usr/bin/env python3
"""Judges a learner's code, then the live system: which promises of an example hold? ✓, or ✗ with a hint.

EX=2       which example (default: the one that is running)
CODE=…     when it does not run: the folder of yours to judge (default: my/exN, if it is there)
Exit 0 if all hold, 1 if not, 2 for bad input. It changes nothing.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from durable.text import printable
from workshop_kit import database, examples, findings, http_client, in_room, prefect_api, state_files, waiting, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.promises import (
    broken,
    check_code_is_served,
    check_nothing_lost,
    check_runs,
    check_task_servers,
    held,
    promise,
    starting_again,
    was_called_directly,
)
from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Promise
from workshop_kit.learners import lesson, mistakes
from workshop_kit.needs import Needs
from workshop_kit.settings import settings

NEEDS = Needs(own="make check", instead="make runs REMOTE=1", same_port=True, joined=True)

RESTART = 15  # seconds that a Prefect server or a task server may take to come up again
AWAY = 30  # seconds: `keep` waits up to 15 s before it starts what dies again and again
DISK_SPACE = 2_000_000  # bytes: a run takes some 20,000, in the database and in files
later: set[int] = set()  # of those that are broken: not written yet


def folder_to_judge(ex: int, running: state_files.RunningExample | None) -> Path:
    """The folder whose files run, or ran last; when nothing runs, CODE, my/exN if it is there, or the example's own."""
    if running and running.ex == ex:
        given = os.environ.get("CODE")
        if given and (workshop.KIT / Path(given).expanduser()).resolve() != running.code:
            print(f"note: CODE={given} is not what runs; that is {workshop.shown(running.code)}")
        return running.code
    if given := os.environ.get("CODE"):
        return (workshop.KIT / Path(given).expanduser()).resolve()
    if (last := settings().run / f"ex{ex}.code").exists():
        return Path(last.read_text().rstrip("\n"))
    mine = workshop.KIT / "my" / f"ex{ex}"
    return mine if mine.is_dir() else examples.folder(ex)


def check_code(ex: int, folder: Path) -> None:
    """A learner's own files, before the live system: the mistakes that have a sentence."""
    print(f"judging your code in {workshop.shown(folder)}")
    found = mistakes.look(ex, folder)
    to_come = lesson.expected(ex, max(0, lesson.place(ex, folder) - 1)) if found else frozenset()
    for finding in found:
        if finding.step or finding.what in to_come:
            later.add(finding.what.number)
        promise(False, f"{finding.where}: {finding.what}", f"Try: {finding.remedy}", finding.what.number)
    if not found:
        promise(True, Promise.NO_MISTAKES(), "")
    held.update(findings.mistakes_except(finding.what for finding in found))


def wait_while(starting: Callable[[], object], what: str) -> None:
    """Wait while it is starting, for RESTART seconds at the most, and say so after 2 s."""
    if not waiting.within(2, lambda: not starting()):
        print(f"waiting for {what}, which may be starting again", flush=True)
        waiting.within(RESTART - 2, lambda: not starting(), every=0.2)


def server_is_back() -> bool:
    """Whether the Prefect server is healthy, soon: one that was killed a moment ago is starting again."""
    wait_while(lambda: state_files.running_example() and not prefect_api.healthy(), "the Prefect server")
    return state_files.has_server() and prefect_api.healthy()


def check_example(ex: int, servers: int, command: str) -> None:
    """What every example promises, and then what this one does besides."""
    example = EXAMPLES[ex]
    if settings().joined:
        check_joined(example.keys)
        return
    # Before the first run there is no home.
    if settings().home.is_dir() and shutil.disk_usage(settings().home).free < DISK_SPACE:
        promise(False, Promise.DISK_HAS_SPACE(), f"the disk of {settings().home} is full. Try: free some disk space")
    hint = f"{command} (in another terminal)" if example.servers else command
    if (running := state_files.running_example()) and not running.docker:
        hint = "make kill WHO=server.1, after which it starts again; or make stop"
    if not promise(server_is_back(), Promise.HEALTHY(settings().ui), hint):
        return
    if not example.servers:
        check_runs(example.keys[0], command)
        return
    if running and not running.docker:  # a container starts its own again
        wait_while(lambda: starting_again(AWAY), "the task servers")
    for key in example.keys:
        check_task_servers(key, servers)
    check_code_is_served(example.keys)
    if running and not running.ours:
        print("- OURS=0: no task server keeps a record, so nobody knows who ran what, and what is lost")
        check_runs(example.keys[0], example.next)
        return
    check_nothing_lost(example.keys)
    own = examples.own(ex, "promises")
    if hasattr(own, "instead_of_runs"):
        own.instead_of_runs(example, servers)
        return
    done = check_runs(example.keys[0], example.next)
    records = example_records.read_once()
    direct = [run for run in done if not records.ran_on(run["id"]) and was_called_directly(run["id"])]
    done = [run for run in done if run not in direct]
    if direct:
        print(f"- {len(direct)} run(s) were called directly, and not submitted: make runs")
    unknown = "make runs shows which; serve() keeps a record, Prefect's TaskWorker none. For a new start: make clean"
    promise(all(records.ran_on(run["id"]) for run in done), Promise.ON_RECORD(), unknown)
    if own:
        own.check(example, done, command)


def serving_there(name: str) -> list[str]:
    """The task servers of this machine that serve on the one that was joined, which calls it so. Raises OSError."""
    found = http_client.call("GET", f"{settings().joined}/durable/sessions")
    return [session["server"] for session in found if session["machine"] == name and session["server"]]


def not_serving_there(name: str) -> list[str]:
    """Those that are kept here, and do not serve there. Raises OSError."""
    return sorted(state_files.children("task_server").keys() - set(serving_there(name)))


def check_joined(tasks: list[str]) -> None:
    """On a machine that has joined another. What that one promises, its own make check says."""
    there, name = os.environ["JOINED_THERE"], os.environ["JOINED_NAME"]
    mine = serving_there(name)
    promise(True, Promise.OTHER_MACHINE_ANSWERS(there, settings().joined), "")
    if state_files.children("task_server"):
        wait_while(lambda: not_serving_there(name), "the task servers")
        mine, missing = serving_there(name), not_serving_there(name)
        hint = f"not {', '.join(missing)}: the terminal of make server says why"
        promise(not missing, Promise.SERVES_THERE(name, ", ".join(mine) or "none"), hint)
    elif mine:
        promise(True, Promise.SERVES_THERE(name, ", ".join(mine)), "")
    else:
        print(f"- no task server of this machine, {name}, serves there: make server")
    for sentence in example_records.missed_heartbeats(example_records.read_once()):
        print(printable(f"- {sentence}"))
    check_code_is_served(tasks)
    done = check_runs(tasks[0], "make submit-map N=20")
    records = example_records.read_once()
    hint = "make runs shows which"
    promise(all(records.ran_on(run["id"]) for run in done), Promise.ON_RECORD(), hint)


def main() -> int:
    running = state_files.running_example()
    given = os.environ.get("EX") or (str(running.ex) if running else "")
    if given not in map(str, EXAMPLES):
        what = f"there is no example EX={given[:40]!r}" if given else "no example is running, so say which one"
        workshop.fail(f"{what} (there are {examples.known()})", "make check EX=2")
    database.must_be_of(running)
    ex = int(given)
    if running and running.ex != ex and EXAMPLES[ex].servers:
        workshop.fail(f"example {running.ex} is running, not {ex}", f"make stop, then make ex{ex}")
    folder, command = folder_to_judge(ex, running), f"make ex{ex}"
    if not (folder / EXAMPLES[ex].task_file).is_file():
        workshop.fail(f"there is no {EXAMPLES[ex].task_file} in {workshop.shown(folder)}", f"make code EX={ex}")
    if folder != examples.folder(ex):
        command += f" CODE={workshop.shown(folder)}"
        check_code(ex, folder)
    elif (workshop.KIT / "my" / f"ex{ex}").is_dir():
        print(f"judging the finished files, which run (make ex{ex} CODE=my/ex{ex} runs yours)")
    try:
        check_example(ex, running.servers if running else 1, command)
    except BrokenPipeError:  # nobody reads what is printed here
        raise
    except OSError as error:
        promise(False, Promise.API_ANSWERS(), f"it did not: {error}")
    least_last = [*later, *findings.FOLLOWS]
    worst_first = sorted(broken, key=lambda number: least_last.index(number) if number in least_last else -1)
    in_room.report_check(worst_first, held - set(broken))
    count = f"{len(broken)} promises do" if len(broken) > 1 else "1 promise does"
    print(f"{count} not hold" if broken else "every promise holds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

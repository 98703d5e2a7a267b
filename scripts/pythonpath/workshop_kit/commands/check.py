#!/usr/bin/env python3
"""Judges a learner's code, then the live system: which promises of an example hold? ✓, or ✗ with a hint.

EX=2       which example (default: the one that is running)
CODE=…     when it does not run: the folder of yours to judge (default: my/exN, if it is there)
Exit 0 if all hold, 1 if not, 2 for bad input. It changes nothing.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

from durable import joining
from durable.text import LINES, printable
from workshop_kit import database, examples, findings, in_room, workshop
from workshop_kit.commands import example_records
from workshop_kit.commands.why_it_waits import for_other_code, held_by_parents
from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import lesson, mistakes

ENDED = ("Failed", "Crashed", "Cancelled", "TimedOut")  # otherwise than well
RESTART = 15  # seconds that a Prefect server may take to come up again
NEWEST = 200  # runs that are looked at: as many as Prefect's API gives at once
ROOM = 2_000_000  # bytes of disk: a run takes some 20,000, in the database and in files
broken: list[int] = []  # the numbers of the findings, see workshop_kit/findings.py
held: set[int] = set()  # and of what is ✓
later: set[int] = set()  # of those that are broken: what only says that a step is still to come


def promise(holds: bool, text: str, hint: str, number: int = 0) -> bool:
    """Print one promise; note it. number: of the finding, where it is not the text's own."""
    number = number or findings.number_of(text, findings.PROMISE)
    text = printable(text)
    if holds:
        held.add(number)
        print(f"✓ {text}")
    else:
        broken.append(number)
        print(f"✗ {text}\n    {printable(hint, keep=LINES)}")
    return holds


def status_of(url: str) -> tuple[int, str]:
    """HTTP status and body of a GET; 0 when nobody answers."""
    import requests

    with requests.Session() as session:
        session.trust_env = False  # no proxy for this machine
        try:
            # Prefect serves its pages only to who asks for HTML, as a browser does.
            answer = session.get(url, timeout=5, headers={"Accept": "text/html,*/*"})
        except requests.RequestException:
            return 0, ""
        return answer.status_code, answer.text


def runs_of(task: str) -> list[dict[str, Any]]:
    """The task's runs among the newest of all, newest first. Raises OSError when the API is away."""
    page = workshop.prefect("/task_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": NEWEST})
    # With SQLite and without the kit's tuning, a run has none for a moment between two states.
    return [run for run in page if run["state"] and run["task_key"].rpartition("-")[0] == task]


def was_called_directly(run_id: str) -> bool:
    """Whether the run never waited for a task server: its first state is another one than Scheduled."""
    states = workshop.call("GET", f"{workshop.UI}/api/task_run_states/?task_run_id={run_id}")
    return bool(states) and min(states, key=lambda state: state["timestamp"])["type"] != "SCHEDULED"


def rows_of(ids: list[str]) -> int:
    """How many of these runs the database itself has."""
    listed = ",".join(f"'{UUID(run_id)}'" for run_id in ids)
    try:
        _, rows = database.ask(f"select count(*) from task_run where id in ({listed})", 1)  # noqa: S608 - UUIDs
    except database.Failed:
        return 0
    return rows[0][0]


def check_runs(task: str, how: str) -> list[dict[str, Any]]:
    """What holds in every example: runs completed, in the database too, with a page, none left behind."""
    runs = runs_of(task)
    done = [run for run in runs if run["state"]["type"] == "COMPLETED"]
    completed = promise(bool(done), f"runs of {task} completed: {len(done)}, of the newest {NEWEST} runs", how)
    if completed and not workshop.JOINED:  # else the database and the pages are on the other machine
        ids = [run["id"] for run in done[:100]]
        promise(rows_of(ids) == len(ids), "the database has a row for each of them", "make db")
        page, _ = status_of(f"{workshop.UI}/runs/task-run/{ids[0]}")
        promise(page == 200, f"the newest has a page: {workshop.UI}/runs/task-run/{ids[0]}", "make status")
    bad = [run for run in runs if run["state"]["type"] in ("FAILED", "CRASHED")]
    promise(not bad, "no run failed", f"make open: {bad[0]['id'] if bad else ''} and what its state says")
    return done


def on_this_host(identifier: str) -> bool:
    return identifier.rpartition("-")[0] == socket.gethostname()


def check_task_servers(task: str, wanted: int) -> None:
    servers = example_records.subscribed()
    serving = [server for server in servers if any(key.startswith(f"{task}-") for key in server["task_keys"])]
    text = f"task servers subscribed to {task}: {len(serving)} of {wanted}"
    promise(len(serving) >= wanted, text, "make status, make server")
    pids = [name.rpartition("-")[2] for name in (server["identifier"] for server in serving) if on_this_host(name)]
    if pids:  # one that is stopped (Ctrl-Z, kill -STOP) is sent runs, and does nothing
        states = subprocess.run(["ps", "-o", "pid=,stat=", "-p", ",".join(pids)], stdout=subprocess.PIPE, text=True)
        stopped = [line.split()[0] for line in states.stdout.splitlines() if line.split()[1].startswith("T")]
        names = f"{', '.join(stopped)} stopped: kill -CONT {' '.join(stopped)}"
        promise(not stopped, "each of them is at work, and none is a stopped process", names)


def check_code_is_served(tasks: list[str]) -> None:
    """No run of these tasks waits for a task server that nobody has started, or for code as it was before a change."""
    keys = {key for server in example_records.subscribed() for key in server["task_keys"]}
    ours = [run for run in workshop.waiting_runs() if run["task_key"].rpartition("-")[0] in tasks]
    waiting = [run for run in ours if run["task_key"] not in keys]
    hint = for_other_code(waiting) or f"{len(waiting)} do: make server; or undo the change to the task's file"
    promise(not waiting, "no run waits for code that nobody serves", f"{hint}. Or give up all runs: make clean")
    if held := held_by_parents(workshop.waiting_runs()):
        promise(False, "no run waits for the place of one that waits for it", held)


def lost_runs() -> list[list[str]]:
    """Of each run that is lost: its id, what it is (orphaned, forgotten), its task's key, and why.

    Raises OSError when that cannot be found out.
    """
    under_way = {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}, "sort": "ID_DESC"}
    if not workshop.prefect("/task_runs/filter", under_way):
        return []
    running = workshop.running_example()
    # In Docker the records are in a volume, and their locks are held by containers.
    python = [*workshop.IN_CONTAINER, "python"] if running and running.docker else [sys.executable]
    done = subprocess.run([*python, "-m", "durable", "lost"], capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "which no task server serves" not in line:  # check_code_is_served() says that
            print(line, file=sys.stderr)
    if done.returncode not in (0, 1):
        raise OSError("the records cannot be read")
    return [line.split(" ", 3) for line in done.stdout.splitlines()]


def check_nothing_lost(tasks: list[str]) -> None:
    """Every run of these tasks has ended, is run by somebody who lives, or waits for somebody who is busy."""
    ours, others = [], []
    for run in lost_runs():
        (ours if run[2].rpartition("-")[0] in tasks else others).append(run)
    dead = [run_id for run_id, kind, _, _ in ours if kind == "orphaned"]
    hint = f"{', '.join(dead[:3])}: a task server was killed while it ran them: make rescue"
    promise(not dead, "no run is left Running by a task server that is dead", hint)
    lost = [(run_id, why) for run_id, kind, _, why in ours if kind == "forgotten"]
    hint = "; ".join(f"{run_id}: {why}" for run_id, why in lost[:2])
    hint += f" ({len(lost)} in all). Try: make rescue (in examples 4 to 6 by itself, in 10 s)"
    promise(not lost, "no run is forgotten: each has ended, is under way, or waits its turn", hint)
    if others:
        names = ", ".join(sorted({key.rpartition("-")[0] for _, _, key, _ in others}))
        print(f"- {len(others)} run(s) of another example were lost before ({names}). To forget them: make clean")


def check_spread(ids: list[str], how: str) -> None:
    """The newest runs were not all run by one task server, if they are twenty and there were two all the while."""
    found = example_records.read_once()
    share = {found.ran_on(run_id) for run_id in ids}
    text = f"the newest {len(ids)} runs are spread over task servers: {len(share)}"
    if len(ids) < 20 and len(share) == 1:
        print(f"- {len(ids)} run(s) are too few to be spread. To see it: {how}, with SERVERS=2 or more")
        return
    if len(share) == 1 and example_records.could_have_run(found, ids) < 2:
        print(f"- {text}; there were not two when the first began. To see them spread: {how}, with SERVERS=2 or more")
        return
    promise(len(share) > 1, text, f"{how}, with SERVERS=2 or more")


def check_signups(servers: int) -> None:
    """Example 4: what was promised to the newest users has happened, and once."""
    for service in EXAMPLES[4].services:
        promise(status_of(service.url)[0] == 200, f"{service.name} answers: {service.url}", "make status")
    code, page = status_of(workshop.WEB + "/docs")
    promise(
        code == 200 and "https://" not in page, "its /docs page needs no network", "see examples/ex4_signups/api.py"
    )
    promise("Newest users" in status_of(workshop.WEB + "/")[1], f"the page is there: {workshop.WEB}", "make status")
    users = [
        workshop.call("GET", f"{workshop.WEB}/users/{user['id']}")
        for user in workshop.call("GET", workshop.WEB + "/users")
    ]
    if not promise(bool(users), f"somebody has signed up: {len(users)} (the newest 20 at the most)", "make signup"):
        return
    states = [run["state"] for user in users for run in user["states"].values()]
    well = all(state in ("Completed", "Cached") for state in states)
    under_way = sum(state not in (*ENDED, "Completed", "Cached") for state in states)
    hint = f"{workshop.WEB} shows which did not; with FAIL_RATE=1 they do not"
    if under_way:
        hint = f"{under_way} are under way, or wait for another try: make check again in a moment"
    promise(well, f"their {len(states)} task runs completed", hint)
    ids = [run["id"] for user in users for run in user["states"].values()]
    promise(rows_of(ids) == len(ids), "the database has a row for each of these runs", "make db")
    if servers > 1 and len(ids) >= 20:
        check_spread(ids, "make signup N=20")
    again = "When it is fixed: make signup N=20, for the newest 20 are looked at"
    things = all(len(user["workspace"]) == 10 for user in users)
    promise(things, "each has a workspace of ten things", f"look at populate_workspace. {again}")
    emails = Counter(mail["to"] for mail in workshop.call("GET", os.environ["INBOX_URL"] + "/messages"))
    promise(
        all(emails[user["email"]] == 1 for user in users),
        "each got one email, and not two",
        f"{os.environ['INBOX_URL']} shows them; look at send_confirmation_email. {again}",
    )
    enrolled = Counter(one["user_id"] for one in workshop.call("GET", os.environ["MARKETING_PAGE"] + "/enrolments"))
    promise(
        all(enrolled[user["id"]] == 1 for user in users),
        "each is enrolled once",
        f"{os.environ['MARKETING_PAGE']} shows them; look at enrol_in_onboarding_flow. {again}",
    )


def folder_to_judge(ex: int, running: workshop.RunningExample | None) -> Path:
    """The folder whose files run, or ran last; when nothing runs, CODE, my/exN if it is there, or the example's own."""
    if running and running.ex == ex:
        given = os.environ.get("CODE")
        if given and (workshop.KIT / Path(given).expanduser()).resolve() != running.code:
            print(f"note: CODE={given} is not what runs; that is {workshop.shown(running.code)}")
        return running.code
    if given := os.environ.get("CODE"):
        return (workshop.KIT / Path(given).expanduser()).resolve()
    if ex == 1 and (last := workshop.RUN / "ex1.code").exists():
        return Path(last.read_text().rstrip("\n"))
    mine = workshop.KIT / "my" / f"ex{ex}"
    return mine if mine.is_dir() else examples.folder(ex)


def check_code(ex: int, folder: Path) -> None:
    """A learner's own files, before the live system: the mistakes that have a sentence."""
    print(f"judging your code in {workshop.shown(folder)}")
    found = mistakes.look(ex, folder)
    to_come = lesson.expected(ex, max(0, lesson.place(ex, folder) - 1)) if found else frozenset()
    for finding in found:
        number = findings.number_of(finding.what, findings.MISTAKE)
        if finding.step or finding.what in to_come:
            later.add(number)
        promise(False, f"{finding.where}: {finding.what}", f"Try: {finding.remedy}", number)
    if not found:
        promise(True, "it has none of the mistakes that the kit knows", "")
    held.update(findings.mistakes_but(finding.what for finding in found))


def server_is_back() -> bool:
    """Whether the Prefect server is healthy, soon: one that was killed a moment ago is starting again."""
    patience = time.monotonic() + RESTART
    while not workshop.healthy() and workshop.running_example() and time.monotonic() < patience:
        if time.monotonic() > patience - RESTART + 2:
            print("waiting for the Prefect server, which may be starting again", flush=True)
            time.sleep(2)
        time.sleep(0.2)
    return workshop.healthy()


def check_example(ex: int, servers: int, command: str) -> None:
    """What every example promises, and then what this one does besides."""
    example = EXAMPLES[ex]
    if workshop.JOINED:
        check_joined(example.keys)
        return
    # Before the first run there is no home.
    if workshop.HOME.is_dir() and shutil.disk_usage(workshop.HOME).free < ROOM:
        promise(False, "there is room for more runs", f"the disk of {workshop.HOME} is full. Try: freeing some room")
    hint = f"{command} (in another terminal)" if example.servers else command
    if (running := workshop.running_example()) and not running.docker:
        hint = "make kill WHO=server.1, after which it starts again; or make stop"
    if not promise(server_is_back(), f"the Prefect server is healthy: {workshop.UI}", hint):
        return
    if not example.servers:
        check_runs(example.keys[0], command)
        return
    for key in example.keys:
        check_task_servers(key, servers)
    check_code_is_served(example.keys)
    if running and not running.ours:
        print("- OURS=0: no task server keeps a record, so nobody knows who ran what, and what is lost")
        check_runs(example.keys[0], example.next)
        return
    check_nothing_lost(example.keys)
    if ex == 4:
        check_signups(servers)
        return
    done = check_runs(example.keys[0], example.next)
    records = example_records.read_once()
    direct = [run for run in done if not records.ran_on(run["id"]) and was_called_directly(run["id"])]
    done = [run for run in done if run not in direct]
    if direct:
        print(f"- {len(direct)} run(s) were called directly, and not submitted: make runs")
    unknown = "make runs shows which; serve() keeps a record, Prefect's TaskWorker none. For a new start: make clean"
    promise(all(records.ran_on(run["id"]) for run in done), "each was run by a task server that is on record", unknown)
    if ex in OWN_PROMISES:
        OWN_PROMISES[ex](done, command)


def sessions() -> list[dict[str, Any]]:
    """Example 7: who has joined its port, as the port has written it down."""
    try:
        return json.loads(workshop.of_port("sessions.json").read_text())
    except (OSError, ValueError):
        return []


def opens(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def check_machines(done: list[dict[str, Any]], command: str) -> None:
    """Example 7, where its Prefect server is: one port for others, nothing without the code, plain JSON alone."""
    running = workshop.running_example()
    if running and running.at:
        host, port = joining.address(running.at)
        web = [service.port for service in EXAMPLES[7].services]
        ports = [int(os.environ[name]) for name in ("PREFECT_PORT", *web)]
        closed = host == "127.0.0.1" or not any(opens(host, port) for port in ports)
        hint = f"something else listens at {host}: make stop, then ss -ltn"
        promise(closed, f"other machines find one port here: {running.at}", hint)
        ca = workshop.of_port("ca.pem").read_text()
        stranger = joining.Joined(joining.url_of(host, port), ca, "", "", "")
        try:
            status, _ = stranger.request("POST", "/api/task_runs/filter", {})
        except joining.NotJoined as error:
            status = error.what
        promise(
            status == 401,
            "without the code it answers nothing but its health",
            f"it answered {status}: {command} again",
        )
    machines: dict[str, list[dict[str, Any]]] = {}
    for session in sessions():
        machines.setdefault(session["machine"], []).append(session)
    for name, each in machines.items():
        servers = sum(bool(session["server"]) for session in each)
        newest = max(each, key=lambda session: session["since"])
        about = f"Python {newest['python']}, Prefect {newest['prefect']}"
        print(f"- joined: {name}, from {newest['address']}; {servers} task server(s); {about}")
    if not machines:
        print(f"- no other machine has joined yet: make server AT={running.at if running else '…'} there")
    if not os.environ.get("STORAGE"):
        wrong = [path.name for path in stored_files() if not is_plain(path)]
        promise(not wrong, "what is stored for other machines is plain JSON", f"{wrong[:1]} is not; no reader takes it")
    if done and len(machines) > 0:
        check_spread([run["id"] for run in done[:20]], "make submit-map N=20")


def stored_files() -> list[Path]:
    folder = workshop.of_port("storage")
    newest = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    return [path for path in newest[-200:] if not path.name.startswith(".")]


def is_plain(path: Path) -> bool:
    from durable import plain

    key = f"parameters/{path.name}" if path.parent.name == "parameters" else path.name
    try:
        plain.plain_record(path.read_bytes(), key)
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def check_joined(tasks: list[str]) -> None:
    """Example 7 on a machine that has joined another. What that one promises, its own make check says."""
    there, name = os.environ["JOINED_THERE"], os.environ["JOINED_NAME"]
    found = workshop.call("GET", f"{workshop.JOINED}/durable/sessions")
    promise(True, f"{there} answers at {workshop.JOINED}, with the certificate of the code", "")
    mine = [session["server"] for session in found if session["machine"] == name and session["server"]]
    if mine:
        promise(True, f"task servers of this machine, {name}: {', '.join(mine)}", "")
    else:
        print(f"- no task server of this machine, {name}, serves there: make server")
    check_code_is_served(tasks)
    done = check_runs(tasks[0], "make submit-map N=20")
    records = example_records.read_once()
    hint = "make runs shows which"
    promise(all(records.ran_on(run["id"]) for run in done), "each was run by a task server that is on record", hint)


def check_greetings(done: list[dict[str, Any]], command: str) -> None:
    """Example 2: the work is spread."""
    if done:
        check_spread([run["id"] for run in done[:20]], "make submit-map N=20")


def check_web_app(done: list[dict[str, Any]], command: str) -> None:
    """Example 3: the web app answers at once, and gives the results."""
    hint = f"make stop, then {command}; its errors are in the example's terminal"
    if not promise(status_of(workshop.WEB + "/")[0] == 200, f"the web app answers: {workshop.WEB}", hint):
        return
    code, page = status_of(workshop.WEB + "/docs")
    promise(code == 200 and "https://" not in page, "its /docs page needs no network", "see first_fastapi.py")
    _, document = status_of(workshop.WEB + "/openapi.json")
    paths = json.loads(document)["paths"] if document.startswith("{") else {}
    promise("post" in paths.get("/task", {}), "it has POST /task", '@app.post("/task", …) above the function')
    if done:
        code, body = status_of(f"{workshop.WEB}/task/{done[0]['id']}")
        promise(code == 200 and "Hello" in body, "it returns the result of a completed run", "make task")
    code, _ = status_of(f"{workshop.WEB}/task/00000000-0000-4000-8000-000000000000")
    promise(code == 404, "it answers 404 for a run that does not exist", "see first_fastapi.py")


def check_answers(done: list[dict[str, Any]], command: str) -> None:
    """Example 5: the web app gives each answer to who has its id, and nothing else to anybody."""
    promise(status_of(workshop.WEB + "/health")[0] == 200, f"the web app answers: {workshop.WEB}", "make status")
    code, page = status_of(workshop.WEB + "/")
    promise(code == 200 and "://" not in page, "its page needs no network", "see templates/ask.html")
    if done:
        code, body = status_of(f"{workshop.WEB}/answer/{done[0]['id']}")
        there = code == 200 and '"answered_by"' in body and '"answer":null' not in body.replace(" ", "")
        promise(
            there, "it returns an answer, and says what answered", "make ask; if that is None: @marvin.fn above reply?"
        )
    code, _ = status_of(f"{workshop.WEB}/answer/00000000-0000-4000-8000-000000000000")
    promise(code == 404, "it answers 404 for a run that does not exist", "see marvin_app.py")


def check_parcels(done: list[dict[str, Any]], command: str) -> None:
    """Example 6: each run that completed has shipped, and somebody puts lost runs back."""
    shipped = [(workshop.HOME / "shipped" / run["id"]).exists() for run in done]
    promise(all(shipped), f"each of them has shipped its parcel, and only one: {sum(shipped)}", "make runs")
    promise(bool(workshop.children("rescuer")), "a rescuer is up", "make ex6 without RESCUE=0")


OWN_PROMISES = {2: check_greetings, 3: check_web_app, 5: check_answers, 6: check_parcels, 7: check_machines}


def main() -> int:
    running = workshop.running_example()
    given = os.environ.get("EX") or (str(running.ex) if running else "")
    if given not in map(str, EXAMPLES):
        what = f"there is no example EX={given[:40]!r}" if given else "no example is running, so say which one"
        workshop.fail(f"{what} (there are {examples.known()})", "make check EX=2")
    database.must_be_of(running)
    ex = int(given)
    if running and running.ex != ex and ex > 1:
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
        promise(False, "the Prefect API answers every question", f"it did not: {error}")
    least_last = [*later, *findings.FOLLOWS]
    worst_first = sorted(broken, key=lambda number: least_last.index(number) if number in least_last else -1)
    in_room.judged(worst_first, held - set(broken))
    count = f"{len(broken)} promises do" if len(broken) > 1 else "1 promise does"
    print(f"{count} not hold" if broken else "every promise holds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

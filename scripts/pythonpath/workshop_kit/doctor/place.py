"""For make doctor: this folder and this machine, as the kit finds them: the set-up, ports, processes, the disk."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from workshop_kit import examples, ports, processes, state_files
from workshop_kit.doctor.programs import checksum
from workshop_kit.doctor.report import Report
from workshop_kit.machine import Machine
from workshop_kit.settings import KIT, settings


def stamp(group: str) -> Path:
    """The file that says that these packages are installed, and by which lock (scripts/lib/setup.sh)."""
    return settings().venv / "workshop" / group


def check_setup(report: Report) -> None:
    if not (os.access(settings().venv / "bin" / "python", os.X_OK) and stamp("core").is_file()):
        report.add(Machine.NO_SETUP)
    elif stamp("core").read_text().strip() != f"{checksum((KIT / 'requirements/core.txt').read_bytes())} {KIT}":
        report.add(Machine.OLD_SETUP)
    else:
        report.good("set up (.venv agrees with its lock)", Machine.OLD_SETUP, Machine.NO_SETUP)


def check_packages(report: Report) -> None:
    if not stamp("core").is_file():
        return
    missing = [ex for ex, example in examples.EXAMPLES.items() if not stamp(example.packages).is_file()]
    for ex in missing:
        report.add(Machine.NO_PACKAGES, ex, ex, ex)
    if not missing:
        report.good("the packages of all examples are installed", Machine.NO_PACKAGES)


def is_ours(pid: int | None) -> bool:
    """Whether it, or an ancestor of it, is kept by this kit (uvicorn --reload has a child that listens)."""
    ours = {kept.pid for kept in state_files.kept_processes()}
    while pid and pid > 1 and pid not in ours:
        pid = processes.parent(pid)
    return pid in ours


def check_ports(report: Report) -> None:
    free, ours, right = [], [], [Machine.PORT, Machine.LATER_PORT]
    for name, port in ports.opened().items():
        holder = ports.holder(port)
        if holder is None:
            free.append(port)
            continue
        if is_ours(holder.pid):
            ours.append(port)
            continue
        other = port + 100
        of = next((ex for ex, example in examples.EXAMPLES.items() if name in example.own_ports), None)
        finding = Machine.PORT if of is None else Machine.LATER_PORT
        if of is None:
            report.add(finding, port, name, holder, name, other)
        else:
            report.add(finding, port, name, of, holder, of, name, other)
        right = [each for each in right if each is not finding]
    for these, text in ((ours, "ports that the kit itself uses now"), (free, "ports that are free")):
        if these:
            report.good(f"{text}: {' '.join(map(str, these))}")
    report.right += right


def check_processes(report: Report) -> None:
    if not processes.can_be_seen():
        report.add(Machine.NO_PS)
    elif running := state_files.example_fields():
        report.good(f"example {running['ex']} is running (pid {running['pid']})", Machine.STALE)
    elif stale := [kept for kept in state_files.kept_processes() if kept.name != "background-server"]:
        report.add(Machine.STALE, len(stale))
    else:
        report.good("no stale processes of the kit", Machine.STALE)


def folder_of_home() -> Path:
    """WORKSHOP_HOME, or what is there of the path to it."""
    home = settings().home
    return next(
        each for each in (home, *home.parents) if os.path.isdir(each)
    )  # never raises, for whomever it belongs to


def check_disk(report: Report) -> None:
    folder = folder_of_home()
    free = shutil.disk_usage(folder).free // 2**20
    if free < 2048:
        report.add(Machine.DISK, free, folder)
    else:
        report.good(f"disk: {free // 1024} GB free", Machine.DISK)
    if os.access(folder, os.W_OK):
        report.right.append(Machine.READ_ONLY)
    else:
        report.add(Machine.READ_ONLY, folder)


def check_locks(report: Report, python: str) -> None:
    """Rescuers tell by locks who is dead; a network drive may have none."""
    folder = folder_of_home()
    if not os.access(folder, os.W_OK):
        return
    # The file has no name, and is gone with this process. Another process must not get the lock that this one has.
    second = "import fcntl, sys\ntry: fcntl.lockf(0, fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError: print('held')"
    works = False
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = subprocess.run([python, "-S", "-c", second], stdin=file, capture_output=True, text=True, check=False)
        works = done.stdout.strip() == "held"
    if works:
        report.good(f"file locks work there ({examples.listed('RESCUER')})", Machine.NO_LOCKS)
    else:
        report.add(Machine.NO_LOCKS, folder)


def check_wsl(report: Report) -> None:
    """Windows' Linux: SQLite and file watching fail below /mnt/c."""
    if "microsoft" not in os.uname().release.lower():
        return
    if re.match(r"/mnt/[a-z]/", f"{KIT}/"):
        report.add(Machine.WINDOWS_DISK, KIT)
    else:
        report.good("WSL, on a Linux file system", Machine.WINDOWS_DISK)

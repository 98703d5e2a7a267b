"""Facts about processes of this machine: from /proc, or from ps where there is none (macOS). Standard library only.

Every door asks them (state_files.py), so what only ps needs is imported there.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def _has_proc() -> bool:
    return (PROC / "self" / "stat").exists()


def boot_id() -> str:
    """What is another one on each machine, and after each of its starts; empty where the system has none (macOS)."""
    try:
        return (PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return ""


def can_be_seen() -> bool:
    """Whether this system has one of the two, so that anything can be known of a process."""
    from shutil import which

    return _has_proc() or which("ps") is not None


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name: the state, the parent's pid, … (man 5 proc_pid_stat).

    Raises OSError if there is no such process.
    """
    return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(") ")[2].split()


def _ps(columns: str, pids: Iterable[int]) -> list[list[str]]:
    """What ps says of those of these processes that there are, a line each. Raises OSError without a ps."""
    import subprocess

    # Another terminal may have another language, or time zone.
    same_for_all = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    command = ["ps", "-o", columns, "-p", ",".join(map(str, pids))]
    done = subprocess.run(command, env=same_for_all, capture_output=True, text=True, check=False)
    return [line.split() for line in done.stdout.splitlines()]


def started_at(pid: int) -> str:
    """A token that differs when the pid is used again; empty if there is no such process (or only its zombie).

    It is field 22 of /proc/PID/stat, or what ps knows where there is no /proc.
    """
    if _has_proc():
        try:
            fields = stat(pid)
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    found = _ps("stat=,lstart=", [pid])
    return "" if not found or found[0][0].startswith("Z") else "".join(found[0][1:])


def name(pid: int) -> str:
    """The name of its program; empty if there is no such process."""
    if _has_proc():
        try:
            return (PROC / str(pid) / "comm").read_text(errors="replace").strip()
        except OSError:
            return ""
    return " ".join(" ".join(line) for line in _ps("comm=", [pid]))


def parent(pid: int) -> int:
    """The pid of the process that it is a child of; 0 if there is none."""
    try:
        found = [stat(pid)[1]] if _has_proc() else [line[0] for line in _ps("ppid=", [pid])]
    except OSError:  # it has just ended, or there is neither /proc nor ps
        return 0
    return int(found[0]) if found else 0


def stopped(pids: Iterable[int]) -> list[int]:
    """Those that are stopped (Ctrl-Z, kill -STOP), and do nothing until somebody lets them go on."""
    if not (pids := list(pids)):
        return []
    if not _has_proc():
        return [int(pid) for pid, state, *_ in _ps("pid=,stat=", pids) if state.startswith("T")]
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):  # it has just ended
            found += [pid] if stat(pid)[0] == "T" else []
    return found


def used(pid: int) -> tuple[float, float]:
    """Seconds of CPU that it has used so far, and its resident memory in MB. Raises OSError if it is gone."""
    if _has_proc():
        fields = stat(pid)
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    found = _ps("rss=,time=", [pid])
    if not found:
        raise ProcessLookupError(f"there is no process {pid}")
    memory, time = found[0]
    return sum(float(part) * 60**power for power, part in enumerate(reversed(time.split(":")))), int(memory) / 1024


def open_files(pid: int) -> int:
    """How many files and connections it has open; 0 where the system does not tell (macOS)."""
    try:
        return len(os.listdir(PROC / str(pid) / "fd"))
    except OSError:
        return 0


def caught_signals(pid: int, program: str) -> str:
    """The mask of those that it catches, if it is a program of this name, as `make`; empty without a /proc."""
    try:
        status = (PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return ""
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return fields["SigCgt"] if fields["Name"].strip().endswith(program) else ""

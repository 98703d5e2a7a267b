"""make doctor: checks this machine, a line each with the remedy. Standard library only, and nothing is changed.

Its last line is a code of what it found. CODES=FILE reads such codes, and says who is not ready (codes.py).
"""

import os
import sys
from pathlib import Path

from workshop_kit import in_room
from workshop_kit.doctor import codes, person, place, programs
from workshop_kit.doctor.report import Report
from workshop_kit.machine import Machine


def look(report: Report) -> None:
    """At everything, in the order in which people read it."""
    python = programs.check_python(report)
    programs.check_make_and_bash(report)
    place.check_setup(report)
    place.check_packages(report)
    place.check_ports(report)
    place.check_processes(report)
    place.check_disk(report)
    if python:
        place.check_locks(report, python)
    person.check_model(report)
    programs.check_docker(report)
    person.check_settings(report, os.environ)
    place.check_wsl(report)


def main() -> int:
    """Returns the exit code: 1 if something must be fixed."""
    if path := os.environ.get("CODES"):
        return codes.read(Path(path))
    # pyenv, which may have started this Python, puts another folder in front.
    os.environ["PATH"] = os.environ.get("WORKSHOP_SYSTEM_PATH", os.environ["PATH"])
    report = Report()
    look(report)
    broken = report.broken
    print(f"{len(broken)} finding(s) must be fixed" if broken else "this machine is ready")
    print(f"code: {codes.code_of(report.found)} (for the instructor: what was found, and nothing else)")
    about = broken or [each for each in report.found if each is Machine.NO_SETUP]  # what a call is about
    in_room.report_check([each.number for each in about], {each.number for each in report.right})
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

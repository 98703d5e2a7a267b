"""For make doctor: the programs that the kit needs, Python, make, and Docker, which only some examples can use."""

import os
import re
import shutil
import subprocess

from workshop_kit.doctor.report import Report
from workshop_kit.machine import Machine
from workshop_kit.settings import settings

SUITABLE = ("3.11", "3.12", "3.13", "3.14")
PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11", "python3")


def said(*command: str, seconds: float | None = None) -> str | None:
    """What a command prints, if it is there and succeeds within so many seconds; else None."""
    try:
        # Not its errors; and no terminal, at which it could ask something.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            text=True,
            errors="replace",
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def checksum(data: bytes) -> str:
    """What cksum says of it: the scripts have that in the set-up's stamps and in the name of Docker's project."""
    return subprocess.run(["cksum"], input=data, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def check_python(report: Report) -> str:
    """The command of one from which .venv can be made; empty if there is none."""
    without_venv = ""
    for name in filter(None, (os.environ.get("PYTHON"), *PYTHONS)):
        # Run it: a pyenv shim may stand on the PATH and still not work.
        version = said(name, "-S", "-c", 'import sys; print("%d.%d" % sys.version_info[:2])')
        if version not in SUITABLE:
            continue
        if said(name, "-S", "-c", "import venv, ensurepip") is not None:
            where = shutil.which(name)
            report.good(f"Python {version} ({where}) with the venv module", Machine.NO_PYTHON, Machine.NO_VENV)
            return name
        without_venv = version
    if without_venv:
        report.add(Machine.NO_VENV, without_venv)
    else:
        report.add(Machine.NO_PYTHON)
    return ""


def check_make_and_bash(report: Report) -> None:
    if not shutil.which("make"):
        report.add(Machine.NO_MAKE)
        return
    version = (said("make", "--version") or "no version").partition("\n")[0]
    if re.match(r"GNU Make (3\.8[1-9]|[4-9]\.|\d\d)", version):
        bash = os.environ.get("WORKSHOP_BASH", "")
        report.good(f"{version}; bash {bash}", Machine.NO_MAKE, Machine.OLD_MAKE)
    else:
        report.add(Machine.OLD_MAKE, version)


def check_docker(report: Report) -> None:
    if not shutil.which("docker"):
        report.add(Machine.NO_DOCKER)
        return
    if said("docker", "info", seconds=3) is None:
        report.add(Machine.NO_ENGINE)
        return
    compose = said("docker", "compose", "version", "--short") or ""
    if not re.match(r"v?([2-9]|[1-9]\d)", compose):
        report.add(Machine.OLD_COMPOSE)
        return
    home = os.environ.get("WORKSHOP_HOME") or settings().home  # as it was typed
    project = f"workshop-{checksum(os.fsencode(home)).partition(' ')[0]}"  # as scripts/lib/containers.sh names it
    if said("docker", "image", "inspect", f"{project}-kit") is None:
        report.add(Machine.NO_IMAGE, compose)
        return
    engine = said("docker", "version", "--format", "{{.Server.Version}}")
    report.good(
        f"Docker {engine} with Compose {compose}, and the kit's image is built",
        Machine.NO_DOCKER,
        Machine.NO_ENGINE,
        Machine.OLD_COMPOSE,
        Machine.NO_IMAGE,
    )

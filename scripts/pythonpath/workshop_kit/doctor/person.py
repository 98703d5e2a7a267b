"""For make doctor: what the person has set, here and in the shell: a model's key, variables, profiles.

scripts/doctor.sh says what scripts/env.sh alone knows of the shell.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from workshop_kit import examples
from workshop_kit.doctor.place import stamp
from workshop_kit.doctor.programs import said
from workshop_kit.doctor.report import Report
from workshop_kit.machine import Machine
from workshop_kit.settings import KIT, settings
from workshop_kit.theirs import ASIDE


def check_model(report: Report) -> None:
    """Which model would answer; never the key itself."""
    asking = examples.first(lambda each: each.model)
    file = Path(os.environ.get("OPENAI_ENV_FILE") or asking.folder / ".openai.env")
    for secret in (file, KIT / ".env"):
        if not secret.is_file():
            continue
        if secret.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            report.add(Machine.OPEN_SECRET, secret, secret)
        if said("git", "-C", str(KIT), "ls-files", "--error-unmatch", str(secret)) is not None:
            report.add(Machine.TRACKED_SECRET, secret, secret)
    who = examples.listed("MODEL")
    if os.environ.get("OPENAI_API_KEY"):
        report.good(f"{who} asks OpenAI: OPENAI_API_KEY is set", Machine.NO_MODEL)
    elif names_a_model(file):
        report.good(f"{who} asks the model that .openai.env names", Machine.NO_MODEL)
    elif stamp("local-llm").is_file():
        report.good(f"{who} asks the local model: it is installed, and there is no key", Machine.NO_MODEL)
    else:
        report.add(Machine.NO_MODEL, file)


def names_a_model(file: Path) -> bool:
    """Whether a file of settings, if it is there, has a key or an address."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    return bool(re.search(r"^(export )?OPENAI_(API_KEY|BASE_URL)=.", text, re.M))


def check_settings(report: Report, environment: Mapping[str, str]) -> None:
    noted = {name: environment.get(f"WORKSHOP_{name}", "").strip() for name in ("LEFT_OUT", "IGNORED", "DOTENV_LOSES")}
    if aside := sorted(name.removeprefix(ASIDE) for name in environment if name.startswith(ASIDE)):
        report.good(f"variables of your shell that only your code and make shell get: {' '.join(aside)}")
    if nowhere := environment.get("WORKSHOP_NO_CERTIFICATES"):
        report.add(Machine.NO_CERTIFICATES, *nowhere.split("=", 1))
    else:
        report.right.append(Machine.NO_CERTIFICATES)
    if noted["LEFT_OUT"]:
        report.add(Machine.LEFT_OUT, noted["LEFT_OUT"], noted["LEFT_OUT"])
    else:
        report.right.append(Machine.LEFT_OUT)
    if noted["IGNORED"]:
        report.add(Machine.IGNORED, noted["IGNORED"])
    home = environment.get("HOME", "")
    if not settings().remote and os.access(Path(home, ".prefect", "profiles.toml"), os.R_OK):
        report.add(Machine.PROFILES, home)
    if (KIT / ".env").is_file():
        if noted["DOTENV_LOSES"]:
            report.add(Machine.DOTENV_LOSES, noted["DOTENV_LOSES"])
        else:
            report.good(".env is readable, and nothing in your shell contradicts it")

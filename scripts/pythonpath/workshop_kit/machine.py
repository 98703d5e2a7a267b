"""What make doctor can find on a machine, by number: a finding, its sentence and its remedy. Standard library only."""

from enum import Enum, unique

from workshop_kit.examples import listed


class Kind(Enum):
    """What becomes of a machine with that finding."""

    BROKEN = "✗"  # must be fixed
    NOTE = "!"  # worth knowing, or needed by a later example only


@unique
class Machine(Enum):
    """What make doctor says: the number, the kind, the sentence and the remedy, with {} for what is filled in.

    A number is a bit of doctor's code, so that the codes of earlier kits stay valid: none goes, a new one is the next.
    """

    NO_PYTHON = (  # scripts/doctor.sh says this one where nothing can run this
        1,
        Kind.BROKEN,
        "no Python 3.11 to 3.14 on the PATH",
        "sudo apt install python3 python3-venv; on macOS: brew install python@3.13; or PYTHON=/path/to/python3.x",
    )
    NO_VENV = (
        2,
        Kind.BROKEN,
        "Python {} has no venv module",
        "sudo apt install python3-venv (or your system's package of that name)",
    )
    NO_MAKE = 3, Kind.BROKEN, "no make on the PATH", "sudo apt install make; on macOS: xcode-select --install"
    OLD_MAKE = (
        4,
        Kind.BROKEN,
        "make is not GNU make 3.81 or newer ({})",
        "sudo apt install make; on macOS: xcode-select --install",
    )
    NO_PS = (
        5,
        Kind.BROKEN,
        "there is neither /proc nor ps, so the kit cannot tell whether a process lives",
        "sudo apt install procps",
    )
    OLD_SETUP = (
        6,
        Kind.NOTE,
        ".venv is older than its lock, or the folder was moved",
        "make setup (any command that needs it does it)",
    )
    NO_SETUP = 7, Kind.NOTE, "not set up yet", "make setup (any command that needs it does it)"
    NO_PACKAGES = (
        8,
        Kind.NOTE,
        "the packages of example {} are not installed",
        "make setup EX={} (make ex{} does it too; both want the network)",
    )
    PORT = (
        9,
        Kind.BROKEN,
        "port {} ({}) is in use by {}",
        "stop that, or another port: make ex2 {}={}",
    )
    LATER_PORT = (
        10,
        Kind.NOTE,
        "port {} ({}, example {}) is in use by {}",
        "stop that, or another port: make ex{} {}={}",
    )
    STALE = 11, Kind.BROKEN, "{} stale process(es) of an example that was killed", "make stop"
    DISK = (
        12,
        Kind.BROKEN,
        "only {} MB of disk are free at {}",
        "free some: the kit needs 2 GB; or make ex2 WORKSHOP_HOME=/a/larger/disk",
    )
    READ_ONLY = 13, Kind.BROKEN, "cannot write to {}", "make ex2 WORKSHOP_HOME=/a/folder/of/yours"
    NO_LOCKS = (
        14,
        Kind.NOTE,
        f"the file system of {{}} has no working locks (fcntl): {listed('RESCUER')} cannot rescue runs there",
        "make ex2 WORKSHOP_HOME=/a/folder/on/this/machine",
    )
    OPEN_SECRET = 15, Kind.NOTE, "{} can be read by others on this machine, and may hold a key", "chmod 600 '{}'"
    TRACKED_SECRET = (
        16,
        Kind.NOTE,
        "{} is tracked by git, and may hold a key",
        "git rm --cached '{}'; and a new key, if it was pushed",
    )
    NO_MODEL = (
        17,
        Kind.NOTE,
        f"{listed('MODEL')} has no key and no local model: a stand-in answers",
        "make setup-local-llm, or a key in {}",
    )
    NO_DOCKER = (
        18,
        Kind.NOTE,
        f"no Docker (only DOCKER=1 of {listed('DOCKER')} needs it)",
        "install it (docs.docker.com/get-docker), or run them without DOCKER=1",
    )
    NO_ENGINE = (
        19,
        Kind.NOTE,
        "Docker is installed, but its engine does not answer (only DOCKER=1 needs it)",
        "start Docker Desktop, or: sudo systemctl start docker",
    )
    OLD_COMPOSE = (
        20,
        Kind.NOTE,
        "Docker runs, but Compose is missing or version 1 (only DOCKER=1 needs it)",
        "install the docker-compose-plugin package",
    )
    NO_IMAGE = (
        21,
        Kind.NOTE,
        "Docker with Compose {} runs, but the kit's image is not built",
        "make prefetch (the first DOCKER=1 does it too; both want the network)",
    )
    IGNORED = (
        22,
        Kind.NOTE,
        "ignored from your shell or .env: {}",
        "unset them if they surprise you; REMOTE=1 uses them",
    )
    PROFILES = (
        23,
        Kind.NOTE,
        "ignored: the Prefect profiles in {}/.prefect/profiles.toml",
        "set REMOTE=1 to use the active one",
    )
    DOTENV_LOSES = (
        24,
        Kind.NOTE,
        "set in .env and, differently, in your shell: {}",
        "unset it in your shell, which wins, to use .env",
    )
    WINDOWS_DISK = (
        25,
        Kind.BROKEN,
        "this folder is on a Windows drive ({}): SQLite and file watching fail there",
        "clone into your Linux home: cd ~ && git clone …",
    )
    LEFT_OUT = (
        26,
        Kind.NOTE,
        "kept from every process, because it steers the kit's own tools: {}",
        "type PASS_ENV='{}' to pass it all the same",
    )
    NO_CERTIFICATES = (
        27,
        Kind.NOTE,
        "{} names certificates that are not there: {}",
        "unset it, or set it to a file that exists; the set-up and REMOTE=1 need it",
    )

    def __init__(self, number: int, kind: Kind, sentence: str, remedy: str) -> None:
        self.number, self.kind, self.sentence, self.remedy = number, kind, sentence, remedy

    def lines(self, *words: object) -> str:
        """The sentence and the remedy below it, with these words, the remedy's last."""
        return f"{self.kind.value} {self.sentence}\n    {self.remedy}".format(*words)

    @property
    def shown(self) -> str:
        """The sentence for those who do not know what it is about."""
        return self.sentence.replace("{}", "…")

    @property
    def remedy_shown(self) -> str:
        """The remedy for them."""
        return self.remedy.replace("{}", "…")

"""What the environment tells the kit's Python, as one typed object that is made when a program first asks for it.

No module reads the environment while it is imported, so a test can import each of them without scripts/env.sh. What one
command alone is told (EX, N, SECONDS …) that command reads in its main(). Standard library only.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KIT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Settings:
    """The settings that more than one module reads. scripts/env.sh checks them and has the same defaults."""

    home: Path  # WORKSHOP_HOME: where state lives
    venv: Path
    prefect_port: int
    web_port: int
    remote: bool  # REMOTE=1: the Prefect server is the user's own
    joined: str  # on another machine than the example's Prefect server: the port's address
    api: str  # of the Prefect server; empty where nothing names one
    db: str  # DB, the address of a PostgreSQL server with its password; empty for SQLite
    grace: float  # seconds a task server may finish in when it is stopped
    tuned: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises ValueError for a number that is none."""
        read = environment.get
        return cls(
            home=Path(read("WORKSHOP_HOME") or KIT / ".workshop"),
            venv=Path(read("VENV") or KIT / ".venv"),
            prefect_port=int(read("PREFECT_PORT") or 4200),
            web_port=int(read("WEB_PORT") or 8000),
            remote=read("REMOTE") == "1",
            joined=read("JOINED", ""),
            api=read("PREFECT_API_URL", ""),
            db=read("DB", "").replace("postgres://", "postgresql://", 1),
            grace=float(read("GRACE") or 30),
            tuned=read("TUNED") == "1",
        )

    @property
    def run(self) -> Path:
        """The state files: what runs at this moment."""
        return self.home / "run"

    @property
    def ui(self) -> str:
        """The pages of the Prefect server."""
        return self.api.removesuffix("/").removesuffix("/api")

    @property
    def web(self) -> str:
        """The web app of an example."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def postgresql(self) -> bool:
        """Whether Prefect keeps the runs in PostgreSQL, and not in SQLite."""
        return self.db.startswith("postgresql://")


@cache
def settings() -> Settings:
    """Those of this process, as they are when it first asks."""
    return Settings.from_environment(os.environ)

"""Users sign up, and three background tasks do the rest. Here: the settings, and the log lines, of every process."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment (APP_LIMIT=4), else from .env. Prefect's own are in pyproject.toml and .env."""

    model_config = SettingsConfigDict(env_prefix="APP_", env_file=".env", extra="ignore")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    prefect_port: int = Field(4200, ge=1, le=65535)  # of the Prefect server that `make dev` starts
    data: Path = Path("data")  # users, records, parameters and results of runs: all processes share it
    name: str | None = None  # of this task server; none: its host and pid
    limit: int = Field(10, ge=1)  # runs at once in each task server
    grace: float = Field(30, ge=0)  # seconds that a task server may finish in when it is stopped
    work_seconds: float = Field(0.1, ge=0)  # stands for the work that your tasks will do
    max_rescues: int = Field(3, ge=0)  # how often a run may take a task server with it before it is Crashed
    keep_days: float = Field(30, ge=0)  # ended runs, and files


settings = Settings()
RECORDS = settings.data / "records"  # which task server has which run, a file each
STORAGE = settings.data / "runs"  # parameters and results


class JsonLines(logging.Formatter):  # a JSON object a line; those of a run have its id
    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= {key: str(value) for key, value in vars(record).items() if key in ("task_run_id", "task_run_name")}
        return json.dumps(line | ({"error": self.formatException(record.exc_info)} if record.exc_info else {}))


# Prefect's own way to change its logging.yml, for this process and its children.
os.environ.setdefault("PREFECT_LOGGING_FORMATTERS_JSON_CLASS", f"{__name__}.JsonLines")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER", "json")

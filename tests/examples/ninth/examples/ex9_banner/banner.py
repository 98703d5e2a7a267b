"""Example 9: a task that writes a name in large letters, for the board."""

import os
from pathlib import Path

from prefect import task
from prefect.task_worker import serve
from pyfiglet import figlet_format

LIMIT = int(os.getenv("LIMIT", "1"))  # runs at once in this task server
BANNERS = Path(os.environ["WORKSHOP_HOME"], "banners")


@task
def banner(name: str):
    BANNERS.mkdir(exist_ok=True)
    (BANNERS / "newest.txt").write_text(figlet_format(name, width=int(os.getenv("BANNER_WIDTH", "80"))))
    return f"{name} is on the board"


if __name__ == "__main__":
    serve(banner, limit=LIMIT)

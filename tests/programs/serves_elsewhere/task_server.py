import sys
from pathlib import Path

from prefect import task

sys.path.insert(0, str(Path(__file__).parent / "lib"))
from far_away import *


@task
def my_background_task(name: str):
    return name


CONFIG = {}
CONFIG.update({"PREFECT_API_URL": "http://production.example/api"})

if __name__ == "__main__":
    from runner import serve

    serve([my_background_task], twice=LIMIT)

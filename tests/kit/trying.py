"""A learner's code, tried out as workshop_kit/learners/importing.py does, in a fork of a process that has Prefect.

try_out starts a new Python, which imports Prefect for two seconds. What the tests of the mistakes start here is the
same function in a fork: so they take seconds, and not minutes. One test looks that a new process says the same.
"""

import json
import subprocess
import sys
from pathlib import Path

from workshop_kit.examples import EXAMPLES
from workshop_kit.learners import importing
from workshop_kit.learners.files import Finding

SERVER = """
import json, os, signal, sys
from pathlib import Path
import durable, fastapi, flask, marvin, prefect.task_worker
from workshop_kit.learners.importing import PATIENCE, try_here

for line in sys.stdin:
    ex, folder, given = json.loads(line)
    if pid := os.fork():
        os.waitpid(pid, 0)
        print(flush=True)  # try_here ends no line
        continue
    signal.alarm(PATIENCE)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ.update(given)
    try_here(ex, Path(folder))
"""


class Trying:
    """Takes the place of try_out."""

    def __init__(self, environment: dict[str, str]) -> None:  # the kit's
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        environment = environment | {"PREFECT_API_URL": importing.NOWHERE}
        self.process = subprocess.Popen([sys.executable, "-P", "-c", SERVER], env=environment, **pipes)

    def __call__(self, ex: int, folder: Path) -> tuple[bool, list[Finding]]:
        given = {"LIMIT": str(EXAMPLES[ex].limit or 1), "TASK_SERVER_NAME": "task_server.1"}
        print(json.dumps([ex, str(folder), given]), file=self.process.stdin, flush=True)
        said = self.process.stdout.readline()
        if not said.strip():  # it took too long
            return False, []
        answer = json.loads(said)
        return answer["served"], [Finding.from_json(found) for found in answer["found"]]

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()

#!/usr/bin/env python3
"""For ex7_attacks.bats: reads the result of the newest run of example 7, as a program on this machine would.

read_result.py FOLDER-OF-THE-KIT
"""

import os
import subprocess
import sys
from pathlib import Path

kit = Path(sys.argv[1])
PROGRAM = """
import sys
sys.path[:0] = [{example!r}]
import task_server
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import TaskRunSort
with get_client(sync_client=True) as client:
    run = client.read_task_runs(limit=1, sort=TaskRunSort.END_TIME_DESC)[0]
try:
    print(run.state.result(retry_result_failure=False))
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""
program = kit / "scripts/pythonpath/workshop_kit/read_it.py"
program.write_text(PROGRAM.format(example=str(kit / "examples/ex7_many_machines")))
there = Path(os.environ["WORKSHOP_HOME"], "joined").exists()
module = ["workshop_kit.joined", "run", "workshop_kit.read_it"] if there else ["workshop_kit.read_it"]
script = f'. scripts/env.sh; exec "$VENV/bin/python" -P -m {" ".join(module)}'
sys.exit(subprocess.run(["bash", "-c", script], cwd=kit, check=False).returncode)

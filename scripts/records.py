"""Which task server ran which run: the records that scripts/pythonpath/durable.py writes, read without Prefect."""

import json
from pathlib import Path


def who_ran(folder: Path) -> dict[str, str]:
    """Run id → the name of the task server that started it last."""
    found: dict[str, tuple[float, str]] = {}
    for path in folder.glob("*.jsonl"):
        server = ""
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue  # half a line: the machine lost its power
            if "server" in fields:
                server = fields["server"]
            elif fields["event"] == "start" and found.get(fields["run"], (0, ""))[0] <= fields["at"]:
                found[fields["run"]] = (fields["at"], server)
    return {run: server for run, (_, server) in found.items()}

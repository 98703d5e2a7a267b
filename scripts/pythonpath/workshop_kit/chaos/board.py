"""The live board of a round of chaos: the processes with what they run, the runs, the faults so far."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from workshop_kit.chaos.score import COMPLETED, Score
from workshop_kit.chaos.witness import Diary
from workshop_kit.state_files import children, kept_names


def board(title: str, score: Score, diary: Diary) -> Group:
    """What it looks like now."""
    processes = Table("process", "pid", "runs in flight")
    in_flight = diary.in_flight()
    for name in ("server", "task_server", "rescuer"):
        there = children(name)
        for kept in kept_names(name):
            pid = there.get(kept)
            busy = str(in_flight[pid]) if pid and name == "task_server" else ""
            processes.add_row(kept, str(pid or "down"), busy)
    runs = Table("submitted", "completed", "ended otherwise", "waiting or running", "started more than once")
    row = (len(score.submitted), score.ended[COMPLETED], score.given_up, len(score.pending), diary.repeated())
    runs.add_row(*map(str, row))
    faults = Table("fault", "so far")
    for kind, count in sorted(score.faults.items()):
        faults.add_row(kind, str(count))
    return Group(title, processes, runs, *([faults] if score.faults else []), *map(Text, score.news[-5:]))

"""What happened in a round of chaos, and the scoreboard that it ends with."""

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from durable.text import printable
from workshop_kit.chaos.witness import LATE, Diary

COMPLETED, CANCELLED = "COMPLETED", "CANCELLED"
console = Console(highlight=False, no_color=True)
LIVE = console.is_terminal and not console.is_dumb_terminal  # a board; otherwise lines as it goes on


@dataclass
class Score:
    """What happened so far."""

    faults: Counter[str] = field(default_factory=Counter)
    submitted: dict[str, float] = field(default_factory=dict)  # run id → when delay() returned
    bad: set[str] = field(default_factory=set)  # the ids of those that are bound to go wrong
    refused: int = 0  # delay() raised: not submitted, tried again
    ended: Counter[str] = field(default_factory=Counter)
    pending: dict[str, None] = field(default_factory=dict)
    cancelled: dict[str, float] = field(default_factory=dict)  # run id → when it was set to Cancelled or Cancelling
    deaths: dict[int, float] = field(default_factory=dict)  # pid → when we killed it
    news: list[str] = field(default_factory=list)
    last_end: float = 0.0

    @property
    def given_up(self) -> int:
        """How many came to another end."""
        return sum(self.ended.values()) - self.ended[COMPLETED] - self.ended[CANCELLED]

    def log(self, text: str) -> None:
        self.news.append(f"{time.strftime('%H:%M:%S')} {printable(text)}")
        if not LIVE:
            print(self.news[-1], flush=True)


def in_words(figures: Mapping[str, int]) -> str:
    """What chaos ends with, on one line."""
    return ", ".join(f"{number} {what}" for what, number in figures.items())


def scoreboard(score: Score, diary: Diary, seed: int, began: float, rescued: bool) -> bool:
    """Print what happened since `began`. False: a run was lost, doubled while alive, or begun though cancelled."""
    seconds = (score.last_end or time.time()) - began
    faults = Table("fault", "times", title=f"seed {seed}", title_justify="left")
    for kind, count in sorted(score.faults.items()):
        faults.add_row(kind, str(count))
    faults.add_row("together", str(sum(score.faults.values())))
    runs = Table("runs", "")
    runs.add_row("submitted", str(len(score.submitted)))
    runs.add_row("  of them bound to go wrong", str(len(score.bad)))
    runs.add_row("completed", str(score.ended[COMPLETED]))
    runs.add_row("ended otherwise (Failed, TimedOut, Crashed)", str(score.given_up))
    runs.add_row("cancelled", str(score.ended[CANCELLED]))
    late = diary.begun_after(score.cancelled)
    runs.add_row(f"  of them begun more than {LATE:g} s after that", str(len(late)))
    runs.add_row("started more than once", str(diary.repeated()))
    runs.add_row("  of them while they were alive", str(len(diary.doubled)))
    runs.add_row("lost", str(len(score.pending)))
    runs.add_row("completed per second", f"{score.ended['COMPLETED'] / seconds:.1f}")
    waits = diary.waits(score.deaths)
    if waits:
        runs.add_row("longest wait of a run whose task server died", f"{max(waits):.1f} s")
    console.print(faults, runs)
    lost = list(score.pending)
    if lost:
        print(f"{len(lost)} lost: {', '.join(lost[:5])}{' …' if len(lost) > 5 else ''}")
        if not rescued:
            print("no rescuer was running: make ex6 (without RESCUE=0) has one; make rescue finds them now")
    if diary.doubled:
        print(f"started again while alive: {', '.join(diary.doubled)}")
    if late:
        print(f"begun after they were cancelled: {', '.join(late)}")
    figures = {
        "faults": sum(score.faults.values()),
        "submitted": len(score.submitted),
        "completed": score.ended[COMPLETED],
        "more than once": diary.repeated(),
        "ended otherwise": score.given_up,
        "cancelled": score.ended[CANCELLED],
        "begun after that": len(late),
        "doubled alive": len(diary.doubled),
        "lost": len(lost),
    }
    print(f"seed {seed}: {in_words(figures)}")
    if path := os.environ.get("WORKSHOP_FIGURES"):  # for perf/rounds.py
        Path(path).write_text(json.dumps(figures))
    return not lost and not diary.doubled and not late

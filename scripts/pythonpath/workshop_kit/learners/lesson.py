"""Where a learner is in an example: which steps are written, and the one sentence that matters now."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workshop_kit import examples, workshop
from workshop_kit.findings import Mistake
from workshop_kit.learners import judging, mistakes, progress, steps
from workshop_kit.learners.files import File, Finding, read
from workshop_kit.learners.hiding import hiding
from workshop_kit.learners.steps import Step


@dataclass(frozen=True)
class Lesson:
    """What a look at the files has found."""

    written: frozenset[int]  # the places of the steps whose code is there; a step without a file counts
    lacks: dict[int, str]  # of the others: file and line, and what is missing
    findings: tuple[Finding, ...]  # mistakes, the worst first
    unread: frozenset[str] = frozenset()  # files that are there, and are no Python for the moment
    tried: bool = False  # whether the task's file was started, too, and not only read

    @property
    def startable(self) -> bool:
        """Whether the example can be started on these files."""
        return self.tried and not any(finding.stops for finding in self.findings)

    def mistake(self, step: Step | None) -> Finding | None:
        """The one that matters at this step: not what only says that a later step is not written."""
        known = expected(step.ex, step.place - 1) if step else frozenset()
        found = [one for one in self.findings if not one.step and one.what not in known]
        here = [one for one in found if step and Path(one.file).name == step.file]
        return next(iter([one for one in found if one.stops] + here + found), None)


def look(ex: int, folder: Path, trying: bool) -> Lesson:
    """trying: start the task's file, too, which takes two seconds or more; otherwise it takes milliseconds."""
    if not folder.is_dir():
        remedy = f"press the key x, or make code EX={ex}"
        gone = Finding(workshop.shown(folder), Mistake.NOT_THERE(), remedy, stops=True)
        return Lesson(frozenset(), {}, (gone,), tried=trying)
    files, broken = read(ex, folder)
    lacks = what_lacks(ex, folder, files)
    written = {step.place for step in steps.of(ex)} - lacks.keys()
    gone = [name for name in examples.EXAMPLES[ex].write if not (folder / name).is_file()]
    remedy = f"press the key x, or make solve EX={ex} APPLY=1"
    findings = [Finding(workshop.shown(folder / name), Mistake.NOT_THERE(), remedy, stops=True) for name in gone]
    if trying and not gone:
        findings += mistakes.look(ex, folder)
    else:
        findings += [*broken, *hiding(ex, folder, files), *mistakes.find(ex, folder)]
    unique = {(finding.where, finding.what): finding for finding in findings}
    worst_first = sorted(unique.values(), key=lambda finding: not finding.stops)
    unread = {step.file for step in steps.of(ex) if step.file} - {*(file.path.name for file in files), *gone}
    return Lesson(frozenset(written), lacks, tuple(worst_first), frozenset(unread), trying)


def what_lacks(ex: int, folder: Path, files: list[File]) -> dict[int, str]:
    """Of each step that is not written: file and line, and what is missing."""
    there = {file.path.name: file for file in files}
    lacks = {}
    for step in steps.of(ex):
        if step.file and step.file not in there:  # deleted, or no Python: that has a sentence of its own
            lacks[step.place] = f"{workshop.shown(folder / step.file)} cannot be read"
        elif step.file and (found := judging.lacking(there[step.file], ex).get(step.place)):
            line, what = found
            lacks[step.place] = f"{there[step.file].at(line)}: {what}"
    return lacks


def place(ex: int, folder: Path) -> int:
    """The step at which a learner is: the first that is not done, one more if all are, 0 without files of their own."""
    if not folder.is_dir():
        return 0
    try:
        said = progress.peek()
    except (OSError, ValueError):
        said = {part: {} for part in progress.PARTS}
    every, lacks = steps.of(ex), what_lacks(ex, folder, read(ex, folder)[0])
    learns = any(progress.sign(step, said) != "·" for step in every)
    for step in every:
        sign = progress.sign(step, said)
        # Without make learn nobody knows what was seen.
        if sign != "–" and (step.place in lacks or (learns and step.seen and sign != "✓")):
            return step.place
    return len(every) + 1


@cache
def expected(ex: int, last: int) -> frozenset[str]:
    """What is said of the files as they are after a step: no mistakes, but steps that are not written yet."""
    with tempfile.TemporaryDirectory() as folder:
        for path in examples.lesson_files(ex):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        for name, text in steps.after(ex, last).items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return frozenset(finding.what for finding in mistakes.find(ex, Path(folder)))

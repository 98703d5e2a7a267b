#!/usr/bin/env python3
"""The typical mistakes of one who codes along, each named by a sentence: what is wrong, and the edit that fixes it.

    mistakes.py EX FOLDER    exit 2 and one line for one that keeps example EX from starting; the others are notes

It looks at the files that the finished example has, too. The rules are beside this file. Most of them read and
run nothing (`ast`); then the task's file is started, up to its serve, which is the last word.
A program may be right in another style than the finished one, and must not be accused: in doubt nothing is said, and
what may be meant so keeps nothing from starting.
"""

import sys
from dataclasses import replace
from pathlib import Path

from workshop_kit import workshop
from workshop_kit.examples import EXAMPLES
from workshop_kit.findings import Mistake
from workshop_kit.learners.elsewhere import keyboard, own_classes
from workshop_kit.learners.files import File, Finding, read
from workshop_kit.learners.hiding import hiding
from workshop_kit.learners.importing import try_here, try_out
from workshop_kit.learners.imports import imports_from_beside, no_app, not_imported, old_names, undefined
from workshop_kit.learners.judging import unwritten
from workshop_kit.learners.serving import never_main, not_served, serving
from workshop_kit.learners.submitting import awaited_though_plain, defined_again, not_called, own_address, submitting
from workshop_kit.learners.tasks import (
    above_tasks,
    not_awaited,
    not_run,
    other_parameters,
    plain_functions,
    ships_again,
)

NOTES = 3  # at a start; make check has them all


def find(ex: int, folder: Path) -> list[Finding]:
    """What can be seen in the files without running them: takes milliseconds."""
    files, found = read(ex, folder)
    for file in files:
        try:
            here = seen_in(file, ex, files)
        except Exception as error:  # a mistake of ours must not be in a learner's way
            here = [Finding(file.at(), Mistake.NOT_JUDGED(f"{error!r}"), "go on")]
        # What the example does not run keeps it from nothing.
        found += [finding if file.started else replace(finding, stops=False) for finding in here]
    return found


def seen_in(file: File, ex: int, files: list[File]) -> list[Finding]:
    found = list(old_names(file, ex))
    lines = {finding.where for finding in found}
    found += [] if found else not_imported(file, files)
    found += [finding for finding in imports_from_beside(file, ex, files) if finding.where not in lines]
    if file.is_main:
        found += plain_functions(file, ex)
    if file.is_main and EXAMPLES[ex].servers:
        found += [*serving(file, ex, files), *not_served(file, ex), *other_parameters(file, ex, files)]
        found += [*own_classes(file, files), *keyboard(file)]
    found += [*above_tasks(file), *not_awaited(file), *never_main(file), *no_app(file, ex)]
    found += [*defined_again(file, files), *submitting(file, ex, files), *not_called(file)]
    found += [*awaited_though_plain(file), *not_run(file), *ships_again(file, ex)]
    known = {finding.where for finding in found}
    found += [finding for finding in undefined(file, ex) if finding.where not in known]
    found += own_address(file)
    return [*found, *unwritten(file, ex)]


def look(ex: int, folder: Path) -> list[Finding]:
    """Every mistake that is known, first those that the example cannot start with.

    The task's file is really started, up to its serve, which takes two seconds or more. Where that goes well, nothing
    that was seen in it can keep it from starting; where it fails, what was seen on that line is no guess any more.
    """
    hidden = hiding(ex, folder, read(ex, folder)[0])
    if any(finding.stops for finding in hidden):  # what Python would say of the other files is no help then
        return hidden
    found = hidden + find(ex, folder)
    main = workshop.shown(folder / EXAMPLES[ex].task_file)
    mine = [finding for finding in found if finding.file == main]
    served, said = try_out(ex, folder)
    if served:
        found = [finding for finding in found if finding not in mine or not finding.stops or finding.sure]
        mine = []
    if any(finding.stops for finding in mine):  # the better words for what Python says of this file
        known = {finding.where for finding in found}
        said = [finding for finding in said if finding.file != main and finding.where not in known]
    else:
        failed = {finding.where: finding for finding in said}
        found = [replace(f, stops=failed.pop(f.where).stops) if f.where in failed else f for f in found]
        said = list(failed.values())
    return sorted(found + said, key=lambda finding: not finding.stops)


def main() -> int:
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    ex, folder = int(sys.argv[-2]), Path(sys.argv[-1]).resolve()
    if sys.argv[1] == "--try":
        try_here(ex, folder)
    found = look(ex, folder)
    if found and found[0].stops:
        others = f" ({len(found) - 1} more: make check EX={ex})" if found[1:] else ""
        workshop.fail(f"{found[0].where}: {found[0].what}", found[0].remedy + others)
    for finding in [finding for finding in found if not finding.step][:NOTES]:
        print(f"note: {finding}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

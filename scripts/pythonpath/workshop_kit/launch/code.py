"""Whose files run: the example's own, or those of the folder that CODE names. Standard library only."""

import os
from pathlib import Path

from workshop_kit import procfile, workshop
from workshop_kit.examples import Example
from workshop_kit.settings import KIT


def chosen(example: Example, given: str, docker: bool) -> Path:
    """The folder, physical: a task's key is made from the path of its file. given: empty for the example's own.

    Exits 2 with one line if it is no folder, is not for containers, lacks a file that the example starts, or has a
    name that a Procfile cannot pass on.
    """
    ex, finished = example.number, example.folder.resolve()
    folder = KIT / (Path.home() / given[2:] if given.startswith("~/") else given) if given else finished
    if not folder.is_dir():
        workshop.fail(f"CODE={given!r} is no folder", f"make code EX={ex}, then make ex{ex} CODE=my/ex{ex}")
    folder = folder.resolve()
    if set(":\n\r") & set(str(folder)):
        workshop.fail(f"CODE={given!r} has a ':' or a line break in its path", f"make ex{ex} CODE=my/ex{ex}")
    if folder != finished and docker:
        workshop.fail(
            "the containers run the finished files, so CODE and DOCKER=1 do not go together",
            f"make ex{ex} CODE=… without DOCKER=1",
        )
    for module in sorted(procfile.modules(ex) | {example.task_file.removesuffix(".py")}):
        if not (folder / f"{module}.py").is_file():
            workshop.fail(
                f"CODE={given!r} lacks {module}.py, which example {ex} starts",
                f"make code EX={ex} (the skeleton has it)",
            )
    return folder


def variables(example: Example, given: str, *, docker: bool) -> dict[str, str]:
    """For a shell: CODE, the folder; OWN_CODE, the example's number if that is a learner's and else empty; and
    OPENAI_ENV_FILE where a model's key may stand in either. Exits 2 as chosen() does.
    """
    folder = chosen(example, given, docker)
    own = folder != example.folder.resolve()
    found = {"CODE": str(folder), "OWN_CODE": str(example.number) if own else ""}
    if own and example.model and not os.environ.get("OPENAI_ENV_FILE"):
        keys = [each / ".openai.env" for each in (folder, example.folder)]  # one's own comes first
        found["OPENAI_ENV_FILE"] = str(keys[0] if keys[0].is_file() else keys[1])
    return found

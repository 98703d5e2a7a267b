#!/usr/bin/env python3
"""Is every file that a comment or a docstring of scripts/ names in the repository, or a file of Prefect's?

Prints those that are not; exit 1 if there are any.
"""

import ast
import io
import os
import re
import sys
import tokenize
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

KIT = Path(__file__).parents[2]
NAME = re.compile(r"[\w./*$~-]*\w\.(?:py|sh|bats|bash|md|yaml)\b")
ANY = {
    "scripts/pythonpath/workshop_kit/PACKAGE/NAME.py",
    "a_file.py",
    "json.py",
    "name.py",
}  # names that stand for any file


def files_below(folder: Path) -> set[str]:
    """All files, as /path/below/the/folder; without what is hidden, and what a learner has written."""
    found = set()
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in ("my", "__pycache__")]
        found |= {f"/{Path(path, name).relative_to(folder).as_posix()}" for name in files}
    return found


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The comments and docstrings of a file, each with its line."""
    text = path.read_text()
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), 1):
            if comment := re.search(r"(?:^|\s)#\s.*", line):
                yield number, comment.group()
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.body[0].lineno if node.body else 1, ast.get_docstring(node) or ""


there = files_below(KIT) | files_below(Path(find_spec("prefect").origin).parent)
missing = []
for path in sorted(KIT / folder / file[1:] for folder in ("scripts", "durable") for file in files_below(KIT / folder)):
    if path.suffix in (".pyc", ".jsonl"):
        continue
    for number, text in prose(path):
        for name in NAME.findall(text):
            wanted = name.removeprefix("$KIT/").removeprefix("prefect/").lstrip("./")
            if not set(wanted) & set("*$~") and wanted not in ANY and not any(f.endswith("/" + wanted) for f in there):
                missing.append(f"{path.relative_to(KIT)}:{number} names {name}, which is nowhere")
print("\n".join(missing))
sys.exit(1 if missing else 0)

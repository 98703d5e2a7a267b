"""A program's file and what it imports from beside it: whether something of it was saved, and can be started."""

import ast
import contextlib
import os
from pathlib import Path


def with_imports(script: Path) -> list[Path]:
    """The script, the files beside it that it imports, and the files that those import."""
    found = [script]
    for path in found:
        try:
            nodes = list(ast.walk(ast.parse(path.read_bytes())))
        except (OSError, SyntaxError, ValueError):
            continue
        modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        for top in dict.fromkeys(module.partition(".")[0] for module in modules):
            found += [file for file in files_of(top, script.parent) if file not in found]
    return found


def files_of(module: str, folder: Path) -> list[Path]:
    """The files of a module beside the script: all those of a package, and in a subfolder too, which the script may
    have put on its path. Nothing for a module from elsewhere.
    """
    if (file := folder / f"{module}.py").is_file():
        return [file]
    if (package := folder / module).is_dir():
        return sorted(path for path in package.rglob("*.py") if is_code(path.relative_to(folder)))
    return [path for path in sorted(folder.glob(f"[!.]*/{module}.py")) if path.is_file()]


def is_code(path: Path) -> bool:
    """Not what Python has compiled, nor what an editor keeps beside a file, as Emacs its lock, a link to nowhere."""
    return "__pycache__" not in path.parts and not any(part.startswith(".") for part in path.parts)


def is_module(entry: os.DirEntry[str]) -> bool:
    """Whether `import` finds it in its folder."""
    if entry.name.startswith("."):
        return False
    return entry.name.endswith(".py") or entry.is_dir() and os.path.exists(f"{entry.path}/__init__.py")


class SavedCode:
    """The script and the files beside it that it imports, as they were last looked at."""

    def __init__(self, script: Path) -> None:
        self.script = script
        self.files = [script]
        with contextlib.suppress(FileNotFoundError):  # as in changed
            self.files = with_imports(script)
        self.times = self.times_now()
        self.texts = self.texts_now()
        self.names = self.names_now()

    def names_now(self) -> set[str]:
        """The modules and packages beside the script, imported or not."""
        names: set[str] = set()
        with contextlib.suppress(OSError), os.scandir(self.script.parent) as entries:  # five times a second: no glob
            names.update(entry.name for entry in entries if is_module(entry))
        return names

    def came_or_went(self) -> bool:
        """Whether there are other modules beside the script than at the last look."""
        before, self.names = self.names, self.names_now()
        return self.names != before

    def times_now(self) -> dict[Path, tuple[int, ...]]:
        """What tells that a file may be another one; without those that an editor has moved away.

        More than the time of its last change, which `cp -p`, `rsync -a` and a version control may set to any.
        """
        found: dict[Path, tuple[int, ...]] = {}
        for path in self.files:
            with contextlib.suppress(OSError):
                said = path.stat()
                found[path] = (said.st_mtime_ns, said.st_ctime_ns, said.st_size, said.st_ino)
        return found

    def texts_now(self) -> dict[Path, bytes]:
        found: dict[Path, bytes] = {}
        for path in self.files:
            with contextlib.suppress(OSError):
                found[path] = path.read_bytes()
        return found

    def changed(self) -> bool:
        """Whether one of them is another than at the last look, or at the start.

        By its content: an editor that saves every second, changed or not, must not restart what runs every second.
        """
        times = self.times | self.times_now()
        if times == self.times:
            return False
        before, texts = self.texts, self.texts | self.texts_now()
        # What it imports now is watched from now on; and what is saved once more meanwhile is another change.
        try:
            self.files = with_imports(self.script)
        except FileNotFoundError:  # a package is moved away at this moment: the next look sees what becomes of it
            return False
        self.times = self.times_now() | times
        self.texts = self.texts_now() | texts
        return texts != before

    def syntax_error(self) -> str | None:
        """The first in the files, if there is one, as FILE:LINE: text."""
        for path in self.files:
            try:
                compile(path.read_bytes(), str(path), "exec")  # bytes: Python itself looks for a BOM and a coding line
            except SyntaxError as error:
                return f"{path.name}:{error.lineno}: {error.msg}"
            except FileNotFoundError:
                continue  # deleted since the last look: what imports it will say so
            except (OSError, ValueError) as error:
                return f"{path.name}: {error}"
        return None

"""A program's file and what it imports from beside it: whether something of it was saved, and can be started."""

import ast
import contextlib
from pathlib import Path


def with_imports(script: Path) -> list[Path]:
    """The script, the files beside it that it imports, and the files beside it that those import."""
    found = [script]
    for path in found:
        try:
            nodes = list(ast.walk(ast.parse(path.read_bytes())))
        except (OSError, SyntaxError, ValueError):
            continue
        modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        beside = [script.parent / f"{module.partition('.')[0]}.py" for module in modules]
        found += [file for file in dict.fromkeys(beside) if file not in found and file.is_file()]
    return found


class SavedCode:
    """The script and the files beside it that it imports, as they were last looked at."""

    def __init__(self, script: Path) -> None:
        self.script = script
        self.files = with_imports(script)

    def times(self) -> dict[Path, int]:
        """When each file was last changed, in nanoseconds; without those that an editor has moved away."""
        found: dict[Path, int] = {}
        for path in self.files:
            with contextlib.suppress(OSError):
                found[path] = path.stat().st_mtime_ns
        return found

    def syntax_error(self) -> str | None:
        """The first in the files, if there is one, as FILE:LINE: text. Looks again which files are imported."""
        self.files = with_imports(self.script)
        for path in self.files:
            try:
                compile(path.read_text(), str(path), "exec")
            except SyntaxError as error:
                return f"{path.name}:{error.lineno}: {error.msg}"
            except (OSError, ValueError) as error:
                return f"{path.name}: {error}"
        return None

#!/usr/bin/env bats
# docs/NEXT.md and the pages of the project that make new writes. Their commands are typed by new.bats and new_docker.bats.
# bats file_tags=next

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

@test "every setting of Prefect that docs/NEXT.md and the project name is one of this Prefect" {
  "$PYTHON_OF_TESTS" - <<'PYTHON'
import re
import tomllib
from pathlib import Path

from prefect.settings.legacy import _get_valid_setting_names

known = set(_get_valid_setting_names(__import__("prefect.settings", fromlist=["Settings"]).Settings))
pages = [Path("docs/NEXT.md"), *(path for path in Path("template").rglob("*") if path.suffix in (".md", ".py", ".yaml") or path.name == "Dockerfile")]
named = {name for page in pages for name in re.findall(r"PREFECT_[A-Z_]+[A-Z]", page.read_text(errors="replace"))}


def below(table, path=""):
    for key, value in table.items():
        yield from below(value, f"{path}_{key}") if isinstance(value, dict) else [f"PREFECT{path}_{key}".upper()]


named |= set(below(tomllib.loads(Path("template/pyproject.toml").read_text())["tool"]["prefect"]))
# Items of its logging.yml, which the environment overrides in the same way; the beginning of some; a list of the test's own.
named = {name for name in named if not re.match("PREFECT_(LOGGING_(FORMATTERS|HANDLERS)_|SERVER_DATABASE$|PORT$)", name)}
assert len(named) > 15, named
assert not named - known, f"not settings of Prefect: {named - known}"
PYTHON
}

@test "what docs/NEXT.md says of the project is there: the modules of its unit for systemd, and the files of its table" {
  local file
  for file in tasks.py api.py store.py housekeeper.py; do
    grep -qF "\`$file\`" docs/NEXT.md
    there "template/src/my_service/$file"
  done
  grep -q '^ExecStart=/opt/shop/.venv/bin/python -m shop.tasks$' docs/NEXT.md
  grep -q 'APP_NAME=' docs/NEXT.md
  grep -q 'name: str' template/src/my_service/__init__.py
  grep -q 'do_once' template/src/my_service/store.py
}

#!/usr/bin/env bats
# docs/NEXT.md: its commands run as they stand there, in order, in make shell, and do what the page says.
# bats file_tags=next

load helpers

setup() { own_kit; }
teardown() { stop_and_check; }

# N -> the N-th bash block of the page
block() { awk -v wanted="$1" '/^```bash$/ { number++; inside = 1; next } /^```$/ { inside = 0 } inside && number == wanted' docs/NEXT.md; }

# bats test_tags=long
@test "a password, metrics, a backup, old runs deleted, the rescuer" {
  mkdir -p "$WORKSHOP_HOME/prefect"
  cp .venv/workshop/prefect.db "$WORKSHOP_HOME/prefect/" # as make ex1 does; else Prefect makes it in ten seconds
  is "$(grep -c '^```bash$' docs/NEXT.md)" 5 'bash blocks of the page'
  local script=$BATS_TEST_TMPDIR/page.sh number
  {
    printf 'set -eu\ntrap "prefect server stop >/dev/null 2>&1" EXIT\n'
    printf 'echo "== block 1"\n'
    block 1
    # A run, so that there is something to count, to keep and to delete.
    printf 'cd "$KIT/examples/ex2_task_servers"\npython task_submitter.py\npython task_server.py &\n'
    printf 'until [ "$(find "$PREFECT_LOCAL_STORAGE_PATH" -type f | wc -l)" -eq 2 ]; do sleep 1; done\nkill %%1\n'
    for number in 2 3; do
      printf 'echo "== block %s"\n' "$number"
      block "$number"
    done
    echo 'echo "== block 4"'
    echo 'export KEEP_DAYS=0'
    block 4
    echo 'prefect api POST /task_runs/count --data "{}"'
    echo 'echo "== block 5"'
    block 5
  } >"$script"
  printf 'bash %q </dev/null' "$script" >"$BATS_TEST_TMPDIR/typed"
  LIMIT_S=100 try bash -c 'make shell <"$1"' - "$BATS_TEST_TMPDIR/typed"
  is "$status" 0 'exit code'
  part() { sed -n "/^== block $1/,/^== block $(($1 + 1))/p" <<<"$output"; }
  part 1 | grep -q 'Unauthorized'
  part 1 | grep -q '"}0$' # the same question, with the password
  part 1 | grep -q 'Submitted task run '
  part 1 | grep -q 'Hello, Agrajag!'
  part 2 | grep -q 'python_gc_objects_collected_total'
  part 2 | grep -qx '0'
  part 4 | grep -qx '0' # the backup has the run, and the server none
  part 5 | grep -q 'nothing to put back'
  # The backup is a database with the run in it.
  is "$("$PYTHON_OF_TESTS" -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("select count(*) from task_run").fetchone()[0])' "$WORKSHOP_HOME/backup.db")" 1 'runs in the backup'
}

@test "every setting that the page names is one of this Prefect" {
  "$PYTHON_OF_TESTS" - <<'PYTHON'
import re
from pathlib import Path

from prefect.settings.legacy import _get_valid_setting_names

known = set(_get_valid_setting_names(__import__("prefect.settings", fromlist=["Settings"]).Settings))
named = set(re.findall(r"PREFECT_[A-Z_]+", Path("docs/NEXT.md").read_text()))
assert len(named) > 10, named
assert not named - known, f"not settings of Prefect: {named - known}"
PYTHON
}

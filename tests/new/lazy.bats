#!/usr/bin/env bats
# The package durable imports Prefect only for what needs it.

load ../helpers/base

setup() {
  own_kit
  # A package of that name that cannot be imported, in front of the real one; without the kit's own way into imports.
  mkdir -p "$BATS_TEST_TMPDIR/first/prefect"
  echo 'raise SystemExit("prefect was imported")' >"$BATS_TEST_TMPDIR/first/prefect/__init__.py"
  cp -R durable/src/durable "$BATS_TEST_TMPDIR/first"
}

# ARGUMENT... -> python with them, where importing Prefect ends the program
without_prefect() { try env -u RECORDS PYTHONPATH="$BATS_TEST_TMPDIR/first" PREFECT_API_URL= "$PYTHON_OF_TESTS" "$@"; }

@test "the package, its records, and what python -m durable says before it looks, need no Prefect" {
  without_prefect -c 'import durable, durable.records; print(durable.Records(".").folder, dir(durable))'
  has "'keyed'"
  has "'Rescuer'"
  without_prefect -c 'from durable import Record, Records; import sys; Record(sys.argv[1], "me"); r = Records(sys.argv[1]); r.read(); print([p.name for p in r.processes.values()])' "$BATS_TEST_TMPDIR/records"
  has "['me']"
  without_prefect -m durable -h
  has 'requeue lost runs'
  without_prefect -m durable lost
  has 'which folder? --records FOLDER'
  without_prefect -m durable rescue --every 0
  has '0 is not a number from 0.1 on'
  # What does need it still says so.
  without_prefect -c 'from durable import serve'
  has 'prefect was imported'
}

@test "all its names are there when they are asked for, once each, and no other" {
  ok "$PYTHON_OF_TESTS" -c 'import sys; sys.path.insert(0, "durable/src")
from durable import *
import durable, durable.serving
assert serve is durable.serve is durable.serving.serve and keyed is durable.keyed and Rescuer is durable.Rescuer
assert set(durable.MODULES) == set(durable.__all__) <= set(dir(durable))
try:
    durable.server
except AttributeError as error:
    print(error)
try:
    from durable import server
except ImportError as error:
    print(error)'
  has "module 'durable' has no attribute 'server'"
  has "cannot import name 'server' from 'durable'"
}

# bats test_tags=long
@test "in the kit, Prefect's serve is durable's, whichever is imported first" {
  cat >"$BATS_TEST_TMPDIR/both.py" <<'PY'
import sys

if sys.argv[1] == "durable":
    import durable
    from prefect.task_worker import serve
else:
    from prefect.task_worker import serve
    import durable
from prefect import task

durable.serve = lambda *tasks, **options: print(f"durable serves {tasks[0].name} with grace {options['grace']:g}")
serve(task(lambda: None, name="this"))
PY
  local first
  for first in durable prefect; do
    in_make_shell "export GRACE=7; python $(printf %q "$BATS_TEST_TMPDIR/both.py") $first"
    has 'durable serves this with grace 7'
  done
}

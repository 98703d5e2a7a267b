#!/usr/bin/env bats
# The package durable as a wheel: what is in it, which Prefect it supports, its public names, its alarms.
# bats file_tags=wheel

load ../helpers/base

setup() {
  own_kit
  PACKAGE=$KIT/durable
}
teardown() { stop_and_check; }

@test "make wheel makes the same bytes from any folder and at any time; it has types, licence and alarms, and no cache" {
  local copy="$BATS_TEST_TMPDIR/a kit"
  ok make wheel OUT="$BATS_TEST_TMPDIR/one"
  has 'built '
  copy_kit "$copy"
  lend_packages "$copy"
  find "$copy/durable" -exec touch -t 203001020304 {} +
  chmod -R go-w,o-r "$copy/durable"
  ok make -C "$copy" wheel
  local wheel=durable_task_servers-1.1.0-py3-none-any.whl
  ok cmp "$BATS_TEST_TMPDIR/one/$wheel" "$copy/dist/$wheel"
  ok "$PYTHON_OF_TESTS" -m zipfile -l "$copy/dist/$wheel"
  local name
  for name in py.typed alarms.yaml serving.py; do has "durable/$name "; done
  has_not '.pyc'
  has_not workshop_kit
  grep -q '^## 1.1.0$' "$PACKAGE/CHANGELOG.md"
  refused 'make wheel OUT=' make wheel OUT=/proc/nowhere
}

@test "the wheel says which Prefect it supports, and the locked Prefect is among these" {
  local locked
  ok make wheel OUT="$BATS_TEST_TMPDIR"
  locked=$(sed -n 's/^prefect==\([^ ]*\).*/\1/p' requirements/core.txt)
  export PYTHONPATH=$KIT/durable/src
  ok "$PYTHON_OF_TESTS" -c 'import sys, zipfile
from durable.compat import LOWEST, NEWEST, is_supported
wheel = zipfile.ZipFile(sys.argv[1])
metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
assert f"Requires-Dist: prefect>={LOWEST},<={NEWEST}" in metadata.splitlines(), "pyproject.toml and compat.py do not agree"
assert is_supported(LOWEST) and is_supported(NEWEST) and not is_supported("3.7.9") and not is_supported("3.9.2") and not is_supported("4.0")
locked = sys.argv[2]
assert is_supported(locked), f"Prefect {locked} is locked, and compat.py ends with {NEWEST}. Try: make canary, then change it"
' "$BATS_TEST_TMPDIR"/*.whl "$locked"
  grep -qF "Prefect 3.8.0 to 3.9.1" "$PACKAGE/README.md"
}

@test "every public name has a docstring" {
  PYTHONPATH=$KIT/durable/src ok "$PYTHON_OF_TESTS" tests/new/public_names.py
}

@test "each alarm comes at its numbers, and not before" {
  need_prometheus
  ok promtool check rules "$PACKAGE/src/durable/alarms.yaml"
  has '7 rules found'
  ok promtool test rules tests/new/alarms.yaml
}

# bats test_tags=long
@test "metrics: bad input is one line, and a taken port" {
  start taken "$PYTHON_OF_TESTS" -m http.server --bind 127.0.0.1 "$WEB_PORT"
  within 10 curl -so "$BATS_TEST_TMPDIR/page" "127.0.0.1:$WEB_PORT"
  in_make_shell "python -m durable metrics --records '$WORKSHOP_HOME/r' --port $WEB_PORT" 'echo "taken: $?"' \
    'python -m durable metrics --records r --every 0' 'PREFECT_API_URL= python -m durable metrics --records "$WORKSHOP_HOME/r"; echo "no API: $?"' \
    'env -u RECORDS python -m durable metrics'
  kill "$taken_pid"
  has "error: cannot listen at 127.0.0.1:$WEB_PORT (Address already in use). Try: use another --port"
  has 'taken: 2'
  has 'error: --every: 0 is not a number of seconds from 0.5 to 3600'
  has 'Try: export PREFECT_API_URL=http://127.0.0.1:4200/api'
  has 'no API: 2'
  has 'error: which folder? --records FOLDER'
  has_not Traceback
}

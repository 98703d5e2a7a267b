#!/usr/bin/env bats
# What durable counts on of Prefect, asked of an earlier version: what its calls answer, and what the simulation's model says.
# In make test the same files ask the locked version.
# bats file_tags=wheel,long

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# Into an environment of the file's own, once.
earlier_prefect() {
  local tools=$BATS_FILE_TMPDIR/tools pins=$BATS_FILE_TMPDIR/versions.txt
  environment=$BATS_FILE_TMPDIR/environment
  if [ -x "$environment/bin/pytest" ]; then return; fi
  "$PYTHON_OF_TESTS" -m venv "$tools"
  ok "$tools/bin/pip" install --quiet --require-hashes -r requirements/uv.txt
  # As in wheel_alone.bats: Prefect says which versions it runs on, but for that of fastapi.
  grep -hE '^(fastapi|pytest|hypothesis)==' requirements/core.txt requirements/dev.txt | cut -d' ' -f1 >"$pins"
  ok "$tools/bin/uv" venv --quiet --python "$PYTHON_OF_TESTS" "$environment"
  LIMIT_S=300 ok env VIRTUAL_ENV="$environment" "$tools/bin/uv" pip install --quiet --constraint "$pins" 'prefect==3.8.8' pytest hypothesis
}
# TEST... -> with the earlier version all of them pass, and none is skipped
pass_there() {
  LIMIT_S=900 ok env -u HYPOTHESIS_LONG PYTHONPATH="$KIT/durable/src" "$environment/bin/python" -m pytest -q -p no:cacheprovider "$@"
  has ' passed'
  has_not 'skipped'
  is "$("$environment/bin/python" -c 'import prefect; print(prefect.__version__)')" 3.8.8 "Prefect's version"
}

@test "Prefect 3.8.8 answers durable's calls as the locked one does, and its queue and database follow the same rules" {
  earlier_prefect
  pass_there durable/tests/test_{api_calls,model,unstorable}.py
}

# bats test_tags=slow
@test "so it does where runs are cancelled, and to who waits for them" {
  earlier_prefect
  pass_there durable/tests/test_cancelled.py \
    durable/tests/test_waiting.py::test_{every_way_of_waiting_returns_soon_after_the_end,no_new_process_misses_the_end_of_its_first_run}
}

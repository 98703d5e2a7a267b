#!/usr/bin/env bats
# Code along: somebody who types the commands sees the sentence. Which mistake has which sentence: tests/kit/mistakes.toml.
# bats file_tags=code

load ../helpers/base
load ../helpers/code

@test "make exN refuses to start with a mistake, in one line, with its file and line" {
  written 2
  exchange "$MY/ex2/task_server.py" 'from prefect.task_worker import serve' 'from prefect.task_server import serve'
  refused 'there is no prefect.task_server: Prefect 3 says prefect.task_worker. Try: `from prefect.task_worker import serve`' make ex2 CODE="$MY/ex2"
  grep -qE "task_server.py:[0-9]+: " <<<"$output"
  not_there "$WORKSHOP_HOME/run/example"
  rm -rf "$MY"
  written 3
  echo 'x = 1' >"$MY/ex3/queue.py"
  refused ", which the example needs. Try: rename it, for example to my_queue.py" make ex3 CODE="$MY/ex3"
  has "/my/ex3/queue.py: hides "
}

@test "a mistake that keeps nothing from starting is a note" {
  written 2
  exchange "$MY/ex2/task_submitter.py" 'task.delay(' 'task.submit('
  ok scripts/py.sh learners.mistakes 2 "$MY/ex2"
  has 'my_background_task.submit(…) works in a flow only. Try: my_background_task.delay(…)'
  grep -qE "^note: .*task_submitter.py:[0-9]+: " <<<"$output"
}

@test "make check says what is to be written, and that there is no mistake" {
  written 3
  "${THERE[@]}" make -s catch-up EX=3 STEP=4 >/dev/null
  try make check EX=3 CODE="$MY/ex3"
  has 'first_fastapi.py:28: steps 3.5, 3.6, 3.7 and 3.8 are to be written'
  has 'make learn EX=3'
  cp -R tests/programs/async_serve "$BATS_TEST_TMPDIR/async_serve"
  try make check EX=2 CODE="$BATS_TEST_TMPDIR/async_serve"
  has '✓ it has none of the mistakes that the kit knows'
}

# bats test_tags=long
@test "an address that is the kit's own is none in make exN either" {
  written 2
  exchange "$MY/ex2/task_server.py" 'import time' 'import time
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"'
  refused "sets PREFECT_API_URL to http://127.0.0.1:9/api, and the kit's Prefect server is http://127.0.0.1:$PREFECT_PORT" make ex2 CODE="$MY/ex2"
  exchange "$MY/ex2/task_server.py" http://127.0.0.1:9/api "http://localhost:$PREFECT_PORT/api"
  unaccused 2 "$MY/ex2"
}

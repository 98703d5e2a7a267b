#!/usr/bin/env bats
# Waiting for a run always ends, also in a new process, where Prefect reads the run before it is subscribed to the run's end
# (Prefect's issue #18775).
# bats file_tags=waiting,long

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  start_example 2 SERVERS=1 LIMIT=10 WORK_SECONDS=1
}
teardown_file() { stop_and_check; }

# HOW -> the answer comes at once
comes_at_once() {
  in_make_shell 'cd examples/ex2_task_servers' "PYTHONPATH=\$PYTHONPATH:. python ../../tests/faults/first_result.py $1"
  has "$1: at once, Hello, Ford!"
}

@test "a run that ends between the read and the subscription: result()" { comes_at_once result; }
@test "the same for result_async()" { comes_at_once result_async; }
@test "the same for asyncio.gather" { comes_at_once gather; }
@test "the same for add_done_callback" { comes_at_once callback; }
@test "the same for as_completed" { comes_at_once as_completed; }
@test "the same for wait" { comes_at_once wait; }

@test "a run that waits for one that has failed will not run: make runs and make check say so" {
  cat >"$BATS_TEST_TMPDIR/fails.py" <<'PY'
from durable import keyed, serve
from prefect import task


@keyed("waiting")
@task
def fails():
    raise ValueError


@keyed("waiting")
@task
def after(x: int): ...


if __name__ == "__main__":
    serve(fails, after)
PY
  # shellcheck disable=SC2016
  start tasks bash -c '. scripts/env.sh; cd "$1"; exec python fails.py' - "$BATS_TEST_TMPDIR"
  within 30 eval '[ "$(task_servers)" -eq 2 ]'
  # shellcheck disable=SC2016
  ok bash -c '. scripts/env.sh; cd "$1"; exec python -c "from fails import *; after.apply_async((1,), wait_for=[fails.delay()])"' - "$BATS_TEST_TMPDIR"
  within 20 eval 'make runs | grep -qE "^waiting: [0-9a-f-]{36} waits for [0-9a-f-]{36}, which failed: it will not run"'
  run make check
  has 'which failed: it will not run'
  kill -TERM "$tasks_pid"
  within 20 gone "$tasks_pid"
}

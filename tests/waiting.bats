#!/usr/bin/env bats
# Waiting for a run always ends, also in a new process, where Prefect reads the run before it is subscribed to the run's end
# (Prefect's issue #18775).
# bats file_tags=waiting

load helpers

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  start_example 2 SERVERS=1 LIMIT=10 WORK_SECONDS=1
}
teardown_file() { stop_and_check; }

# HOW -> the answer comes at once
comes_at_once() {
  in_make_shell 'cd examples/ex2_task_servers' "PYTHONPATH=\$PYTHONPATH:. python ../../tests/first_result.py $1"
  has "$1: at once, Hello, Ford!"
}

@test "a run that ends between the read and the subscription: result()" { comes_at_once result; }
@test "the same for result_async()" { comes_at_once result_async; }
@test "the same for asyncio.gather" { comes_at_once gather; }
@test "the same for add_done_callback" { comes_at_once callback; }
@test "the same for as_completed" { comes_at_once as_completed; }
@test "the same for wait" { comes_at_once wait; }

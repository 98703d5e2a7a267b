#!/usr/bin/env bats
# Many at once wait for runs of no length, each in a new process or all in one: none has its answer later than a moment.
# In make test durable/tests/test_waiting.py has 20 processes, and tests/contract.bats the same on an earlier Prefect.
# bats file_tags=waiting,long

load helpers

setup() { own_kit; }
teardown() { stop_and_check; }

# PROCESSES AT_ONCE FUTURES -> the latest answer comes soon, which is told
answers_come() {
  LIMIT_S=560 in_make_shell 'cd examples/ex2_task_servers' \
    "PYTHONPATH=\$PYTHONPATH:. python ../../durable/tests/answers.py task_server:my_background_task $*"
  figure "$*: the latest answer came $(tail -1 <<<"$output") s after the end of its run"
  is "$(awk '{ print ($1 < 3) ? "soon" : "late" }' <<<"$(tail -1 <<<"$output")")" soon 'the latest of all answers'
}
figure() { if [ -n "${FIGURES:-}" ]; then echo "$1" >>"$FIGURES"; fi; }

# bats test_tags=slow
@test "200 new processes" {
  start_example 2 SERVERS=1 LIMIT=10 WORK_SECONDS=0
  answers_come 200 4 1
}

@test "20 new processes with TUNED=0" {
  start_example 2 SERVERS=1 LIMIT=10 WORK_SECONDS=0 TUNED=0
  answers_come 20 4 1
}

@test "200 futures at once in one process" {
  start_example 2 SERVERS=2 LIMIT=10 WORK_SECONDS=0
  answers_come 1 1 200
}

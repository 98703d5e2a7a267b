#!/usr/bin/env bats
# Many at once wait for runs of no length, each in a new process or all in one: none has its answer later than a moment.
# In make test durable/tests/test_waiting.py has 20 processes, and tests/new/contract.bats the same on an earlier Prefect.
# bats file_tags=waiting,long

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# PROCESSES AT_ONCE FUTURES -> the latest answer comes soon, which is told
answers_come() {
  LIMIT_S=560 in_make_shell 'cd examples/ex2_task_servers' \
    "PYTHONPATH=\$PYTHONPATH:. python ../../durable/tests/answers.py task_server:my_background_task $*"
  figure "$*: the latest answer came $(tail -1 <<<"$output") s after the end of its run"
  is "$(awk '{ print ($1 < 6) ? "soon" : "late" }' <<<"$(tail -1 <<<"$output")")" soon 'the latest of all answers'
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

# WHO -> the number of threads of the process that keep runs under that name
threads_of() { find "/proc/$(child_of "$1")/task" -mindepth 1 -maxdepth 1 | wc -l; }

# bats test_tags=slow
@test "1,000 runs that are due at once wait in no thread, and begin when they are due" {
  local before due
  start_example 6 SERVERS=2 LIMIT=10 WORK_SECONDS=0
  ok make submit NAME=Ford
  before="$(threads_of task_server.1) $(threads_of rescuer.1)"
  in_make_shell 'cd examples/ex6_nothing_lost' 'PYTHONPATH=$PYTHONPATH:. python -c "
import time, durable
from task_server import ship
due = time.time() + 60
for number in range(1000):
    durable.later(ship, str(number), seconds=due - time.time())
print(due if time.time() < due else 0)"'
  due=$(tail -1 <<<"$output")
  is "$(count_in_state COMPLETED)" 1 'runs that have ended before they are due'
  is "$(threads_of task_server.1) $(threads_of rescuer.1)" "$before" 'threads of a task server and of the rescuer'
  within 200 eval '[ "$(count_in_state COMPLETED)" = 1001 ]'
  figure "1,000 due at once: the last ended $(awk -v due="$due" -v now="$(date +%s)" 'BEGIN { printf "%d", now - due }') s after that"
}

#!/usr/bin/env bats
# What Prefect does is the same with TUNED=0 and TUNED=1: the same program against both, one after the other.
# bats file_tags=tuned,long

load ../helpers/base

setup() { own_kit; }
teardown() {
  kill -TERM "${tasks_pid:-}" 2>/dev/null || true
  stop_and_check
}

# TUNED SERVER MODULE -> tries every behaviour on an example started so: with that command as its Prefect server, and
# with a piece of Prefect from that module. What was seen is in $BATS_FILE_TMPDIR/TUNED
try_behaviours() {
  export TUNED=$1
  start_example 2 SERVERS=1
  ps -o command= -p "$(child_of server.1)" | grep -q "$2"
  # shellcheck disable=SC2016
  ok bash -c '. scripts/env.sh; exec python -c "from prefect.context import SettingsContext as it; print(it.serialize.__module__)"'
  has "$3"
  # shellcheck disable=SC2016
  start tasks bash -c '. scripts/env.sh; exec python tests/examples/behaviours.py serve'
  within 30 eval '[ "$(task_servers)" -eq 2 ]'
  # shellcheck disable=SC2016
  LIMIT_S=150 ok bash -c '. scripts/env.sh; exec python tests/examples/behaviours.py try'
  echo "$output" >"$BATS_FILE_TMPDIR/$TUNED"
  kill -TERM "$tasks_pid"
  within 20 gone "$tasks_pid"
}

@test "states, events, retries, caching, results, timeouts, settings: as Prefect ships (TUNED=0)" {
  try_behaviours 0 'prefect server start' prefect.context
}

@test "states, events, retries, caching, results, timeouts, settings: tuned (TUNED=1)" {
  try_behaviours 1 uvicorn tuned
  never grep -Eq 'database is locked|Traceback' "$stack_log"
}

@test "tuned, no reader ever sees a run without its state" {
  start_example 2 SERVERS=1
  # shellcheck disable=SC2016
  start tasks bash -c '. scripts/env.sh; exec python tests/examples/behaviours.py serve'
  within 30 eval '[ "$(task_servers)" -eq 2 ]'
  # shellcheck disable=SC2016
  LIMIT_S=150 ok bash -c '. scripts/env.sh; exec python tests/examples/behaviours.py read'
  grep -Eq '^0 without a state; read [0-9]{3,} times' <<<"$output"
}

# bats test_tags=slow
@test "tuned, a Prefect server that was killed and has nothing new to write logs no error" {
  start_example 2 SERVERS=1
  ok make submit-map N=6
  # All four of each run: its clients send theirs again to the next server, which finds them in the database.
  within 30 eval '[ "$(api /events/filter "{}" | json "d[\"total\"]")" -ge 24 ]'
  kill -KILL "$(child_of server.1)"
  within 30 eval '[ "$(task_servers)" = 1 ]'
  sleep 50 # nothing to observe: it would try five times, once in 5 s, and then log
  never grep -E 'Max flush retries|Traceback' "$stack_log"
}

@test "the same was seen both times, run by run" {
  compare "$(wc -c <"$BATS_FILE_TMPDIR/0")" -gt 0 'bytes of what TUNED=0 wrote'
  diff <(sort "$BATS_FILE_TMPDIR/0") <(sort "$BATS_FILE_TMPDIR/1")
}

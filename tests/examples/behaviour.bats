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

# -> how many batches of events were written, by the log of the Prefect servers
persisted() { grep -c 'Finished persisting events' "$stack_log" || true; }

# bats test_tags=slow
@test "tuned, a Prefect server that was killed and has nothing new to write logs no error" {
  local before
  # Prefect tries five times, once in 5 s, and then logs the error: here once, at once, and it tells of what went well, too.
  mkdir -p "$WORKSHOP_HOME/prefect"
  cat >"$WORKSHOP_HOME/prefect/profiles.toml" <<'TOML'
active = "telling"
[profiles.telling]
PREFECT_SERVER_LOGGING_LEVEL = "DEBUG"
PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL = "1"
PREFECT_SERVER_SERVICES_EVENT_PERSISTER_MAX_FLUSH_RETRIES = "1"
TOML
  start_example 2 SERVERS=1
  ok make submit-map N=6
  # All four of each run: its clients send theirs again to the next server, which finds them in the database.
  within 30 eval '[ "$(api /events/filter "{}" | json "d[\"total\"]")" -ge 24 ]'
  before=$(persisted)
  compare "$before" -ge 1 'batches of events that the first server wrote'
  kill -KILL "$(child_of server.1)"
  within 30 eval '[ "$(persisted)" -gt '"$before"' ] || grep -q "Max flush retries" "$stack_log"'
  never grep -E 'Max flush retries|Traceback' "$stack_log"
}

@test "the same was seen both times, run by run" {
  compare "$(wc -c <"$BATS_FILE_TMPDIR/0")" -gt 0 'bytes of what TUNED=0 wrote'
  diff <(sort "$BATS_FILE_TMPDIR/0") <(sort "$BATS_FILE_TMPDIR/1")
}

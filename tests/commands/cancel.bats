#!/usr/bin/env bats
# make cancel: what waits never begins, what runs ends Cancelled, and nobody starts it again. (ex2.bats types it wrongly.)
# bats file_tags=ex2

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# NAME -> the id of a run for it, submitted
submitted() { make -s submit WAIT=0 NAME="$1" | sed -n 's/^submitted  task run //p'; }

# ID STATE -> true if that is its state by make runs
is_in_state() { make -s runs | grep -E "$1 .* $2 " >/dev/null; }

# bats test_tags=long,slow
@test "make cancel: one that waits, one that runs, one that has ended, all that wait" {
  start_example 2 SERVERS=1 LIMIT=1 WORK_SECONDS=100 CODE=
  local first second third fourth
  first=$(submitted Ford)
  within 20 is_in_state "$first" Running
  second=$(submitted Prefect)
  ok make cancel RUN="$second"
  is "$output" "cancelled  $second: it waited, and never begins" 'of one that waits'
  third=$(submitted Zaphod)
  fourth=$(submitted Trillian)
  refused 'nobody is here to say yes' make cancel RUN=waiting
  ok make cancel RUN=waiting FORCE=1
  has 'cancelled  2 run(s), which never begin'
  ok make cancel RUN="$first"
  has "cancelling $first"
  grep -E 'cancelled  on task_server.1, [0-9]\.[0-9] s after it was asked for' <<<"$output"
  has 'It was cancelled while it ran'
  run make cancel RUN="$first"
  has "cancelled  $first: it had ended before"
  # What comes next runs at once: the slot is free, and none of the four is in the queue.
  ok make stop
  start_example 2 SERVERS=1 WORK_SECONDS=0.1
  ok make submit NAME=Marvin
  has 'Hello, Marvin!'
  local id
  for id in "$first" "$second" "$third" "$fourth"; do is_in_state "$id" Cancelled; done
  ok make check
  has 'every promise holds'
  ok make watch ONCE=1
  has cancelled
}

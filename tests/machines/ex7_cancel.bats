#!/usr/bin/env bats
# make cancel through the port: a machine that has joined cancels runs, wherever they are.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() { export LOG_DIR=$BATS_FILE_TMPDIR; }
teardown() { stop_machines; }

# ID STATE -> true if that is its state
is_in_state() { api "/task_runs/$1" | grep -q "\"state_name\":\"$2\""; }

# bats test_tags=slow
@test "a machine that has joined cancels what waits and what runs, on both machines" {
  local runs=() id
  machines a b
  # Six seconds a step, between two of which a run ends; and a minute for the run, until a busy machine cancels it.
  start_on_a SERVERS=1 LIMIT=1 WORK_SECONDS=60
  start_on b LIMIT=1 WORK_SECONDS=60
  for id in 1 2 3; do
    runs+=("$("$ON/b" make -s submit WAIT=0 NAME=Ford | sed -n 's/^submitted  task run //p')")
  done
  within 20 is_in_state "${runs[0]}" Running
  within 20 is_in_state "${runs[1]}" Running
  refused "other machines' runs wait, too" "$ON/b" make cancel RUN=waiting
  ok "$ON/b" make cancel RUN="${runs[2]}"
  has 'it waited, and never begins'
  for id in "${runs[@]:0:2}"; do
    ok "$ON/b" make cancel RUN="$id"
    grep -E 'cancelled  on task_server.1( on b)?, [0-9]\.[0-9] s after it was asked for' <<<"$output"
  done
  for id in "${runs[@]}"; do is_in_state "$id" Cancelled; done
  run "$ON/b" make cancel RUN="${runs[0]}"
  has "${runs[0]}: it had ended before"
  grep -q 'is to be cancelled' "$stack_log"
  grep -q 'is to be cancelled' "$b_log"
}

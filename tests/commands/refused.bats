#!/usr/bin/env bats
# Which task server ran a run, as the board tells it from records written by hand, beside a run of example 1.
# bats file_tags=watch,long

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  "${PROCESS[@]}" limit 60 make ex1 >"$BATS_FILE_TMPDIR/first" 2>&1 </dev/null
  RUN=$(sed -n 's,.*/runs/task-run/,,p' "$BATS_FILE_TMPDIR/first")
  export RUN
}
teardown_file() { stop_and_check; }
setup() {
  rm -rf "$WORKSHOP_HOME/task-servers"
  mkdir -p "$WORKSHOP_HOME/task-servers"
}

# FILE NAME EVENT... -> the record of a task server of that name; an event is AT:start:STATE or AT:end:HOW, of the run
record() {
  local file=$WORKSHOP_HOME/task-servers/$1.jsonl name=$2 event at what rest
  shift 2
  printf '{"at": 1, "server": "%s", "host": "h", "pid": 1, "keys": ["greet-1"], "limit": 1}\n' "$name" >"$file"
  for event in "$@"; do
    IFS=: read -r at what rest <<<"$event"
    case $what in
      start) printf '{"at": %s, "run": "%s", "event": "start", "state": "%s", "parameters": null}\n' "$at" "$RUN" "$rest" ;;
      end) printf '{"at": %s, "run": "%s", "event": "end", "how": "%s"}\n' "$at" "$RUN" "$rest" ;;
    esac >>"$file"
  done
}

# NAME -> the row of the run on the board ends with this task server
ran_on() {
  ok make watch ONCE=1
  grep -q "greet.* │ $1  *│\$" <<<"$output" || fail_with "not on $1"
}

@test "a task server that refuses a run has not run it" {
  record h-1 runner 10:start:s1 13:end:returned
  record h-2 refuser 11:start:s1 12:end:refused
  ran_on runner
  ok make runs
  has runner
  has_not refuser
}

@test "one that refuses what it has run already has run it all the same" {
  record h-1 runner 10:start:s1 11:end:returned 12:start:s1 13:end:refused
  ran_on runner
}

@test "of two that started it, the later one counts, in whichever order their files are read" {
  record h-1 later 20:start:s2 21:end:returned
  record h-2 earlier 10:start:s1
  ran_on later
  record h-1 earlier 10:start:s1 '11:end:given back'
  record h-2 later 20:start:s2 21:end:returned
  ran_on later
}

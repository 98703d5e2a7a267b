#!/usr/bin/env bats
# Live coding: saving a task's file restarts its task servers; runs in flight finish; what waits for old code is named.
# The kit is copied, because the test edits the examples.
# bats file_tags=live

load helpers

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  COPY="$BATS_FILE_TMPDIR/a kit"
  mkdir "$COPY"
  cp -R Makefile Procfile.* scripts examples requirements "$COPY/"
  # The set-up names its folder, so the copy makes one of its own.
  cd "$COPY" && "${PROCESS[@]}" limit 120 scripts/setup.sh 2>&1
  export COPY
}
setup() {
  own_kit
  KIT=$COPY
  cd "$COPY" || return 1
  cp "$BATS_TEST_DIRNAME/../examples/ex2_task_servers/"*.py examples/ex2_task_servers/
  cp "$BATS_TEST_DIRNAME/../examples/ex3_fastapi/"*.py examples/ex3_fastapi/
}
teardown() { stop_and_check; }

# FILE FROM TO -> edits the file as an editor does: writes another one and moves it into place
edit() {
  sed "s/$2/$3/" "$1" >"$BATS_TEST_TMPDIR/edited"
  mv "$BATS_TEST_TMPDIR/edited" "$1"
}

@test "in a folder with a space: save, and the next submit is served by the new code" {
  start_example 2
  ok make submit
  has 'Hello, Marvin!'
  edit examples/ex2_task_servers/task_server.py 'Hello' 'Howdy'
  ok make submit
  has 'Howdy, Marvin!'
  grep -q 'task_server.1: the code was saved; starting it anew' "$stack_log"
}

@test "the run in flight finishes under the code that it was started with" {
  start_example 2 SERVERS=1 WORK_SECONDS=4
  local id
  id=$(make -s submit WAIT=0 NAME=Slow 2>/dev/null | run_id)
  within 20 is_in_state "$id" RUNNING
  edit examples/ex2_task_servers/task_server.py 'Hello' 'Howdy'
  ok make submit NAME=New
  has 'Howdy, New!'
  within 10 is_in_state "$id" COMPLETED
  grep -q 'Hello, Slow!' "$stack_log"
}

@test "runs queued under the old code are named, and served again when the change is undone" {
  start_example 2 SERVERS=1 WORK_SECONDS=2
  ok make submit-map N=6 WAIT=0
  edit examples/ex2_task_servers/task_server.py 'Hello' 'Howdy'
  within 30 grep -qE '[1-5] run\(s\) were queued for code that nobody serves now: [0-9a-f-]{36}' "$stack_log"
  ok make submit WAIT=0 # new code is served all the same
  within 20 grep -q 'Howdy, Marvin!' "$stack_log"
  try make check EX=2
  has '✗ no run waits for code that nobody serves'
  edit examples/ex2_task_servers/task_server.py 'Howdy' 'Hello'
  within 40 eval '[ "$(count_in_state COMPLETED)" = 7 ]'
}

@test "a syntax error on save is shown and waits for the next save; the code before goes on" {
  start_example 2 SERVERS=1
  echo 'def broken(:' >>examples/ex2_task_servers/task_server.py
  within 10 grep -qE 'task_server.py:[0-9]+: invalid syntax. The code before goes on; mend it and save again' "$stack_log"
  [ "$(task_servers)" -eq 1 ]
  refused 'mending examples/ex2_task_servers/task_server.py' make submit
  edit examples/ex2_task_servers/task_server.py 'def broken(:' ''
  ok make submit
  has 'Hello, Marvin!'
}

@test "an error at import stays down after three tries, and the next save mends it" {
  start_example 2 SERVERS=1
  edit examples/ex2_task_servers/task_server.py '^LIMIT' 'undefined_name; LIMIT'
  within 40 grep -q 'it stays down after 3 restarts in a minute. The others go on; mend the code and save it' "$stack_log"
  grep -q 'NameError' "$stack_log"
  edit examples/ex2_task_servers/task_server.py 'undefined_name; ' ''
  ok make submit
  has 'completed'
}

@test "example 3: the app and its task server both reload" {
  start_example 3
  ok make task
  has 'Hello, Marvin!'
  edit examples/ex3_fastapi/first_fastapi_task_server.py 'Hello' 'Howdy'
  within 20 grep -q 'task_server.1: the code was saved' "$stack_log"
  # Until uvicorn has reloaded, the app may still submit the code before; the kit then says what waits.
  within 30 eval 'LIMIT_S=10 ok make task && has Howdy'
  edit examples/ex3_fastapi/first_fastapi.py 'Hello World' 'Good morning'
  within 20 eval 'curl -sf --max-time 5 "$WEB/" | grep -q "Good morning"'
}

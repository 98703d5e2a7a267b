#!/usr/bin/env bats
# Example 1: call a task outside a flow. One background server for the whole file.
# bats file_tags=ex1

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  "${PROCESS[@]}" limit 60 make ex1 >"$BATS_FILE_TMPDIR/first" 2>&1 </dev/null
}
teardown_file() { stop_and_check; }

@test "the first make ex1 starts a server, says so and how to stop it, greets Marvin and prints the page" {
  output=$(<"$BATS_FILE_TMPDIR/first")
  echo "$output"
  has 'starting a Prefect server in the background (make stop ends it)'
  has 'Hello, Marvin!'
  has "the run's page: http://127.0.0.1:$PREFECT_PORT/runs/task-run/"
  has_not 'warn'
  has_not 'WARN'
  has_not 'Warn'
}

@test "the next one uses the server that is there, and greets whom it is told" {
  ok make ex1 NAME=Ford
  has 'Hello, Ford!'
  has_not 'starting'
  local id=${output##*/}
  is_in_state "$id" COMPLETED
}

@test "the page is served, and the API knows the run by its task" {
  ok make ex1
  local url=${output##*page: }
  curl -sf -H 'Accept: text/html' "$url" | grep -q '<title>'
  is "$(api "/task_runs/${url##*/}" | json 'd["task_key"].split("-")[0]')" greet "the run's task"
}

# bats test_tags=long
@test "any name arrives exactly as typed, from the command line and from the environment" {
  local name
  # shellcheck disable=SC1003 # a backslash at the end, as typed
  for name in "O'Neill \"the\" Great" '$(touch x)' '$(shell touch x)' '`touch x`' 'a; touch x' $'two\nlines' 'Zaphod 🙂' '-h' '$HOME #x \'; do
    ok make ex1 NAME="$name"
    has "Hello, $name!"
  done
  for name in '$(shell touch x)' $'two\nlines "🙂"'; do
    ok make ex1 NAME="$name"
    has "Hello, $name!"
  done
  not_there x
}

# bats test_tags=long
@test "a name of 5,000 characters" {
  local name
  name=$(printf 'x%.0s' {1..5000})
  ok make ex1 NAME="$name"
  has "$name"
}

@test "make db prints the file and the rows of task_run; make runs the same through the API" {
  ok make db
  has "$WORKSHOP_HOME/prefect/prefect.db"
  has 'Completed'
  local rows
  ok make db SQL='select count(*) as counted from task_run'
  rows=$(grep -oE '[0-9]+ ' <<<"$output" | tail -n 1 | tr -d ' ')
  is "$rows" "$(count_in_state COMPLETED)" 'rows of task_run'
  ok make ex1 # besides the one of the file's beginning
  ok make runs N=2
  has 'greet'
  has 'called directly'
  is "$(grep -c Completed <<<"$output")" 2 'runs listed as Completed'
}

@test "status, check and open know the background server" {
  ok make status
  has 'runs in the background'
  ok make check EX=1
  has 'every promise holds'
  compare "$(grep -c '^✓' <<<"$output")" -ge 5 'promises that hold'
  # An opener that works gets the address; without one, or if it fails, the address is printed.
  printf '#!/bin/sh\necho "$1" >"%s"\n' "$BATS_TEST_TMPDIR/opened" >"$BATS_TEST_TMPDIR/browser"
  chmod +x "$BATS_TEST_TMPDIR/browser"
  BROWSER=$BATS_TEST_TMPDIR/browser ok make open
  is "$(cat "$BATS_TEST_TMPDIR/opened")" "http://127.0.0.1:$PREFECT_PORT" 'the address that was opened'
  BROWSER=false ok make open
  has "http://127.0.0.1:$PREFECT_PORT"
}

@test "a greeter that fails: its page is printed all the same, and one line says what happened" {
  copy_kit "$BATS_TEST_TMPDIR"
  ln -s "$KIT/.venv" "$BATS_TEST_TMPDIR/.venv" # as it is: the set-up is not tested here
  cd "$BATS_TEST_TMPDIR"
  sed 's/    print.*/    raise ValueError("no towel")/' "$KIT/examples/ex1_task/greeter.py" >examples/ex1_task/greeter.py
  eval "$(make -s env)"
  try "$PYTHON_OF_TESTS" scripts/pythonpath/workshop_kit/commands/run_greeter.py 1
  is "$status" 1 'exit code'
  has "the run's page:"
  has "error: greeter.py failed: ValueError('no towel')"
}

@test "greeter.py runs by hand too, with and without a name" {
  ok make shell <<<'' # an empty script
  run "${PROCESS[@]}" limit 30 make shell <<<'cd examples/ex1_task && python greeter.py && python greeter.py Ford'
  echo "$output"
  has 'Hello, Marvin!'
  has 'Hello, Ford!'
  has_not 'warn'
  has_not 'WARN'
  has_not 'Warn'
}

@test "the environment as export lines gives any shell the same" {
  run bash -c 'eval "$(make -s env)"; cd /; python "$KIT/examples/ex1_task/greeter.py" Trillian'
  echo "$output"
  has 'Hello, Trillian!'
  ok make env
  has "export WORKSHOP_HOME=$WORKSHOP_HOME"
}

# bats test_tags=long
@test "example 2 takes the background server over, keeps the runs, and says so" {
  local before
  before=$(count_in_state COMPLETED)
  start_example 2 SERVERS=1
  grep -q 'taking over the Prefect server that make ex1 left' "$stack_log"
  is "$(count_in_state COMPLETED)" "$before" 'runs in the state COMPLETED'
  ok make ex1 NAME=Arthur # uses the example's server
  has 'Hello, Arthur!'
  kill -INT -- "-$stack_pid"
  within 30 gone "$stack_pid"
}

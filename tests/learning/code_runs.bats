#!/usr/bin/env bats
# Code along: examples 1 and 3 of one's own run and keep their promises, and a task server by hand (example 2: code_live.bats).
# bats file_tags=code,long

load ../helpers/base
load ../helpers/code

@test "the finished examples 4 to 7 have no mistake that the kit knows (1, 2 and 3 run, below and in code_live.bats)" {
  local n
  for n in 4 5 6 7; do
    written $n
    try make check EX=$n CODE="$MY/ex$n"
    has '✓ it has none of the mistakes that the kit knows'
    has "make ex$n CODE=$MY/ex$n"
  done
  exchange "$MY/ex6/task_server.py" '@keyed("ex6")' ''
  try make check EX=6 CODE="$MY/ex6"
  has 'the key of ship is not the one that make check looks for, ex6.ship-…'
  has '@keyed("ex6") above its @task'
}

@test "example 1 of one's own runs and is judged; one that calls no task is told so" {
  written 1
  exchange "$MY/ex1/greeter.py" 'Hello, {name}' 'Howdy, {name}'
  ok make ex1 CODE="$MY/ex1" NAME=Ford
  has 'running your code in '
  has 'Howdy, Ford!'
  has "the run's page: "
  ok make check EX=1
  has "judging your code in $MY/ex1"
  has 'every promise holds'
  exchange "$MY/ex1/greeter.py" 'greet(*sys.argv[1:])' 'print(sys.argv)'
  try make ex1 CODE="$MY/ex1"
  has 'ran, and called no task, so there is no run. Try: greet(*sys.argv[1:])'
  ok make ex1
  has 'Hello, Marvin!'
  ok make check EX=1
  has_not 'judging your code'
}

@test "a task server by hand, and the task changed after: the submitter and make check say so" {
  written 2
  ok make ex1
  printf 'cd %q\npython task_submitter.py\nexec python task_server.py\n' "$MY/ex2" >"$BATS_TEST_TMPDIR/typed"
  start by_hand bash -c 'make -s shell <"$0"' "$BATS_TEST_TMPDIR/typed"
  within 30 grep -q 'serves my_background_task' "$by_hand_log"
  grep -q 'note: the run waits: no task server serves my_background_task now' "$by_hand_log"
  within 20 grep -q 'Hello, Agrajag!' "$by_hand_log" # and now one does
  exchange "$MY/ex2/task_server.py" 'Hello' 'Howdy'
  in_make_shell "cd $(printf %q "$MY/ex2")" 'python task_submitter.py'
  is "$status" 0 'exit code'
  has 'note: the run waits: the task servers have another version of my_background_task than this program'
  has 'Try: restart the task server'
  try make check EX=2 CODE="$MY/ex2"
  has 'undo the change; or restart the task server started by hand'
  kill -INT -- "-$by_hand_pid"
  within 20 gone "$by_hand_pid"
}

@test "a task that waits for a run which waits for its slot: make submit, runs, watch and check say so" {
  written 2
  exchange "$MY/ex2/task_server.py" '    return f"' '    return my_background_task.delay("child").result() if name == "parent" else f"'
  start_example 2 CODE="$MY/ex2" SERVERS=1 GRACE=0
  start submit make submit NAME=parent
  local held='the slots are held by runs that submitted others, which wait for a slot: if they wait for the results'
  within 10 grep -qF "Running: $held" "$submit_log"
  ok make runs
  has "waiting: $held"
  ok make watch
  has 'the slots are held by runs'
  try make check EX=2
  has '✗ no run waits for a slot held by a run that waits for it'
  start other make submit
  within 10 grep -qF "Scheduled, for a slot, and $held" "$other_log"
  kill -INT -- "-$submit_pid" "-$other_pid"
  within 10 gone "$other_pid"
}

@test "example 3 of one's own: the app and its task server run from there, reload, and keep every promise" {
  written 3
  exchange "$MY/ex3/first_fastapi_task_server.py" 'Hello, {name}' 'Howdy, {name}'
  exchange "$MY/ex3/first_fastapi_task_server.py" 'return f"Howdy' 'return f"Hello'
  # The path may be relative to the kit.
  start_example 3 CODE="$("$PYTHON_OF_TESTS" -c 'import os, sys; print(os.path.relpath(*sys.argv[1:]))' "$MY/ex3" "$KIT")"
  grep -q "running your code in $MY/ex3" "$stack_log"
  ok make task
  has 'Hello, Marvin!'
  grep -q 'Howdy, Marvin!' "$stack_log"
  ok make check EX=3
  has "judging your code in $MY/ex3"
  has 'every promise holds'
  exchange "$MY/ex3/first_fastapi.py" 'Hello World' 'Good morning'
  within 20 eval 'curl -sf --max-time 5 "$WEB/" | grep -q "Good morning"'
  # A parameter that cannot be stored.
  exchange "$MY/ex3/first_fastapi.py" 'delay(name)' 'delay((n for n in name) if name == "Ford" else name)'
  within 20 eval 'curl -s --max-time 5 -X POST "$WEB/task?name=Ford" | grep -q "cannot be stored"'
  try curl -s -w ' %{http_code}' -X POST "$WEB/task?name=Ford"
  has '{"detail":"name of my_fastapi_task cannot be stored for a task server (cannot pickle '"'generator'"' object), so nothing was submitted.'
  has ' 500'
}

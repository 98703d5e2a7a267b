#!/usr/bin/env bats
# Example 2: task servers. One stack with two of them for the whole file.
# bats file_tags=ex2

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  start_example 2 SERVERS=2
}
teardown_file() { stop_and_check; }

@test "the ready line has the seconds, the UI and the next command; each line has its process" {
  grep -E "^ready in [0-9.]+ s: UI http://127.0.0.1:$PREFECT_PORT - next, in another terminal: make submit" "$stack_log"
  grep -q 'server.1 ' "$stack_log"
  grep -q 'task_server.1 | ' "$stack_log"
  grep -q 'task_server.2 | ' "$stack_log"
  is "$(task_servers)" 2 'task servers subscribed'
  ok make status
  has 'ready'
  has '2 subscribed, 2 wanted'
}

@test "everything listens on loopback only" {
  is "$(listens_on "$PREFECT_PORT")" "127.0.0.1:$PREFECT_PORT" 'listening addresses'
}

@test "submit prints the id, the page, the final state and the result" {
  ok make submit NAME=Agrajag
  has 'Hello, Agrajag!'
  has 'completed'
  has 'on task_server.'
  local id
  id=$(run_id <<<"$output")
  has "http://127.0.0.1:$PREFECT_PORT/runs/task-run/$id"
  is_in_state "$id" COMPLETED
}

@test "submit with WAIT=0 returns at once" {
  ok make submit WAIT=0
  has_not 'completed'
  within 20 is_in_state "$(run_id <<<"$output")" COMPLETED
}

# bats test_tags=long
@test "any name arrives exactly as typed" {
  local name
  for name in "O'Neill \"the\" Great" '$(shell touch x)$(touch x)' '`touch x`; touch x' $'two\nlines' 'Zaphod 🙂 [red]'; do
    ok make submit NAME="$name"
    has "Hello, $name!"
  done
  refused 'NAME is empty' make submit NAME=
  not_there x
}

@test "submit-map greets the tutorial's three names and says who greeted whom" {
  ok make submit-map
  for name in Ford Prefect Slartibartfast; do grep -E "task_server\.[12].*$name .*Completed" <<<"$output"; done
  has '3 of 3 runs completed'
  refused 'N=3' make submit-map N=0
}

# bats test_tags=long
@test "submit-map takes names as they are typed, and no N that is none" {
  ok make submit-map NAMES="Tricia [b] \$(touch x)"
  has '[b]'
  has '4 of 4 runs completed'
  refused 'NAMES is empty' make submit-map NAMES=' '
  refused 'N=3' make submit-map N=1e9
  refused 'N=3' make submit-map N=-1
}

# bats test_tags=long
@test "20 runs spread over both task servers, in the log as well" {
  ok make submit-map N=20
  has '20 of 20 runs completed'
  has 'by 2 task server(s)'
  grep -E 'task_server\.1 +│ +([5-9]|1[0-5]) ' <<<"$output"
  grep -q 'task_server.1 | Hello, ' "$stack_log"
  grep -q 'task_server.2 | Hello, ' "$stack_log"
}

# bats test_tags=long
@test "above 20 there is a progress bar and the table of the task servers" {
  ok make submit-map N=30
  has '30 of 30 runs completed'
  has '30/30'
  has_not 'Slartibartfast 3'
}

@test "make cancel with what is no run is refused in one line" {
  refused 'RUN is not given' make cancel
  # shellcheck disable=SC2016
  refused 'is not the id of a run' make cancel RUN='$(touch x)'
  refused 'there is no run' make cancel RUN=00000000-0000-4000-8000-000000000000
  ok make cancel RUN=waiting
  is "$output" 'no run waits' 'where none waits'
}

@test "make runs shows states, durations and the task server" {
  ok make submit-map N=5
  ok make runs N=5
  is "$(grep -cE 'my_background_task .*Completed .*0\.3.*task_server\.[12]' <<<"$output")" 5 'runs with state, duration and task server'
}

# bats test_tags=long
@test "the files by hand work: python task_server.py and python task_submitter.py in make shell" {
  run "${PROCESS[@]}" limit 60 make shell <<<'cd examples/ex2_task_servers && python task_submitter.py && python task_submitter_map.py'
  echo "$output"
  is "$status" 0 'exit code'
  local id
  id=$(sed -n 's/^Submitted task run //p' <<<"$output")
  within 20 is_in_state "$id" COMPLETED
  has_not 'warn'
  has_not 'WARN'
  has_not 'Warn'

}

@test "make check: every promise of the chapter holds" {
  ok make submit-map N=20
  ok make check EX=2
  has 'every promise holds'
  has 'spread over task servers: '
  refused 'make stop' make check EX=3
}

@test "make check | head -n 1: no stack trace when nobody reads on" {
  ok bash -c 'make check | head -n 1' # bash waits for make, too
  has_not Traceback
  has_not BrokenPipe
}

# bats test_tags=long
@test "make check names a task server that is missing, and what fixes it" {
  local keeper
  within 60 eval '[ "$(count_in_state SCHEDULED) $(count_in_state PENDING) $(count_in_state RUNNING)" = "0 0 0" ]' # of an earlier test
  keeper=$(keeper_pid task_server.2)
  kill -STOP "$keeper" # or it would be started again
  kill -KILL "$(child_of task_server.2)"
  within 5 eval '[ "$(task_servers)" = 1 ]'
  try make check
  is "$status" 2 'exit code' # make's; the script's is 1
  grep -A1 '^✗ task servers subscribed to my_background_task: 1 of 2' <<<"$output" | grep -q 'make status, make server'
  has '1 promise does not hold'
  # What one task server ran alone is held against nobody when the other is back.
  ok make submit-map N=20
  kill -CONT "$keeper"
  within 20 eval '[ "$(task_servers)" = 2 ]'
  ok make check
  has 'there were not two when the first began'
}

@test "what was typed at make, a password perhaps, does not travel on in MAKEFLAGS" {
  local name
  for name in server.1 task_server.1; do
    environment_of "$(child_of $name)" | grep -q WORKSHOP_HOME=
    never eval 'environment_of "$(child_of $name)" | grep -q MAKEFLAGS='
  done
}

@test "the same example twice, and another one beside it, are refused" {
  refused 'make submit (from any terminal), or make stop' make ex2
  refused 'make stop' make ex3
  is "$(task_servers)" 2 'task servers subscribed'
}

@test "make task says which example it belongs to" {
  refused 'make ex3' make task
}

# bats test_tags=long
@test "a setting that the shell carries is ignored and named in one line; the kit's own is no news" {
  PREFECT_API_URL=https://cloud.example/api PREFECT_API_KEY=secret PREFECT_PROFILE=prod ok make submit
  has 'note: ignored from your shell or .env:'
  has 'PREFECT_API_URL'
  has 'PREFECT_API_KEY'
  has 'PREFECT_PROFILE'
  has_not 'secret'
  is "$(grep -c 'note:' <<<"$output")" 1 'notes'
  PREFECT_API_URL=http://localhost:$PREFECT_PORT/api/ ok make submit
  has_not 'note:'
  run bash -c 'eval "$(make -s env)"; make -s submit'
  echo "$output"
  has_not 'note:'
  has 'completed'
}

@test "nothing is written into the home folder" {
  is "$(ls -A "$HOME")" '' 'files in the home folder'
}

@test "make check names a task server that is a stopped process: it is sent runs, and does nothing" {
  local pid
  pid=$(child_of task_server.1)
  kill -STOP "$pid"
  try make check
  kill -CONT "$pid"
  has '✗ each of them is at work'
  has "kill -CONT $pid"
}

#!/usr/bin/env bats
# make watch: the live board, in a real terminal too; and for all eyes, what all commands print there. One stack for the whole file.
# bats file_tags=watch

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  NO_COLOR=1 start_example_in_terminal 2 SERVERS=2
}
teardown_file() { stop_and_check; }

@test "ONCE=1 prints the task servers, the runs by state and the newest runs, as plain text" {
  ok make submit-map N=6
  ok make watch ONCE=1
  has 'example 2'
  has 'task_server.1'
  has 'task_server.2'
  has 'my_background_task'
  is "$(grep -c ' Completed ' <<<"$output")" 6 'runs on the board'
  never grep -q $'\033' <<<"$output"
  # No terminal: once, too.
  ok make watch
  refused 'ONCE=0' make watch ONCE=2
  refused 'make runs REMOTE=1' make watch REMOTE=1
}

@test "another kit's example on the same port is not shown, and not taken for one's own, by watch and by check" {
  export WORKSHOP_HOME=$BATS_TEST_TMPDIR/another
  ok make watch ONCE=1
  has 'no example is running · no Prefect server answers. Try: make ex2'
  has_not greet
  try make check EX=2
  has '✗ the Prefect server is healthy'
}

# bats test_tags=long
@test "in a terminal it is alive: a run appears while it runs, the server's restart passes, Ctrl-C leaves the terminal as it was" {
  need_tmux
  local socket=$BATS_TEST_TMPDIR/tmux
  screen() { tmux -S "$socket" capture-pane -p; }
  tmux -S "$socket" new-session -d -x 100 -y 30 "env WORKSHOP_HOME='$WORKSHOP_HOME' PREFECT_PORT=$PREFECT_PORT WEB_PORT=$WEB_PORT HOME='$HOME' bash --norc" 3>&-
  tmux -S "$socket" send-keys 'echo before; make watch' Enter
  within 20 eval 'screen | grep -q "newest runs"'
  ok make submit NAME=Ford WAIT=0
  within 30 eval 'screen | grep my_background_task | grep -qE "Running|Completed"'
  screen
  # Readable at 100 by 30: nothing is cut off, the newest run's row included.
  screen | "$PYTHON_OF_TESTS" -c 'import sys; assert all(line.rstrip()[-1:] in "┓┩┃│┘" for line in sys.stdin.read().splitlines()[1:] if line.strip())'
  kill -KILL "$(child_of server.1)"
  within 30 eval 'screen | grep -q "the Prefect API is unreachable"'
  within 30 eval 'screen | grep -q "http://127.0.0.1:$PREFECT_PORT"'
  tmux -S "$socket" send-keys C-c
  within 30 eval 'screen | grep -q "^before"'
  never eval 'screen | grep -q "newest runs"'
  tmux -S "$socket" kill-server
}

@test "it ends when its window is closed" {
  need_tmux
  local socket=$BATS_TEST_TMPDIR/tmux
  tmux -S "$socket" new-session -d -x 100 -y 30 "env WORKSHOP_HOME='$WORKSHOP_HOME' PREFECT_PORT=$PREFECT_PORT WEB_PORT=$WEB_PORT HOME='$HOME' make watch" 3>&-
  within 20 eval 'tmux -S "$socket" capture-pane -p | grep -q "newest runs"'
  tmux -S "$socket" kill-server
  within 15 eval '! leaks | grep workshop_kit.commands.watch'
}

# bats test_tags=long
@test "on a dumb terminal: the board again, below, when something changed, and not otherwise" {
  TERM=dumb start board "${TERMINAL[@]}" make watch
  within 20 grep -q 'newest runs' "$board_log"
  ok make submit NAME=Ford
  within 10 eval 'tail -n 15 "$board_log" | grep -q "my_background_task.*Completed"'
  # The next run is told; the seconds in which nothing happened are not, although the clock went on.
  compare "$(grep -c 'newest runs' "$board_log")" -le 5 'boards'
  is "$(escapes <"$board_log")" '' 'escape sequences'
  kill -USR1 "$board_pid"
  within 10 gone "$board_pid"
}

# In the files that run them anyway: make demo, chaos, signup, bench and solve.
# bats test_tags=long
@test "for all eyes: with NO_COLOR=1 or TERM=dumb no command prints an escape sequence, in a terminal too" {
  local name names='map runs db once check help doctor'
  export TERM=xterm-256color
  NO_COLOR=1 start map "${TERMINAL[@]}" make submit-map N=21
  TERM=dumb start runs "${TERMINAL[@]}" make runs
  NO_COLOR=1 start db "${TERMINAL[@]}" make db
  NO_COLOR=1 start once "${TERMINAL[@]}" make watch ONCE=1
  TERM=dumb start check "${TERMINAL[@]}" make check EX=2
  NO_COLOR=1 start help "${TERMINAL[@]}" make help ALL=1
  NO_COLOR=1 start doctor "${TERMINAL[@]}" make doctor
  for name in $names; do
    within 30 eval "gone \"\$${name}_pid\""
    is "$(escapes <"$LOG_DIR/$name.log")" '' "escape sequences of $name"
    compare "$(wc -l <"$LOG_DIR/$name.log")" -ge 2 "lines of $name"
  done
  grep -q '21 of 21 runs completed' "$map_log"
  # What the processes of the example print, and keep of them.
  kill -KILL "$(child_of task_server.1)"
  within 20 grep -q 'was killed by SIGKILL; starting it again' "$stack_log"
  is "$(escapes <"$stack_log")" '' 'escape sequences of make ex2'
}

# bats test_tags=long
@test "for all eyes: on a terminal with neither there is bold, and no colour" {
  local name
  export TERM=xterm-256color
  start joined "${TERMINAL[@]}" make server
  start map "${TERMINAL[@]}" make submit-map N=21
  within 20 grep -q 'serves my_background_task' "$joined_log"
  within 20 gone "$map_pid"
  kill -KILL "$(child_of task_server.3)"
  within 20 grep -qF $'\033[1mtask_server.3 was killed' "$joined_log"
  kill -TERM "$joined_pid"
  within 20 gone "$joined_pid"
  for name in joined map; do
    is "$(escapes <"$LOG_DIR/$name.log" | grep 'm$' | grep -vxE '\[[01]m' || true)" '' "styles of $name"
  done
  grep -qF $'\033[1m' "$map_log"
}

# bats test_tags=long
@test "control characters in the name, key, state, host or result of somebody else's run never reach the terminal" {
  local steers state run command key
  steers=$(printf '\\u001b]0;owned\\u0007\\u001b[2J\\u202e\\r\\u009b1m\\u200b\\u2028')
  state="{\"type\": \"COMPLETED\", \"name\": \"S$steers\", \"message\": \"M$steers\"}"
  run=$(curl -sf -H 'Content-Type: application/json' "$API/task_runs/" \
    -d "{\"name\": \"N$steers\", \"task_key\": \"K$steers-1\", \"dynamic_key\": \"1\", \"state\": $state}" | json 'd["id"]')
  cat >"$BATS_TEST_TMPDIR/stranger.py" <<'PY'
import sys
import time

from durable.records import Record

record = Record(sys.argv[1], "T\x1b]0;owned\x07\x1b[2J\u202e", keys=["k"], limit=1)
record.path.write_text(record.path.read_text().replace('"host": "', '"host": "H\\u001b[2J'))
record.write(event="up")
record.write(run=sys.argv[2], event="start", state="s")
print("written", flush=True)
time.sleep(60)
PY
  start stranger env PYTHONPATH="$KIT_PYTHONPATH" "$PYTHON_OF_TESTS" "$BATS_TEST_TMPDIR/stranger.py" "$WORKSHOP_HOME/task-servers" "$run"
  within 10 grep -q written "$stranger_log" || fail_with "$(cat "$stranger_log")"
  # One that a task server of ours is sent, and one that nobody serves.
  key=$(curl -sf -X POST -H 'Content-Type: application/json' "$API/task_workers/filter" -d '{}' | json 'd[0]["task_keys"][0]')
  state='{"type": "SCHEDULED", "name": "Scheduled", "state_details": {"deferred": true}}'
  for key in "$key" "W$steers-1"; do
    curl -sf -H 'Content-Type: application/json' "$API/task_runs/" -o /dev/null \
      -d "{\"name\": \"R$steers\", \"task_key\": \"$key\", \"dynamic_key\": \"2\", \"state\": $state}"
  done
  within 20 grep -q 'Received task run: .* - R�' "$stack_log"
  for command in 'make runs' 'make watch ONCE=1' 'make db' 'make check EX=2' 'make status' 'make rescue' \
    "make cancel RUN=$run"; do
    # shellcheck disable=SC2086
    try $command
    is_plain "$command" <<<"$output"
  done
  ok make submit NAME=$'Zo\303\253\033]0;owned\a\033[2J\342\200\256'
  is_plain 'make submit' <<<"$output"
  has 'Hello, Zoë�]0;owned��[2J�!'
  tr -d '\r' <"$stack_log" | is_plain 'make ex2' # \r: the test's terminal ends its lines with it
  ok make watch ONCE=1
  has 'T�]0;owned�'
  has 'H�[2J'
  ok make runs
  has 'S�]0;owned'
  kill "$stranger_pid"
}

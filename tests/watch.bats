#!/usr/bin/env bats
# make watch: the live board, in a real terminal too. One stack for the whole file.
# bats file_tags=watch

load helpers

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  start_example 2 SERVERS=2
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
  within 30 eval 'screen | grep -q "the Prefect API is away"'
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

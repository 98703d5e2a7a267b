#!/usr/bin/env bats
# make demo before an audience, in a real terminal; its sheet for the speaker; make kill. (chapters.bats plays all of them unattended.)
# bats file_tags=demo

load ../helpers/base

setup() {
  own_kit
  socket=$BATS_TEST_TMPDIR/tmux
}
teardown() {
  if [ -z "${BATS_TEST_COMPLETED:-}" ]; then history; fi 2>/dev/null || true # what the audience saw of what failed
  tmux -S "$socket" kill-server 2>/dev/null || true
  stop_and_check
}

# A terminal of 100 by 30, as on a projector. What it shows; what it has shown since the beginning.
open_terminal() {
  need_tmux
  tmux -S "$socket" new-session -d -x 100 -y 30 "env WORKSHOP_HOME='$WORKSHOP_HOME' PREFECT_PORT=$PREFECT_PORT WEB_PORT=$WEB_PORT HOME='$HOME' PS1='> ' bash --norc" 3>&-
}
screen() { tmux -S "$socket" capture-pane -p; }
history() { tmux -S "$socket" capture-pane -p -S -; }
press() { tmux -S "$socket" send-keys "$@"; }
# -> waits until the player stands still; then also behind what
waits() { within 60 eval 'screen | grep -v "^$" | tail -n 1 | grep -q "▸ *$"'; }
# [COMMAND] -> waits until the player stands still behind the prompt, or behind a command that it has typed
waits_behind() { within 60 eval '[ "$(screen | grep -v "^$" | tail -n 1 | tr -s " ")" = "$ '"${1:+$1 }"'▸" ]'; }

@test "a key press a step: it types, runs, tells and measures; q ends it, and nothing stays" {
  open_terminal
  press 'make demo EX=2' Enter
  waits_behind
  press x # a key: the command is typed
  waits_behind 'make ex2 SERVERS=2'
  never grep -q '^ready' <(screen) # and not run before the next
  press x
  within 60 eval 'screen | grep -q "^ready in"'
  waits # for the audience to look at it
  press x
  waits_behind
  screen | grep -q 'Three processes: the Prefect server with its queue'
  screen | grep -q -- '─ terminal 2 ─'
  press x
  waits_behind 'make submit NAME=Agrajag'
  press x
  within 30 eval 'history | grep -q "^completed  Hello, Agrajag!"'
  waits_behind
  press x
  # Where the text points at the other terminal, it shows what was printed there.
  within 30 eval 'screen | grep -qE "task_server.[12] \| Hello, Agrajag!"'
  waits_behind
  press q
  within 60 eval 'screen | grep -q "the show is over"'
  within 60 eval 'screen | grep -q "│ total"'
  screen | grep -qE '│ +│ make submit NAME=Agrajag +│ [0-9.]+'
  within 10 no_leaks
  # The terminal is as it was: what is typed shows, and Enter works.
  press 'echo still here' Enter
  within 5 eval '[ "$(screen | grep -c "still here")" = 2 ]'
}

@test "an output without an end of line stays on the screen; Ctrl-C while a command is typed ends the show" {
  printf '# A show\n\n## Run it\n\n```bash\n%s\n%s\n```\n' 'printf unended' "echo $(printf 'long %.0s' {1..15})" >"$BATS_TEST_TMPDIR/chapter.md"
  open_terminal
  press "scripts/py.sh show.demo '$BATS_TEST_TMPDIR/chapter.md'" Enter
  waits_behind
  press x
  waits_behind 'printf unended'
  press x
  waits_behind
  screen | grep -qx unended
  press x
  within 30 eval 'screen | grep -q "^\$ echo long"'
  press C-c # it is typed still
  within 30 eval 'screen | grep -q "the show is over"'
  never grep -q '^long' <(screen)
}

# bats test_tags=long
@test "while a command runs, the keyboard is the command's: Ctrl-C ends it there; between two commands Ctrl-C ends the show" {
  open_terminal
  press 'make demo EX=6' Enter
  waits_behind
  press x
  waits_behind 'make ex6 SERVERS=3 RESCUE=0'
  press x
  within 60 eval 'history | grep -q "^ready in"'
  waits
  press x
  waits_behind
  press x
  waits_behind 'make chaos SEED=42'
  press x
  within 30 eval 'screen | grep -q "chaos, seed 42: "'
  press C-c
  within 30 eval 'history | grep -q "left; the runs go on without us"'
  waits_behind
  press C-c
  within 60 eval 'screen | grep -q "the show is over"'
  within 60 eval 'screen | grep -q "│ total"'
}

@test "NOTES=1 is the speaker's sheet; what cannot be played is refused in one line" {
  local ex
  for ex in $(every_example); do
    ok make demo EX="$ex" NOTES=1
    has "Example $ex: "
    grep -qE ' - about [1-9][0-9]* minutes$' <<<"$output"
    grep -qE '^  [0-9]+ min: ' <<<"$output"
    has "[terminal 1] \$ make ex$ex"
  done
  refused 'make demo EX=2' make demo
  refused 'make demo EX=2' make demo EX=9
  refused 'make demo EX=2 AUTO=1' make demo EX=2
  refused 'AUTO=0' make demo EX=2 AUTO=yes
  refused 'make demo EX=4 DOCKER=1' make demo EX=2 DOCKER=1 AUTO=1
  refused 'make demo (without REMOTE=1)' make demo EX=2 REMOTE=1
}

# bats test_tags=long,slow
@test "FROM goes on at a step, and starts what it needs first; a step that the show has not is refused" {
  ok make demo EX=2 FROM=2.8 AUTO=1
  has 'bringing up'
  has 'every promise of examples/ex2_task_servers/README.md came true'
  grep -qE '│ bringing up +│ make ex2 SERVERS=2 ' <<<"$output"
  has_not 'completed  Hello, Agrajag!'
  has 'make submit-map'
  local step
  for step in 3.1 12 x '$(touch x)'; do refused 'make demo EX=4 FROM=4.4' make demo EX=2 FROM="$step" AUTO=1; done
  refused 'it has none' make demo EX=4 DOCKER=1 FROM=4.6 AUTO=1
}

# bats test_tags=long
@test "make kill lists what lives and kills what it is told; its run is run again elsewhere" {
  refused 'make ex6' make kill
  start_example 6 SERVERS=2 WORK_SECONDS=8
  refused 'make demo' make demo EX=2 AUTO=1
  LIMIT_S=20 try make kill
  is "$status" 2 'exit code'
  has 'task_server.2   pid '
  # With a terminal it asks, again after a slip.
  open_terminal
  press 'make kill' Enter
  within 30 eval 'screen | grep -q "which one dies?"'
  press abc Enter
  within 5 eval '[ "$(screen | grep -c "which one dies?")" = 2 ]'
  press C-c
  within 30 eval 'screen | grep -q "nobody died"'
  local id
  id=$(make -s submit WAIT=0 2>/dev/null | run_id)
  within 30 is_in_state "$id" RUNNING
  ok make kill WHO="$(make -s watch ONCE=1 2>/dev/null | grep -oE 'task_server.[12].* 1 ' | grep -oE 'task_server.[12]')"
  has 'is dead'
  within 30 is_in_state "$id" COMPLETED
  grep -q "requeued 1 run(s): $id" "$stack_log"
}

# bats test_tags=long
@test "what goes wrong before an audience is one line and a choice: r types it once more" {
  open_terminal
  start holder python3 -m http.server --bind 127.0.0.1 "$PREFECT_PORT"
  within 30 curl -sf "http://127.0.0.1:$PREFECT_PORT"
  press 'make demo EX=2' Enter
  waits_behind
  press x
  waits_behind 'make ex2 SERVERS=2'
  press x
  within 30 eval 'screen | grep -q "✗ make ex2 SERVERS=2 ended with exit code 2. r: once more, q: end, any other key: go on"'
  history | grep -q "port $PREFECT_PORT is in use"
  kill "$holder_pid"
  within 30 gone "$holder_pid"
  press r
  waits_behind
  press x
  waits_behind 'make ex2 SERVERS=2'
  press x
  within 60 eval 'screen | grep -q "^ready in"'
  waits
  press C-c
  within 60 eval 'screen | grep -q "the show is over"'
  within 60 eval 'screen | grep -q "│ total"'
}

@test "a terminal of the show closes, also where its shell overlooks that" {
  # shellcheck disable=SC2016
  LIMIT_S=60 ok bash -c '. scripts/env.sh; exec python tests/commands/closing_terminals.py'
  compare "${output%%.*}" -lt 8 'seconds to close one'
}

#!/usr/bin/env bats
# The screen of make room, in a real terminal of 80 by 24: the code for the projector, the board, names, each key.
# bats file_tags=room

load ../helpers/base

setup() {
  own_kit
  need_tmux
  socket=$BATS_TEST_TMPDIR/tmux
  export ROOM_PORT=$((PREFECT_PORT + 4)) LEARNER=$BATS_TEST_TMPDIR/learner
  mkdir "$LEARNER"
  tmux -S "$socket" new-session -d -x 80 -y 24 "cd '$KIT' && env WORKSHOP_HOME='$WORKSHOP_HOME' PREFECT_PORT=$PREFECT_PORT ROOM_PORT=$ROOM_PORT HOME='$HOME' PS1='> ' bash --norc" 3>&-
  press 'make room LISTEN=127.0.0.1' Enter
  shows_soon "make join ROOM=127.0.0.1:$ROOM_PORT"
  JOIN_CODE=$(screen | sed -n 's/^the code: //p' | tr -d ' ')
  export JOIN_CODE
}
teardown() {
  if [ -z "${BATS_TEST_COMPLETED:-}" ]; then screen; fi 2>/dev/null || true
  tmux -S "$socket" kill-server 2>/dev/null || true
  stop_and_check
}
screen() { tmux -S "$socket" capture-pane -p; }
press() { tmux -S "$socket" send-keys "$@"; }
shows_soon() { within 20 eval 'screen | grep -qE -- "'"$1"'"' || fail_with "not on the screen: $1"; }
shows_no_more() { within 20 eval '! screen | grep -qE -- "'"$1"'"' || fail_with "still on the screen: $1"; }
# NAME WHAT... -> make WHAT, as the kit of that learner
kit_of() { env WORKSHOP_HOME="$LEARNER/$1" make "${@:2}"; }
joins() { echo y | kit_of "$1" join ROOM="127.0.0.1:$ROOM_PORT" ME="$1" >/dev/null; }

@test "the code is large and whole; names are hidden until a key; each key does what it says" {
  compare "$(screen | grep -cE '_|\|')" -ge 8 'lines of large letters'
  grep -E '^([0-9A-Z]{4}-){5}[0-9A-Z]{4}$' <<<"$JOIN_CODE"
  joins Ford
  joins Trillian
  shows_soon '^joined: 2 '
  press c
  shows_soon 'the room · 2 learners · 0 calling · names are hidden'
  shows_soon '^ +no. 1 +– '
  kit_of Trillian check EX=2 >/dev/null || true
  shows_soon 'no. 2 +ex 2 '
  kit_of Ford stuck
  shows_soon '^ +no. 1 .* now +now *$'
  screen | sed -n 3p | grep 'no. 1' # who calls is above
  never grep -q 'Ford' <<<"$(screen)"
  press n
  shows_soon '^ +Ford '
  press n
  shows_no_more Ford
  press Down
  shows_soon '^ ▸ +no. 1'
  press Enter
  shows_soon 'calls, since just now'
  press b # any key
  shows_soon '^ ▸ +no. 1'
  press r Zaphod Enter n
  shows_soon '^ ▸ +Zaphod '
  press h
  shows_soon '0 calling'
  press s
  shows_soon 'who is still longest'
  press x
  shows_no_more Zaphod
  press X
  shows_soon '^ [▸–] +Zaphod '
  never grep -qE '[[:cntrl:]]' <<<"$(screen)"
  press n
  shows_no_more Trillian
  press d
  shows_soon 'the room, door closed'
  never joins Marvin
  press d
  shows_no_more 'door closed'
  press q
  shows_soon 'close the room\?'
  press n
  shows_soon 'c code'
  press q y
  shows_soon 'the room is closed, and what it knew is deleted'
  not_there "$WORKSHOP_HOME/room"
}

@test "Ctrl-C asks first; a terminal that is closed closes the room" {
  joins Ford
  press c
  shows_soon 'the room · 1 learner '
  press C-c
  shows_soon 'close the room\?'
  press n
  shows_soon 'c code'
  there "$WORKSHOP_HOME/room/rows.json"
  tmux -S "$socket" kill-server
  within 10 not_there "$WORKSHOP_HOME/room"
}

# bats test_tags=long
@test "names hide by themselves, 30 s after the key" {
  joins Ford
  press c n
  shows_soon Ford
  PATIENCE=1 never within 20 eval '! screen | grep -q Ford'
  PATIENCE=1 within 15 eval '! screen | grep -q Ford'
  shows_soon 'names are hidden'
}

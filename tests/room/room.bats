#!/usr/bin/env bats
# The room: the instructor on machine a, learners on b and c. What is sent, what the board shows, what holds when machines,
# addresses and the room itself go away; and that no command is any different for it.
# bats file_tags=room

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b c
  open_room LISTEN=10.99.0.1
}
teardown_file() {
  kill -TERM "$(room_process)" 2>/dev/null || true
  stop_machines
}

# [VARIABLE=VALUE...] -> make room on machine a, without a screen
open_room() {
  start room "$ON/a" make room "$@"
  within 30 grep -q '^ready' "$room_log" || {
    cat "$room_log"
    return 1
  }
  sed -n 's/^the code: //p' "$room_log" >"$BATS_FILE_TMPDIR/code"
}
room_code() { cat "$BATS_FILE_TMPDIR/code"; }
# -> the process of the room
room_process() { cut -d ' ' -f 1 "$(home_of a)/room/open"; }
kill_room() { kill -KILL "$(room_process)" && within 10 eval '! "$ON/a" curl -sk https://10.99.0.1:4300/'; }
# NAME ANSWER [VARIABLE=VALUE...] -> make join there, which is answered so
joins() {
  local name=$1 said=$2
  shift 2
  try bash -c 'printf "%s\n" "$1" | "${@:2}"' _ "$said" env JOIN_CODE="$(room_code)" "$ON/$name" make join ROOM=10.99.0.1:4300 "$@"
}
# -> the board, with its names
board() { "$ON/a" make room ONCE=1 ALL=1 2>/dev/null | grep -v '^make join '; }
# PATTERN -> waits until a line of the board matches it
board_soon() { within 10 eval 'board | grep -qE -- "'"$1"'"' || fail_with "not on the board: $1: $(board)"; }

@test "make join shows what will be sent and asks; N sends nothing, y joins, and the board knows the example and the step" {
  joins b n ME='Ford, row 3'
  is "$status" 0 'exit code'
  has 'the name: Ford, row 3'
  has '{"me": "Ford, row 3", "protocol": 1}'
  has 'not joined; nothing was sent'
  never grep -q 'Ford' <<<"$(board)"
  ok "$ON/b" make join SHOW=1
  has 'nothing was ever sent'
  joins b y ME='Ford, row 3'
  has 'joined the room as Ford, row 3'
  board_soon '^ +Ford, row 3 +– '
  ok "$ON/b" make code EX=2
  board_soon 'Ford, row 3 +ex 2 +1 of 9 '
  ok "$ON/b" make catch-up EX=2 STEP=2.2
  board_soon 'Ford, row 3 +ex 2 +3 of 9 '
  try "$ON/b" make status # is about no example
  board_soon 'Ford, row 3 +ex 2 +3 of 9 '
}

# bats test_tags=long
@test "a call: the finding of make check, by waiting time; perhaps solved by a ✓ of that very finding; OFF=1 takes it back" {
  joins b y ME='Ford, row 3'
  joins c y ME=Trillian
  ok "$ON/b" make catch-up EX=2 STEP=2.2
  echo 'serve(' >"$(folder_of b)/my/ex2/task_submitter.py" # no Python
  ok "$ON/b" make stuck
  has 'the room knows that you call'
  has 'is no valid Python: …'
  ok "$ON/c" make stuck
  has 'waiting before you: 1'
  never grep -qi 'broken pipe' <<<"$({ "$ON/c" make stuck | true; } 2>&1)"
  is "$(board | grep -cE 'Ford|Trillian')" 2 'rows'
  board | grep -E 'Ford|Trillian' | head -n 1 | grep -E 'Ford, row 3 .*is no valid Python: …'
  try "$ON/b" make check EX=2 # it is still so
  never within 2 eval 'board | grep -q "perhaps solved"'
  ok "$ON/b" make catch-up EX=2 STEP=2.5
  try "$ON/b" make check EX=2
  board_soon 'Ford, row 3.*perhaps solved: is no valid Python'
  ok "$ON/c" make stuck OFF=1
  board_soon 'Trillian +[^ ]+ +[^ ]+ *$'
  ok "$ON/b" make stuck OFF=1
  never grep -q 'perhaps' <<<"$(board)"
  ok "$ON/b" make join SHOW=1
  has 'in the room at 10.99.0.1:4300, as Ford, row 3'
  never grep -qvE '^\{("(n|ex|step|call|finding|solved)": [0-9]+(, )?)+\}$|^\{"me": "Ford, row 3", "protocol": 1\}$|^in the room' <<<"$(grep -v '^[$[]' <<<"$output")"
  is "$(grep -c '"solved"' <<<"$output")" 1 'messages that it is solved'
}

# bats test_tags=long
@test "names are hidden without ALL=1; the same name twice is told apart; a hostile name is text" {
  joins b y ME='Ford, row 3'
  joins c y ME=Trillian
  ok "$ON/a" make room ONCE=1
  has_not Trillian
  has 'no. 2'
  ok "$ON/c" make leave
  never grep -q Trillian <<<"$(board)"
  joins c y ME='Ford, row 3'
  has 'joined the room as Ford, row 3 (2)'
  board_soon 'Ford, row 3 \(2\)'
  refused 'make join … ME="Ford"' bash -c 'printf "y\n" | "$@"' _ env JOIN_CODE="$(room_code)" "$ON/c" make join ROOM=10.99.0.1:4300 ME=$'\033[31mred'
  # Past the kit's own look, as somebody may send it who has the code.
  "$ON/c" JOIN_CODE="$(room_code)" PYTHONPATH="$KIT_PYTHONPATH" KIT="$KIT" WEB_PORT=8000 "$PYTHON_OF_TESTS" - <<'PY'
import os
from durable import joining
stranger, password = joining.verify_port("10.99.0.1:4300", os.environ["JOIN_CODE"])
for me in ("\x1b]0;evil\x07\x1b[2J\u202eMarvin\u2066\u200f", "x" * 5000, "Z\u0300" + "\u0301" * 500, "[bold]rich[/bold]"):
    print(stranger.request("POST", "/room/join", {"password": password, "me": me, "protocol": 1}))
PY
  board >"$BATS_TEST_TMPDIR/board"
  is "$(escapes <"$BATS_TEST_TMPDIR/board")" '' 'escape sequences'
  never grep -qP '[\x{202a}-\x{202e}\x{2066}-\x{2069}\x{200f}\x07]' "$BATS_TEST_TMPDIR/board"
  grep -F ']0;evil[2JMarvin' "$BATS_TEST_TMPDIR/board"
  grep -F '[bold]rich[/bold]' "$BATS_TEST_TMPDIR/board"
  never grep -q 'x\{41\}' "$BATS_TEST_TMPDIR/board"
}

# bats test_tags=long
@test "a wrong code, no such address, a network that keeps machines apart: one line, and nothing was sent" {
  local slip
  slip=$(room_code) && slip=${slip%?}$(tr '0-9A-Z' '1-9A-Z0' <<<"${slip#"${slip%?}"}" | tr ILOU 2222) # of the half that names the certificate
  refused 'enter the code again' env JOIN_CODE="$slip" "$ON/c" make join ROOM=10.99.0.1:4300 ME=x
  slip=$(room_code) && slip=$(tr '0-9A-Z' '1-9A-Z0' <<<"${slip:0:1}" | tr ILOU 2222)${slip:1} # of the password's half
  try bash -c 'echo y | "$@"' _ env JOIN_CODE="$slip" "$ON/c" make join ROOM=10.99.0.1:4300 ME=x
  is "$status" 2 'exit code'
  has 'rejected this code. Try: enter the code it shows now'
  refused 'enter the code again' env JOIN_CODE=ABCD "$ON/c" make join ROOM=10.99.0.1:4300 ME=x
  refused 'the port that the other machine shows' env JOIN_CODE="$(room_code)" "$ON/c" make join ROOM=10.99.0.1:4999 ME=x
  refused 'another address of that machine; a VPN on either; its firewall' env JOIN_CODE="$(room_code)" "$ON/c" make join ROOM=10.99.0.77:4300 ME=x
  refused 'make join ROOM=' "$ON/c" make join ME=x
  refused 'ME="Ford, row 3"' "$ON/c" make join ROOM=10.99.0.1:4300
  refused 'export JOIN_CODE=' "$ON/c" make join ROOM=10.99.0.1:4300 ME=x JOIN_CODE=x
  refused 'make room ONCE=1' "$ON/a" make room
  refused 'make room (in another terminal)' "$ON/c" make room ONCE=1
  ok "$ON/a" make clean # after a rehearsal: the room that is open stays
  there "$(home_of a)/room/rows.json"
  is "$("$ON/b" bash -c 'cat < <(ss -Hltn)' | wc -l | tr -d ' ')" 0 'ports that a learner opens'
}

# bats test_tags=long
@test "kill -9 and a new start: every row is back, the code is the same, and the next command is told" {
  joins b y ME='Ford, row 3'
  joins c y ME='Ford, row 3'
  ok "$ON/b" make catch-up EX=2 STEP=2.2
  try "$ON/b" make check EX=2
  board_soon 'Ford, row 3 +ex 2 +'
  local before
  before=$(board | grep -E 'Ford' | cut -c 1-45)
  kill_room
  "$ON/b" make code EX=3 # told when the room is back
  open_room LISTEN=10.99.0.1
  grep -q 'going on with the room that was killed' "$room_log"
  is "$(board | grep -cE 'Ford, row 3')" 2 'rows of Ford'
  try "$ON/b" make status
  board_soon 'Ford, row 3 +ex 3 +1 of '
}

@test "another address, a new join with the same kit: the row stays" {
  joins b y ME='Ford, row 3'
  joins c y ME='Ford, row 3'
  ip -n "$LAN-b" addr flush dev eth0
  ip -n "$LAN-b" addr add 10.99.0.88/24 dev eth0
  "$ON/b" make code EX=4
  board_soon 'Ford, row 3 +ex 4 +1 of '
  joins b y ME='Arthur'
  has 'joined the room as Arthur'
  board_soon 'Arthur +ex 4 +1 of '
  is "$(board | grep -cE 'Ford, row 3')" 1 'rows of Ford'
}

# bats test_tags=long
@test "no command is any different, to the byte, whether the room is there, hangs, answers rubbish, or is gone" {
  local what command base=$BATS_TEST_TMPDIR/none
  commands() { # WHAT -> what some commands print, and their exit codes
    for command in status 'check EX=2' submit runs 'solve EX=4' help; do
      # shellcheck disable=SC2086
      "$ON/b" make $command >"$BATS_TEST_TMPDIR/$1.$command.out" 2>"$BATS_TEST_TMPDIR/$1.$command.err" </dev/null && status=0 || status=$?
      echo "$status" >"$BATS_TEST_TMPDIR/$1.$command.code"
    done
  }
  ok "$ON/b" make leave
  commands none
  joins b y ME=Arthur
  commands there
  kill -STOP "$(room_process)"
  commands hangs
  kill -CONT "$(room_process)"
  kill_room
  start rubbish "$ON/a" "$PYTHON_OF_TESTS" -c '
import socket
listening = socket.create_server(("10.99.0.1", 4300))
while True:
    connection, _ = listening.accept()
    connection.sendall(b"\x16\x03\x03rubbish" * 1000)
    connection.close()'
  within 10 eval '"$ON/b" bash -c "exec 3<>/dev/tcp/10.99.0.1/4300"'
  commands rubbish
  kill -KILL "$rubbish_pid"
  commands gone
  for what in there hangs rubbish gone; do
    for command in status 'check EX=2' submit runs 'solve EX=4' help; do
      for part in out err code; do cmp "$BATS_TEST_TMPDIR/none.$command.$part" "$BATS_TEST_TMPDIR/$what.$command.$part"; done
    done
  done
  within 5 eval '! pgrep -f learners.reporting' # each try ends by itself
  open_room LISTEN=10.99.0.1
}

@test "before the set-up: join, stuck with what make doctor has found, leave; with python3 and bash alone" {
  local bare="$BATS_FILE_TMPDIR/c/bare kit" home=$BATS_FILE_TMPDIR/c/bare-home
  copy_kit "$bare"
  only "$BATS_TEST_TMPDIR/bin" "${BASICS[@]}" python3
  on_bare() { (cd "$bare" && ip netns exec "$LAN-c" env -u VIRTUAL_ENV PATH="$BATS_TEST_TMPDIR/bin" WORKSHOP_HOME="$home" JOIN_CODE="$(room_code)" "$@" </dev/null); }
  (cd "$bare" && echo y | ip netns exec "$LAN-c" env PATH="$BATS_TEST_TMPDIR/bin" WORKSHOP_HOME="$home" JOIN_CODE="$(room_code)" make join ROOM=10.99.0.1:4300 ME=Zaphod)
  on_bare make stuck PYTHON_IMAGE=none >"$BATS_TEST_TMPDIR/stuck"
  grep -q 'the room knows that you call' "$BATS_TEST_TMPDIR/stuck"
  board_soon 'Zaphod'
  on_bare make leave
  never grep -q Zaphod <<<"$(board)"
  not_there "$bare/.venv"
}

# bats test_tags=long
@test "make leave while the room sleeps says so, and the next command takes the call off the board" {
  joins b y ME=Zarniwoop
  ok "$ON/b" make stuck
  board_soon 'Zarniwoop.* now '
  kill -STOP "$(room_process)"
  ok "$ON/b" make leave
  kill -CONT "$(room_process)"
  has 'your next commands tell it, for 3 days at the most'
  refused 'make join ROOM=' "$ON/b" make stuck
  grep -q 'Zarniwoop.* now ' <<<"$(board)"
  try "$ON/b" make status
  within 10 eval '! board | grep -q Zarniwoop' || fail_with "$(board)"
  within 5 not_there "$(home_of b)/leaving"
  joins b y ME=Zarniwoop
}

@test "the room closes: what it knew is deleted; a learner's command goes on as before, and make leave says so" {
  kill -TERM "$(room_process)"
  within 10 not_there "$(home_of a)/room"
  within 10 grep -q 'the room is closed, and what it knew is deleted' "$room_log"
  try "$ON/b" make check EX=2
  has 'not hold'
  ok "$ON/b" make leave
  has 'your next commands tell it, for 3 days at the most. It deletes what it has of you then, or when it closes'
  refused 'make join ROOM=' "$ON/b" make stuck
  ok "$ON/b" make leave
  has '10.99.0.1:4300 still does not know that you left'
  ok "$ON/a" make leave
  has 'no room and no machine was joined'
}

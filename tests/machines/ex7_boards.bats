#!/usr/bin/env bats
# Example 7: what make status, check, watch and server say, on the machine of the Prefect server (a) and on one that has
# joined it (b): the same at every moment, and with a remedy that helps.
# bats file_tags=ex7,long,slow

load ../helpers/base
load ../helpers/machines

# The moments in their order: whether a is ready, which task servers it counts of those wanted, and what each of its three
# boards says besides; whether b is ready, and what helps there; and the last line of b's make server.
TABLE='
moment             | a           | task servers       | a says besides                      | b          | b says besides                                  | b: make server
joined             | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 | serves greet
cut                | ready       | 1 of 1, and 1 on b | task_server.1 on b: no heartbeat    | no answer  | another address of that machine                 |
lease ended        | ready       | 1 of 1             |                                     | no answer  | another address of that machine                 | trying again until it does
back               | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 | serves greet
a stopped          | not running |                    |                                     | no answer  | or start it there again                         | trying again until it is back
a restarted        | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 |
b left             | ready       | 1 of 1             |                                     | not joined |                                                 |
b joined again     | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 | serves greet
a has moved        | not ready   |                    | Try: make stop, then make ex7       | no answer  | another address of that machine                 |
b followed         | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 | serves greet
clean on a         | ready       | 1 of 1             |                                     | no answer  | make server AT=10.99.0.7:4243, which asks       | with the code that it shows now
b has the new code | ready       | 1 of 1, and 1 on b |                                     | ready      |                                                 | serves greet
'

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b
}
teardown_file() { stop_machines; }

# MOMENT SECONDS -> within that time the boards of both machines say what the table says
moment() {
  local line a counts besides_a b besides_b server
  line=$(grep "^$1 *|" <<<"$TABLE")
  IFS='|' read -r _ a counts besides_a b besides_b server < <(sed 's/ *| */|/g; s/ *$//' <<<"$line")
  echo "# $1"
  within "$2" agree || fail_with "at the moment '$1' the boards do not say so: $(<"$BATS_TEST_TMPDIR/wrong")
$(tail -n 40 "$BATS_TEST_TMPDIR"/[ab].{status,check,watch} "$b_log")"
}
agree() {
  ask_boards
  of_a >"$BATS_TEST_TMPDIR/wrong" && of_b >"$BATS_TEST_TMPDIR/wrong" || return 1
  if [ -n "$server" ]; then
    tail -n 1 "$b_log" | grep -qF -- "$server" || fail_with "make server says not: $server" >"$BATS_TEST_TMPDIR/wrong"
  fi
}
# All six at once, for a moment may pass.
ask_boards() {
  local name board pids=()
  for name in a b; do
    for board in status check 'watch ONCE=1'; do
      # shellcheck disable=SC2086
      {
        "${PROCESS[@]}" limit 60 "$ON/$name" make -s $board
        echo "[exit $?]"
      } >"$BATS_TEST_TMPDIR/$name.${board% *}" 2>&1 </dev/null 3>&- &
      pids+=($!)
    done
  done
  wait "${pids[@]}"
}
# MACHINE BOARD EXIT TEXT... -> its exit code, and these texts are there
said() {
  local file=$BATS_TEST_TMPDIR/$1.$2 what="$2 on $1" text
  case $3 in 0) text='[exit 0]' ;; *) text="] Error $3" ;; esac # make's own is 2
  grep -qF "$text" "$file" || fail_with "$what: not exit $3" || return
  shift 3
  for text in "$@"; do grep -qF -- "$text" "$file" || fail_with "$what: not there: $text" || return; done
}
# MACHINE -> the rows of its make watch are the task servers that are counted
rows() {
  local file=$BATS_TEST_TMPDIR/$1.watch own=0 other=0
  case $counts in 1*) own=1 ;; esac
  case $counts in *b) other=1 ;; esac
  is "$(grep -cE '│ task_server.1 +│ a ' "$file")" "$own" "rows of a in make watch on $1" || return
  is "$(grep -cE '│ task_server.1 on b +│ b ' "$file")" "$other" "rows of b in make watch on $1"
}
of_a() {
  local status=${counts/ of / subscribed, }
  status=${status/, 1/, 1 wanted}
  case $a in
    ready)
      said a status 0 "$status" ready "$besides_a" && said a check 0 "subscribed to ex7.greet: $counts" 'every promise holds' "$besides_a" &&
        said a watch 0 "$besides_a" && rows a || return
      # Nothing is said of others but what is so.
      if [ -z "$besides_a" ]; then never grep -q 'no heartbeat' "$BATS_TEST_TMPDIR"/a.* || return; fi
      case $counts in *b) said a check 0 '- joined: b, from 10.99.0.2; 1 task server(s)' ;; esac ;;
    'not ready') said a status 1 'not ready yet' "$besides_a" && said a check 1 "$besides_a" && said a watch 0 "$besides_a" ;;
    'not running') said a status 3 'nothing runs: make ex2' && said a check 2 'no example is running' && said a watch 0 'no example is running' ;;
  esac
}
of_b() {
  case $b in
    ready) said b status 0 '1 of this machine, b' ready && said b check 0 'task servers of this machine, b: task_server.1' 'every promise holds' &&
      said b watch 0 && rows b ;;
    'no answer') said b status 2 "$besides_b" && said b check 2 "$besides_b" && said b watch 2 "$besides_b" ;;
    'not joined') said b status 3 'nothing runs: make ex2' && said b check 2 'no example is running' && said b watch 0 'no example is running' ;;
  esac
}

@test "the boards of both machines agree at every moment of join, cut, lease end, leave, restart, a new address and clean" {
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=50
  ok "$ON/a" make submit
  start_on b WORK_SECONDS=0
  moment joined 30

  ip -n "$LAN" link set dev to-b down
  within 40 eval '"$ON/a" make watch ONCE=1 | grep -q "task_server.1 on b: no heartbeat"'
  PATIENCE=1 moment cut 20
  within 40 grep -q 'task_server.1 on b sent no heartbeat for 50 s: its session is over' "$stack_log"
  moment 'lease ended' 30
  ip -n "$LAN" link set dev to-b up
  moment back 30

  "$ON/a" make stop
  moment 'a stopped' 15
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=50
  moment 'a restarted' 30

  ok "$ON/b" make leave
  within 10 gone "$b_pid"
  moment 'b left' 20
  start_on b WORK_SECONDS=0
  moment 'b joined again' 30

  # It leaves while a is away, and comes back under its name.
  ip -n "$LAN" link set dev to-b down
  ok "$ON/b" make leave
  has 'left a, which does not answer; your next commands tell it, for 3 days at the most'
  ip -n "$LAN" link set dev to-b up
  try "$ON/b" make status
  within 10 eval '"$ON/a" make check | grep -q "no other machine has joined yet"' || fail_with "$("$ON/a" make check)"
  moment 'b left' 20
  start_on b WORK_SECONDS=0
  grep -q '^joined a (10.99.0.1:4243) as b; ' "$b_log"
  moment 'b joined again' 30

  ip -n "$LAN-a" addr flush dev eth0
  ip -n "$LAN-a" addr add 10.99.0.7/24 dev eth0
  moment 'a has moved' 30
  "$ON/a" make stop
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=50
  "$ON/b" make stop
  start b "$ON/b" make server AT=10.99.0.7:4243 WORK_SECONDS=0 # with the code that it has: the certificate is the same
  moment 'b followed' 60

  "$ON/a" make stop
  "$ON/a" make clean
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=50
  ok "$ON/a" make submit
  moment 'clean on a' 90
  "$ON/b" make stop
  refused 'set JOIN_CODE in the environment or in .env' "$ON/b" make server AT=10.99.0.7:4243
  has 'another one than was joined answers at 10.99.0.7:4243: its certificate is new, so the code is missing'
  AT=10.99.0.7:4243 start_on b WORK_SECONDS=0
  moment 'b has the new code' 30
}

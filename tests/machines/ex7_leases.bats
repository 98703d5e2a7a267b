#!/usr/bin/env bats
# Example 7: machines that come and go. Each fault is made on real machines (network namespaces) and observed from outside.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b
  # Each run notes in a file of its own machine when it begins and ends, and every 50 ms in between.
  local name
  for name in a b; do
    cat >"$(folder_of "$name")/examples/ex7_many_machines/witness.py" <<'PYTHON'
import os, socket, time
from contextlib import contextmanager

@contextmanager
def noted(name):
    with open(os.environ["WITNESS"], "a", buffering=1) as file:
        def note(what):
            file.write(f"{what} {name} {socket.gethostname()} {os.getpid()} {time.clock_gettime(time.CLOCK_BOOTTIME):.3f}\n")
        note("begin")
        yield note
        note("end")
PYTHON
    sed -i.old 's/^import time$/import select\nimport time\n\nfrom witness import noted/; /^    for _ in range(10)/d; s/^        time.sleep.*/    with noted(name) as note:\n        until = time.monotonic() + float(os.getenv("WORK_SECONDS", "0.3"))\n        while time.monotonic() < until:\n            select.select([], [], [], 0.05)\n            note("works")/' \
      "$(folder_of "$name")/examples/ex7_many_machines/task_server.py"
  done
}
teardown_file() { stop_machines; }
setup() { export WITNESS=$BATS_TEST_TMPDIR/witness; : >"$WITNESS"; }
teardown() {
  show_failure
  ip -n "$LAN" link set dev to-b up
  local name
  # shellcheck disable=SC2046
  for name in a b; do kill -CONT $(cut -d ' ' -f 2 "$(home_of "$name")"/run/task_server.1.pids) 2>/dev/null; done
  for name in b a; do "$ON/$name" make stop >/dev/null 2>&1 </dev/null; done
}

# Machine a's task server is away, so that b is sent what is submitted; and it is back.
a_away() {
  kill -STOP "$(keeper_on a)"
  kill -KILL "$(task_server_of a)"
}
a_back() {
  kill -CONT "$(keeper_on a)"
  within 20 eval 'api /task_workers/filter "{}" | grep -q "\"identifier\":\"a-"'
}
# NAME -> a run of that name, which machine b has; its id in $id
run_on_b() {
  a_away
  id=$("$ON/a" make -s submit NAME="$1" WAIT=0 | run_id)
  within 30 is_in_state "$id" RUNNING
  a_back
}
# seconds of the clock that goes on in sleep
clock() { "$PYTHON_OF_TESTS" -c 'import time; print(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f}")'; }

@test "unplugged: what it runs runs elsewhere within 12 s; it has ended there before, and starts again when it is back" {
  local id began before seconds
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=5
  start_on b WORK_SECONDS=300
  run_on_b Ford
  before=$(task_server_of b)
  began=$SECONDS
  ip -n "$LAN" link set dev to-b down # the cable
  within 60 is_in_state "$id" COMPLETED
  seconds=$((SECONDS - began))
  within 5 gone "$before"
  # It came to an end there before it began here.
  is "$(awk '$3 == "b" { last = $5 } $1 == "begin" && $3 == "a" { print ($5 > last) ? "after" : "before" }' "$WITNESS")" after 'the second run'
  # 12 on an idle machine, of which 5 are the lease. Here other files are at work, which make any other run late, too.
  timed "$ON/a" make -s submit NAME=Beside
  compare "$seconds" -le "$(awk "BEGIN { print int(12 + 4 * $took) }")" 'seconds until it has run elsewhere'
  grep -q 'task_server.1 on b sent no heartbeat for 5 s: its session is over, and what it ran runs again elsewhere' "$stack_log"
  grep -qE 'was not reached for 5 s. What task_server.1 ran runs again elsewhere; it ends|its lease expired; killed' "$b_log"
  within 20 grep -q '10.99.0.1:4243 does not answer.*; trying again until it does' "$b_log"
  ip -n "$LAN" link set dev to-b up
  within 20 eval '[ "$(grep -c "task_server.1 on b serves" "$stack_log")" = 2 ]'
  ok "$ON/a" make check
  has 'every promise holds'
}

@test "a split that heals before the lease ends: the board says when its runs move, nothing happens, nothing runs twice" {
  local id
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=24
  start_on b WORK_SECONDS=20
  run_on_b Ford
  ip -n "$LAN" link set dev to-b down
  within 9 eval '"$ON/a" make watch ONCE=1 | grep -qE "task_server.1 on b: no heartbeat for 1[2-9] s; its runs move in ([5-9]|1[0-2]) s"'
  ip -n "$LAN" link set dev to-b up
  within 30 is_in_state "$id" COMPLETED
  is "$(grep -c '^begin' "$WITNESS")" 1 'runs that were begun'
  never grep -q 'its session is over' "$stack_log"
  is "$(grep -c 'task_server.1 on b serves' "$stack_log")" 1 'sessions'
}

@test "SIGSTOP of a task server, and of its keeper, too: the run ends at the latest 0.5 s after it wakes, and counts nowhere" {
  local id frozen woke what
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=3
  start_on b WORK_SECONDS=8
  for what in 'task server' both; do
    : >"$WITNESS"
    within 20 eval '[ -n "$(task_server_of b)" ] && "$ON/a" make watch ONCE=1 | grep -q "task_server.1 on b"'
    run_on_b "$(tr -d ' ' <<<"$what")"
    frozen=$(task_server_of b)
    if [ "$what" = both ]; then kill -STOP "$(keeper_on b)"; fi
    kill -STOP "$frozen"
    within 30 is_in_state "$id" COMPLETED
    woke=$(clock)
    if [ "$what" = both ]; then
      kill -CONT "$frozen" # first what would run on
      within 5 eval 'ps -o stat= -p "$frozen" | grep -q "^Z"' # its keeper, which is stopped, has not taken notice yet
      kill -CONT "$(keeper_on b)"
    else
      within 5 gone "$frozen" # its keeper has killed it while it was stopped
    fi
    # Another process has run it: machine a's, or machine b's next one.
    is "$(grep -c '^end ' "$WITNESS")" 1 'runs that came to their end'
    never grep -q "^end .* $frozen " "$WITNESS"
    is "$(awk -v woke="$woke" -v frozen="$frozen" '$4 == frozen && $5 > woke + 0.5' "$WITNESS" | wc -l | tr -d ' ')" 0 "signs of life later than 0.5 s after it woke ($what)"
    within 30 eval '[ -n "$(task_server_of b)" ] && [ "$(task_server_of b)" != '"$frozen"' ]'
  done
}

@test "kill -9 of the Prefect server with runs queued and in flight elsewhere: all end, and who is back in time goes on" {
  local before
  start_on_a SERVERS=1 LIMIT=5 WORK_SECONDS=1
  start_on b LIMIT=20 WORK_SECONDS=2
  before=$(count_in_state COMPLETED)
  a_away
  "$ON/a" make submit-map N=220 WAIT=0
  within 20 eval '[ "$(grep -c "^begin .* b " "$WITNESS")" -ge 20 ]'
  kill -CONT "$(keeper_on a)"
  kill -KILL "$(WORKSHOP_HOME=$(home_of a) child_of server.1)"
  within 120 eval '[ "$(count_in_state COMPLETED)" = $((before + 220)) ]'
  never grep -qE 'its session is over|the lease of .* expired' "$stack_log"
  is "$(grep -c 'task_server.1 on b serves' "$stack_log")" 1 'sessions'
}

# bats test_tags=slow
@test "the other machine is away for longer than the lease, and both say so; a stop and a new start in time are no end" {
  local before
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=20
  start_on b WORK_SECONDS=0
  before=$(task_server_of b)
  "$ON/a" make stop
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=4
  ok "$ON/b" make submit-map N=20
  has 'by 2 task server(s)'
  is "$(task_server_of b)" "$before" 'the task server of b'
  "$ON/a" make stop
  within 40 gone "$before"
  grep -qE 'was not reached for 20 s. What task_server.1 ran runs again elsewhere; it ends|its lease expired; killed' "$b_log"
  within 20 grep -q '; trying again until it does' "$b_log"
  start_on_a SERVERS=1 WORK_SECONDS=0
  within 30 grep -q 'task_server.1 on b serves' "$stack_log"
}

@test "a clock that is 5 minutes off, either way, is refused with the command that sets it; one that is a second off serves" {
  local off library before
  library=$(ls /usr/lib/*/faketime/libfaketime.so.1) || not_here 'no libfaketime here (sudo apt install libfaketime)'
  # The time of day is wrong, and not the clocks that nobody sets.
  start_on_a SERVERS=1 WORK_SECONDS=0
  export JOIN_CODE
  JOIN_CODE=$(code)
  for off in +300 -300; do
    refused 'seconds'"' (here, if this clock is the wrong one)" env PASS_ENV='FAKETIME*' FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD="$library" FAKETIME="$off" "$ON/b" make server AT=10.99.0.1:4243
    case $off in
      +300) has "this machine's clock is 300 s ahead of that of a" && has "sudo date -s '-300 seconds'" ;;
      -300) has "this machine's clock is 300 s behind that of a" && has "sudo date -s '+300 seconds'" ;;
    esac
  done
  # Each run would end before it was queued, by the two clocks. The task server alone, for libfaketime spoils time.sleep()
  # now and then (EINVAL), which what keeps it does all the time.
  before=$(count_in_state COMPLETED)
  a_away
  sed -i.old "s#^task_server: .*--reload#& env FAKETIME=-1 FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD=$library#" "$(folder_of b)/Procfile.ex7"
  start b "$ON/b" make server AT=10.99.0.1:4243
  within 60 grep -q 'serves greet' "$b_log"
  "$ON/a" make submit-map N=20 WAIT=0
  within 60 eval '[ "$(count_in_state COMPLETED)" = $((before + 20)) ]'
  is "$(grep -c '^begin' "$WITNESS")" 20 'runs that were begun'
}

@test "a lease ends while a laptop sleeps, for its clock goes on then; another machine's clock in its place is that of macOS" {
  # In a time namespace the clock that goes on in sleep is 60 s ahead of the one that stands still, as after a minute of it.
  unshare --time --fork true || not_here 'no time namespaces here'
  export PYTHONPATH=$KIT_PYTHONPATH
  look() { "$@" "$PYTHON_OF_TESTS" -c 'import sys; from pathlib import Path; from durable import lease; print(lease.overdue(Path(sys.argv[1])))' "$file"; }
  local file=$BATS_TEST_TMPDIR/lease
  LEASE_FILE=$file "$PYTHON_OF_TESTS" -c 'import os; from durable import lease; lease.Deadline(os.environ["LEASE_FILE"]).set(lease.now() + 30)'
  is "$(look env)" None 'whether it is over at once'
  is "$(look unshare --time --monotonic 60 --fork)" None 'whether it is over by the clock that stands still in sleep'
  is "$(look unshare --time --boottime 60 --fork)" "$(cut -d ' ' -f 2 "$file")" 'whose lease is over after a minute of sleep'
  is "$("$PYTHON_OF_TESTS" -c 'import time; monotonic = time.CLOCK_MONOTONIC; del time.CLOCK_BOOTTIME; from durable import lease; print(lease.CLOCK == monotonic)')" True 'the clock of macOS'
}

# bats test_tags=slow
@test "make chaos: it freezes and kills for all machines, and loses nothing; with MANUAL=1 it says which cable to pull" {
  start_on_a SERVERS=1 WORK_SECONDS=0.3 LEASE_SECONDS=4
  start_on b WORK_SECONDS=0.3
  LIMIT_S=200 ok "$ON/a" make chaos N=60 SECONDS=25 SEED=5
  has 'Prefect server, frozen for'
  grep -qE '│ lost +│ 0 ' <<<"$output"
  start chaos "$ON/a" make chaos N=60 SECONDS=15 MANUAL=1
  within 20 grep -q 'pull the cable of b now, or switch its Wi-Fi off: 6 s' "$chaos_log"
  ip -n "$LAN" link set dev to-b down
  within 20 grep -q 'b: put it back now' "$chaos_log"
  ip -n "$LAN" link set dev to-b up
  within 60 gone "$chaos_pid"
  grep -qE '│ lost +│ 0 ' "$chaos_log"
  grep -qE '│ a machine was away for too long, by you +│ 1 ' "$chaos_log"
  # Its terminal is closed while something is frozen: nothing stays so.
  start chaos "$ON/a" make chaos N=20 SECONDS=60 SEED=5
  within 60 eval 'ps -o stat= -p "$(WORKSHOP_HOME=$(home_of a) child_of server.1)" | grep -q "^T"'
  kill -HUP "-$chaos_pid"
  within 20 gone "$chaos_pid"
  within 1 eval 'ps -o stat= -p "$(WORKSHOP_HOME=$(home_of a) child_of server.1)" | grep -q "^[RS]"'
}

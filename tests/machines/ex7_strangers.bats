#!/usr/bin/env bats
# Example 7 and strangers without the code, on 30 addresses: connections that say nothing, handshakes and bodies without an
# end, a hundred handshakes a second, guesses. Those with a token work on, and who has the code still gets in.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b c d
  start_on_a SERVERS=1 WORK_SECONDS=0
  start_on b WORK_SECONDS=0
}
teardown_file() { stop_machines; }

# -> how many connections the port has
connections() { "$ON/a" ss -Htn state established 'sport = :4243' | wc -l; }
# SECONDS -> the attack from 30 addresses of machine c has begun; $strangers_pid and $strangers_log
attack_for() {
  local number addresses=()
  for number in {100..129}; do
    ip -n "$LAN-c" addr replace "10.99.0.$number/24" dev eth0
    addresses+=("10.99.0.$number")
  done
  start strangers "$ON/c" nice -n 19 "$PYTHON_OF_TESTS" "$KIT/tests/machines/strangers.py" 10.99.0.1:4243 "$1" "${addresses[@]}"
  within 20 eval '[ "$(connections)" -ge 700 ]' || fail_with 'there is no attack'
}
# -> the 95th percentile of 20 submits of one process on machine b, in seconds
p95_of_submits() {
  "$ON/b" bash -c '. scripts/env.sh; export PYTHONPATH=$PYTHONPATH:$0; exec "$VENV/bin/python" -m workshop_kit.joined run submit_times "$KIT/examples/ex7_many_machines" 20' \
    "$KIT/tests/machines" >"$BATS_TEST_TMPDIR/times"
  sed -n 's/.* p95 \([0-9.]*\) .*/\1/p' "$BATS_TEST_TMPDIR/times"
}

@test "30 addresses at once: runs of both machines complete, a third joins, and there are few guesses" {
  attack_for 40
  start_on d WORK_SECONDS=0
  for name in a b d; do
    ok "$ON/$name" make submit-map N=12
    has '12 of 12 runs completed'
  done
  within 90 grep -q guesses "$strangers_log"
  cat "$strangers_log"
  compare "$(sed -n 's/.*guesses \([0-9]*\).*/\1/p' "$strangers_log")" -le 60 "guesses in 40 s"
}

# bats test_tags=slow
@test "under that attack a submit takes at most twice as long" {
  # In turn without it and with it, and the best of five pairs: what else this machine does makes one of them slow, and
  # a port that gives way to strangers does so in all of them. The attack has the lowest priority, for elsewhere it has
  # processors of its own.
  local calm busy ratio best=1000 pairs=
  p95_of_submits # connects, and loads what only the first one loads
  for _ in 1 2 3 4 5; do
    calm=$(p95_of_submits)
    attack_for 150
    busy=$(p95_of_submits)
    never gone "$strangers_pid" # it lasts for longer than the submits
    kill "$strangers_pid"
    within 20 gone "$strangers_pid"
    within 30 eval '[ "$(connections)" -lt 100 ]'
    ratio=$(awk -v calm="$calm" -v busy="$busy" 'BEGIN { printf "%d", 100 * busy / calm }')
    pairs="$pairs $calm/$busy"
    if [ "$ratio" -lt "$best" ]; then best=$ratio; fi
    if [ "$best" -le 200 ]; then break; fi
  done
  echo "# p95 of a submit, without and with the attack:$pairs s" >&3
  compare "$best" -le 200 "percent of the time without the attack ($pairs)"
}

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

@test "30 addresses at once: runs of both machines complete, a third joins, and there are few guesses" {
  local number addresses=()
  for number in {100..129}; do
    ip -n "$LAN-c" addr add "10.99.0.$number/24" dev eth0
    addresses+=("10.99.0.$number")
  done
  start strangers "$ON/c" "$PYTHON_OF_TESTS" "$KIT/tests/machines/strangers.py" 10.99.0.1:4243 40 "${addresses[@]}"
  within 20 eval '[ "$("$ON/a" ss -Htn state established "sport = :4243" | wc -l)" -ge 700 ]' || fail_with 'there is no attack'
  start_on d WORK_SECONDS=0
  for name in a b d; do
    ok "$ON/$name" make submit-map N=12
    has '12 of 12 runs completed'
  done
  within 90 grep -q guesses "$strangers_log"
  cat "$strangers_log"
  compare "$(sed -n 's/.*guesses \([0-9]*\).*/\1/p' "$strangers_log")" -le 60 "guesses in 40 s"
}

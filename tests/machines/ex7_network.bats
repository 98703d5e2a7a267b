#!/usr/bin/env bats
# Example 7 on a slow and lossy line, and with one to four machines. The figures are in the output of a failure, and in
# FIGURES, if that names a file.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b c d
}
teardown_file() { stop_machines; }
teardown() {
  show_failure
  local name
  for name in d c b a; do "$ON/$name" make stop >/dev/null 2>&1 </dev/null; done
}

# -> how many of the runs were started by more than one task server, or twice
started_twice() { cat "$(home_of a)"/task-servers/*.jsonl | grep '"event": "start"' | grep -o '"run": "[^"]*"' | sort | uniq -d | wc -l | tr -d ' '; }
figure() {
  echo "$1"
  if [ -n "${FIGURES:-}" ]; then echo "$1" >>"$FIGURES"; fi
}
# -> the seconds between two starts in the record of machine b's task server, at the least, of its last seven
quickest_run() {
  "$PYTHON_OF_TESTS" - "$(home_of a)"/task-servers/*.jsonl <<'PYTHON'
import json, sys
gaps = []
for path in sys.argv[1:]:
    lines = [json.loads(line) for line in open(path)]
    if lines[0]["server"].endswith(" on b"):
        starts = [line["at"] for line in lines if line.get("event") == "start"]
        gaps += [later - earlier for earlier, later in zip(starts[-7:], starts[-6:])]
print(f"{min(gaps):.3f}")
PYTHON
}
# SECONDS RTT -> how many round trips that is, rounded
round_trips() { awk -v seconds="$1" -v rtt="$2" 'BEGIN { printf "%d", seconds / rtt + 0.5 }'; }

@test "300 ms round trip: a submit and a run take at most 6 round trips on a kept connection; with 1 % loss nothing is lost" {
  # So long a line that what a busy machine computes meanwhile is a small part of a round trip, of the quickest.
  local quickest rtt=0.3
  start line "$PYTHON_OF_TESTS" "$KIT/tests/machines/slow_line.py" "$LAN-a" "$LAN-b" "$rtt"
  within 10 grep -q 'the line is up' "$line_log"
  start_on_a SERVERS=1 WORK_SECONDS=1 LISTEN=10.98.0.1
  AT=10.98.0.1:4243 start_on b WORK_SECONDS=0
  submits() { "$ON/b" bash -c '. scripts/env.sh; export PYTHONPATH=$PYTHONPATH:$0; exec "$VENV/bin/python" -m workshop_kit.joined run submit_times "$KIT/examples/ex7_many_machines" 12' "$KIT/tests/machines"; }
  submits >"$BATS_TEST_TMPDIR/times"
  figure "300 ms: $(cat "$BATS_TEST_TMPDIR/times")"
  quickest=$(sed -n 's/.*quickest //p' "$BATS_TEST_TMPDIR/times")
  compare "$(round_trips "$quickest" "$rtt")" -le 6 'round trips of a submit'
  within 60 eval '[ "$(count_in_state COMPLETED)" = 13 ]'
  # Machine a has no free slot meanwhile, or b would pass runs on to it, which are round trips of their own.
  ok "$ON/a" make submit-map N=20 WAIT=0
  within 60 eval '[ "$(count_in_state COMPLETED)" = 33 ]'
  quickest=$(quickest_run)
  figure "300 ms: the quickest of 6 runs, one after the other, takes $quickest s: $(round_trips "$quickest" "$rtt") round trips"
  compare "$(round_trips "$quickest" "$rtt")" -le 6 'round trips of a run'
  kill -USR1 "$line_pid"
  submits >"$BATS_TEST_TMPDIR/times"
  figure "300 ms and 1 % loss: $(cat "$BATS_TEST_TMPDIR/times")"
  LIMIT_S=200 ok "$ON/b" make submit-map N=30
  has '30 of 30 runs completed'
  within 60 eval '[ "$(count_in_state COMPLETED)" = 76 ]'
  is "$(started_twice)" 0 'runs that were started twice'
  "$ON/b" make stop
  kill "$line_pid"
  within 5 grep -q ' packets were lost$' "$line_log"
  figure "$(grep ' packets were lost$' "$line_log")"
  compare "$(sed -n 's/^\([0-9]*\) of .* packets were lost$/\1/p' "$line_log")" -ge 5 'packets that were lost'
}

# bats test_tags=slow
@test "sixty runs of a second: four machines are at least three times as fast as one" {
  local name one four
  start_on_a SERVERS=1 WORK_SECONDS=1
  LIMIT_S=200 ok "$ON/a" make submit-map N=60
  one=$(sed -n 's/^60 of 60 runs completed in \([0-9.]*\) s.*/\1/p' <<<"$output")
  for name in b c d; do start_on "$name" WORK_SECONDS=1; done
  LIMIT_S=200 ok "$ON/a" make submit-map N=60
  has 'by 4 task server(s)'
  four=$(sed -n 's/^60 of 60 runs completed in \([0-9.]*\) s.*/\1/p' <<<"$output")
  figure "60 runs of 1 s: $one s on one machine, $four s on four"
  is "$(awk -v one="$one" -v four="$four" 'BEGIN { print (one >= 3 * four) ? "yes" : "no" }')" yes "three times as fast ($one s, $four s)"
}

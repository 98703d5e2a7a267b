#!/usr/bin/env bats
# What the help, the comments and the pages say about the kit is true.

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# EX -> the lines of make help ALL=1 about make exN
help_of() { make -s help ALL=1 | awk -v target="ex$1" '$1 == "make" { here = $2 == target } here'; }

# EX... -> each of these examples, started without a variable, has as many task servers with as many places as its help says
defaults_hold() {
  local ex
  for ex in "$@"; do
    start_example "$ex"
    output=$(help_of "$ex")
    echo "example $ex: $(task_servers) task servers, $(cat "$WORKSHOP_HOME"/task-servers/*.jsonl | grep '"keys"' | grep -o '"limit": [0-9]*' | sort -u)"
    has "[SERVERS=$(task_servers)]"
    has "[LIMIT=$(cat "$WORKSHOP_HOME"/task-servers/*.jsonl | grep '"keys"' | grep -o '"limit": [0-9]*' | sort -u | cut -d ' ' -f 2)]"
    ok make clean
  done
}

# bats test_tags=long
@test "example 6 has by default the task servers and places that its help names" {
  defaults_hold 6
}

# bats test_tags=long,slow
@test "so have the other examples" { defaults_hold 2 3 4 5; }

# bats test_tags=long,slow
@test "the error that example 6's page names for TUNED=0 does come there" {
  ok grep -B 1 events.occurred examples/ex6_nothing_lost/README.md
  has 'With `TUNED=0`'
  has 'NOT NULL constraint failed: events.occurred'
  start_example 6 TUNED=0 SERVERS=2
  ok make submit-map N=20
  # All four of each run: its clients send theirs again to the next server, which finds them in the database.
  within 30 eval '[ "$(api /events/filter "{}" | json "d[\"total\"]")" -ge 80 ]'
  ok make kill WHO=server.1
  within 100 grep -q 'NOT NULL constraint failed: events.occurred' "$stack_log"
}

@test "make check says of itself that it judges a learner's code, and does" {
  ok bash -c 'make -s help ALL=1 | grep "  make check "; sed -n 2p scripts/pythonpath/workshop_kit/commands/check.py'
  has 'look at your own code, if any'
  has "Judges a learner's code"
  cp -R examples/ex2_task_servers "$BATS_TEST_TMPDIR/own"
  try make check EX=2 CODE="$BATS_TEST_TMPDIR/own"
  has "judging your code in $BATS_TEST_TMPDIR/own"
}

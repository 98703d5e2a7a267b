#!/usr/bin/env bats
# make test-chaos: rounds of chaos in a kit of their own, and the figures of all of them.
# bats file_tags=chaos

load ../helpers/base

setup() {
  own_kit
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
}
teardown() { stop_and_check; }

# what the rounds started and did not end
# shellcheck disable=SC2009
left_of_rounds() { ps axeww -o command= | grep -F "WORKSHOP_HOME=$TMPDIR/chaos-" | grep -F ' WORKSHOP_SETS=' | grep -v grep; }

# PATTERN -> a line of the last output is like that as a whole
has_line() { grep -qxE -- "$1" <<<"$output" || fail_with "no line in the output is like: $1"; }

@test "wrong values and another server get one line" {
  refused "N='none' is not a whole number from 1 to 1000. Try: make test-chaos N=20" make test-chaos N=none
  refused 'make test-chaos SEED=1' make test-chaos SEED=-1
  refused "SECONDS='4' is not a whole number from 5 to 3600. Try: make test-chaos SECONDS=30" make test-chaos SECONDS=4
  refused 'make test-chaos (without REMOTE=1)' make test-chaos REMOTE=1
  ok scripts/test_chaos.sh -h
  has 'how many rounds'
}

# bats test_tags=long,slow
@test "each round has its seed and its figures, the end is their sum, and nothing is left" {
  local what='[0-9]+ faults, [0-9]+ submitted, [0-9]+ completed, [0-9]+ more than once, [0-9]+ ended otherwise, [0-9]+ cancelled, 0 begun after that, 0 doubled alive, 0 lost'
  LIMIT_S=400 ok make test-chaos N=2 SEED=7 SECONDS=5 LIMIT=none # a setting of yours is not theirs
  has_line "seed 7: $what"
  has_line "seed 8: $what"
  has_line "2 rounds: $what"
  local submitted
  submitted=$(sed -nE 's/^seed .* ([0-9]+) submitted.*/\1/p' <<<"$output" | awk '{ sum += $1 } END { print sum }')
  has_line "2 rounds: .* $submitted submitted, .*"
  never left_of_rounds
  never ls -d "$TMPDIR"/chaos-*
}

# bats test_tags=long
@test "interrupted, it stops what it has started" {
  start rounds make test-chaos SECONDS=30
  within 60 eval 'ls "$TMPDIR"/chaos-*/run/ready'
  kill -INT -- "-$rounds_pid"
  within 60 gone "$rounds_pid"
  never left_of_rounds
  never ls -d "$TMPDIR"/chaos-*
}

#!/usr/bin/env bats
# make bench: it measures, writes what it measured, and leaves nothing. How fast is no test's business.
# bats file_tags=bench,long

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

left() { pgrep -f "$WORKSHOP_HOME/bench" || ls -d "$WORKSHOP_HOME"/bench/*-*; }

# bats test_tags=slow
@test "QUICK=1 prints the table with ratios and the plot, and writes both with the figures" {
  LIMIT_S=200 ok_without_escapes NO_COLOR=1 make bench QUICK=1
  has 'tutorial'
  has 'cold start'
  has 'SERVERS=2'
  is "$(json '[len(row["kit"]) > 0 and min(row["kit"]) >= 0 for row in d["table"]].count(False)' <"$WORKSHOP_HOME/bench/bench.json")" 0 'rows of the table without measurements'
  is "$(json 'next(row["ratio"] for row in d["table"] if row["row"] == "burst") > 1' <"$WORKSHOP_HOME/bench/bench.json")" True 'the kit is faster at the burst'
  grep -q '<svg' "$WORKSHOP_HOME/bench/bench.svg"
  never left
}

@test "interrupted, it stops what it has started; beside a running example it refuses" {
  start bench make bench QUICK=1
  # shellcheck disable=SC2154
  within 60 grep -q 'cold start' "$bench_log"
  kill -TERM -- "-$bench_pid"
  within 30 gone "$bench_pid"
  never left
  start_example 2 SERVERS=1
  refused 'make stop, then make bench' make bench
}

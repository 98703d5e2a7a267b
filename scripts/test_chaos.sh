#!/usr/bin/env bash
# Many rounds of chaos against one example 6, each with another seed, in a WORKSHOP_HOME and on ports of its own.
#
# N=20         how many rounds
# SEED=1       the first seed
# SECONDS=30   how long a round breaks things
# Ends with the figures of all rounds. Exit 1 if a run was lost, or doubled while it was alive.
set -euo pipefail
# shellcheck source=scripts/lib/messages.sh
. "$(dirname "$0")/lib/messages.sh"
help_if_asked "$@"
rounds=${N:-20} seed=${SEED:-1}
length=${CHAOS_SECONDS:-30} # see the Makefile
export WORKSHOP_HOME PREFECT_PORT WEB_PORT
PREFECT_PORT=$((20000 + RANDOM % 8000)) WEB_PORT=$((28000 + RANDOM % 2000))
WORKSHOP_HOME=$(mktemp -d)/home
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
whole_number rounds 1 1000 'make test-chaos N=20'
whole_number seed 0 999999999 'make test-chaos SEED=1'
whole_number length 5 3600 'make test-chaos SECONDS=30'
[ "$REMOTE" = 0 ] || fail 'make test-chaos kills processes, and REMOTE=1 means a server of yours' 'make test-chaos (without REMOTE=1)'
unset N SEED SERVERS LIMIT NAME WORK_SECONDS CHAOS_SECONDS MAKEFLAGS MAKELEVEL MFLAGS
log=$(dirname "$WORKSHOP_HOME")/example.log figures=$(dirname "$WORKSHOP_HOME")/figures
make -C "$KIT" ex6 SERVERS=3 >"$log" 2>&1 </dev/null &
trap 'make -C "$KIT" stop >/dev/null 2>&1 || true; wait; rm -rf "$(dirname "$WORKSHOP_HOME")"' EXIT
until grep -q '^ready' "$log"; do
  kill -0 $! 2>/dev/null || fail "example 6 did not start; its log is $log" 'make doctor'
  sleep 0.2
done
bad=0
for ((round = 0; round < rounds; round++)); do
  make -C "$KIT" chaos N=$((length * 5)) SECONDS="$length" SEED=$((seed + round)) >"$log.round" 2>&1 </dev/null || {
    bad=$((bad + 1))
    cat "$log.round"
  }
  grep '^seed ' "$log.round" | tail -n 1 | tee -a "$figures"
done
awk '{ for (i = 3; i < NF; i++) { if ($(i + 1) ~ /^faults/) f += $i; if ($(i + 1) ~ /^submitted/) s += $i; if ($(i + 1) ~ /^completed/) c += $i
  if ($(i + 1) ~ /^more/) m += $i; if ($(i + 1) ~ /^ended/) e += $i; if ($(i + 1) ~ /^doubled/) d += $i; if ($(i + 1) ~ /^lost/) l += $i } }
  END { printf "%d rounds: %d faults, %d submitted, %d completed, %d more than once, %d ended otherwise, %d doubled alive, %d lost\n", NR, f, s, c, m, e, d, l }' "$figures"
[ "$bad" = 0 ]

#!/usr/bin/env bash
# Runs the suite (bats) against real processes, each test in a WORKSHOP_HOME and on ports of its own.
#
# TESTS=…   which files (default: all but those for Docker)
# DOCKER=1  those that need a Docker engine (make test-docker)
# LONG=1    those that take long, and are left out otherwise: whole set-ups, benchmarks, the local model (make test-long)
# LANES=1   one file after the other (default: three at a time)
# FILTER=…  only the tests whose name matches
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
# All that any test needs, now: a set-up in the middle would hold up the tests in the other lane.
groups='dev ex4 ex5'
if [ "${LONG:-0}" = 1 ] || [ -n "${TESTS:-}${FILTER:-}" ]; then groups="$groups local-llm"; fi
for group in $groups; do "$KIT/scripts/setup.sh" "$group"; done
cd "$KIT"
files=()
for file in tests/*.bats; do
  case $file in *_docker.bats) this=1 ;; *) this=0 ;; esac
  [ "$this" != "${DOCKER:-0}" ] || files+=("$file")
done
if [ "${DOCKER:-0}" = 1 ]; then need_docker 4; fi
if [ -n "${TESTS:-}" ]; then
  # shellcheck disable=SC2206
  files=($TESTS)
  for file in "${files[@]}"; do [ -f "$file" ] || fail "TESTS='$file' is no file" 'make test TESTS=tests/ex2.bats'; done
fi
# The tests choose their own; what a developer's shell or make carries must not get in.
keep_out="WORKSHOP_GOAL LONG APPLY CODE OWN_CODE EX WHO AUTO NOTES ALL ONCE OUT MANUAL MAX_RESCUES MINUTES RATE RESCUE SECONDS SEED CHAOS_SECONDS ANSWER_SECONDS CACHE_SECONDS LLM MARVIN_AGENT_MODEL OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ENV_FILE Q WORKSHOP_DERIVED $(printf '%s' "$WORKSHOP_DERIVED" | tr ' ' '\n' | cut -d= -f1 | tr '\n' ' ') DB FULL PEERS QUICK TUNED WORKSHOP_HOME PREFECT_PORT WEB_PORT REMOTE EMAIL FAIL_RATE REDIS_URL SMTP_URL DOCKER NAME NAMES N SERVERS LIMIT MAKEFLAGS MAKELEVEL MFLAGS TESTS WORKSHOP_SETS WORKSHOP_API_URL $WORKSHOP_SETS"
long=
if [ "${LONG:-0}" = 1 ]; then long=--long; elif [ -n "${TESTS:-}${FILTER:-}" ] || [ "${DOCKER:-0}" = 1 ]; then long=--all; fi
for name in $keep_out; do unset "$name"; done
exec "$VENV/bin/python" tests/lanes.py $long ${FILTER:+--filter "$FILTER"} "${files[@]}"

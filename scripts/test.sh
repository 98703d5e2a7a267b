#!/usr/bin/env bash
# Runs the suite (bats) against real processes, each test in a WORKSHOP_HOME and on ports of its own.
#
# TESTS=…   which files (default: all but those for Docker)
# DOCKER=1  those that need a Docker engine (make test-docker)
# FILTER=…  only the tests whose name matches
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
"$KIT/scripts/setup.sh" dev
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
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
# The tests choose their own; what a developer's shell or make carries must not get in.
keep_out="WORKSHOP_DERIVED $(printf '%s' "$WORKSHOP_DERIVED" | tr ' ' '\n' | cut -d= -f1 | tr '\n' ' ') DB FULL PEERS QUICK TUNED WORKSHOP_HOME PREFECT_PORT WEB_PORT REMOTE EMAIL FAIL_RATE REDIS_URL SMTP_URL DOCKER NAME NAMES N SERVERS LIMIT MAKEFLAGS MAKELEVEL MFLAGS TESTS WORKSHOP_SETS WORKSHOP_API_URL $WORKSHOP_SETS"
for name in $keep_out; do unset "$name"; done
code=0
bats --print-output-on-failure --timing ${FILTER:+--filter "$FILTER"} --report-formatter junit --output "$report" "${files[@]}" ||
  code=$?
passed=$(grep -c '<testcase ' "$report/report.xml" || true)
failed=$(grep -c '<failure' "$report/report.xml" || true)
skipped=$(grep -c '<skipped' "$report/report.xml" || true)
printf '\n%s passed, %s failed, %s skipped\n' $((passed - failed - skipped)) "$failed" "$skipped"
if [ "${CI:-}" = true ] && [ "$skipped" != 0 ]; then
  say 'a skipped test in CI is a failure'
  code=1
fi
exit "$code"

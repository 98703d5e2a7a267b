#!/usr/bin/env bash
# Runs the suite: bats against real processes, each test in a WORKSHOP_HOME and on ports of its own; and pytest, in
# durable/tests and tests/kit.
#
# TESTS=…   which files or folders (default: all but those for Docker)
# DOCKER=1  those that need a Docker engine (make test-docker)
# LONG=1    those with the tag long, which are left out otherwise: most of what takes more than seconds (make test-long)
# QUICK=1   of the long ones those without the tag slow, as .ci/run does
# LANES=1   one file after the other (default: three at a time)
# FILTER=…  only the tests whose name matches
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
# All that any test needs, now: a set-up in the middle would hold up the tests in the other lane.
groups="dev $(packages_of_examples)"
if [ "${LONG:-0}" = 1 ] || [ -n "${TESTS:-}${FILTER:-}" ]; then groups="$groups local-llm"; fi
for group in $groups; do set_up "$group"; done
cd "$KIT"
if [ "${DOCKER:-0}" = 1 ]; then
  need_docker
  files=(tests/docker/*.bats)
else
  files=(durable/tests tests/kit)
  for file in tests/*/*.bats; do [[ $file == tests/docker/* ]] || files+=("$file"); done
fi
if [ -n "${TESTS:-}" ]; then # a file, its name alone, or a folder
  files=()
  for name in $TESTS; do
    if [ ! -e "$name" ]; then
      for file in tests/*/"${name##*/}"; do [ ! -f "$file" ] || name=$file; done
    fi
    [ -e "$name" ] || fail "TESTS='$name' is no file" 'make test TESTS=tests/examples/ex2.bats'
    found=("$name"/*.bats)
    if [ -e "${found[0]}" ]; then files+=("${found[@]}"); else files+=("$name"); fi
  done
fi
# The tests choose their own; what a developer's shell or make carries must not get in. LANES is for tests/lanes.py, and
# PYTHON, WHEELS and the images say what this machine has.
keep_out="$(settings) $(variables_of_one_command) OWN_CODE CHAOS_SECONDS LONG OPENAI_API_KEY OPENAI_ENV_FILE MAKEFLAGS MAKELEVEL MFLAGS WORKSHOP_GOAL WORKSHOP_GOALS WORKSHOP_TYPED WORKSHOP_API_URL WORKSHOP_SETS $WORKSHOP_SETS WORKSHOP_DERIVED $(tr ' ' '\n' <<<"$WORKSHOP_DERIVED" | cut -d= -f1 | tr '\n' ' ')"
long=
QUICK=${QUICK:-0}
one_of QUICK 0 1
if [ "${LONG:-0}$QUICK" = 11 ]; then long=--quick; elif [ "${LONG:-0}" = 1 ]; then long=--long; elif [ -n "${TESTS:-}${FILTER:-}" ] || [ "${DOCKER:-0}" = 1 ]; then long=--all; fi
arguments=(${long:+"$long"} ${FILTER:+--filter "$FILTER"} "${files[@]}")
for name in $keep_out; do
  case $name in LANES | PYTHON | WHEELS | *_IMAGE) ;; *) unset "$name" ;; esac
done
unset NO_COLOR
export TERM=xterm-256color
give_back # what the tests install comes through the person's proxy, by the person's certificates
exec "$VENV/bin/python" tests/lanes.py "${arguments[@]}"

#!/usr/bin/env bash
# Code along: make code, solve, reset and catch-up. See workshop_kit/commands/code_along.py.
#
#   scripts/code.sh code|solve|reset|catch-up      EX=2: which example; APPLY=1: solve takes the finished files; STEP=3: of catch-up
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
APPLY=${APPLY:-0}
one_of APPLY 0 1
kit commands.code_along "$1"
WORKSHOP_REPORTED='' report_to_room # the files are others now

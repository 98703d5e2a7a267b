#!/usr/bin/env bash
# Tries the newest packages that pyproject.toml allows, in a copy of the kit that is thrown away: what would break?
# The lock stays as it is. See workshop_kit/perf/canary.py.
#
# PREFECT=3.8.8   with that version of Prefect      SET=file   the locked versions, but for those in that file: lines of name==version
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
pass_outside
refuse_remote 'make canary'
if [ -n "${SET:-}" ] && [ ! -r "$SET" ]; then fail "SET='$SET' is not a file that can be read" 'make canary, or SET=requirements/core.txt'; fi
make_home
set_up core
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
UV=$(find_uv "$tools")
export UV PATH="${UV%/*}:$PATH"
unset DB
"$VENV/bin/python" -P -m workshop_kit.perf.canary

#!/usr/bin/env bash
# Many rounds of chaos against one example, each with another seed, in a WORKSHOP_HOME and on ports of its own.
# See workshop_kit/perf/rounds.py.
#
# N=20         how many rounds
# SEED=1       the first seed
# SECONDS=30   how long a round breaks things
# Ends with the figures of all rounds. Exit 1 if a run was lost, or doubled while it was alive.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
[ "$REMOTE" = 0 ] || fail 'make test-chaos kills processes, and REMOTE=1 means a server of yours' 'make test-chaos (without REMOTE=1)'
set_up core
exec "$VENV/bin/python" -P -m workshop_kit.perf.rounds

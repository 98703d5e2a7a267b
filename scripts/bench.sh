#!/usr/bin/env bash
# Measures this machine: the tutorial's own set-up against the kit's. See workshop_kit/perf/bench.py.
#
# QUICK=1   under a minute      FULL=1   the whole table, 20 minutes      PEERS=1   adds Celery on Valkey
# EX=4      the benchmark of that example instead: what its example.env names
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
refuse_remote 'make bench'
ex=${EX:-$(first_example_with BENCH)}
known=$(examples_with BENCH)
case $'\n'$known$'\n' in *$'\n'"$ex"$'\n'*) ;; *) fail "there is no benchmark of example EX=$ex" "make bench, or make bench EX=${known##*$'\n'}" ;; esac
PEERS=${PEERS:-0}
one_of PEERS 0 1
make_home
set_up "$(example "$ex" PACKAGES)"
if [ "$PEERS" = 1 ]; then set_up peers; fi
unset DB
exec "$VENV/bin/python" -P -m "workshop_kit.$(example "$ex" BENCH)"

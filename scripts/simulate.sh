#!/usr/bin/env bash
# Simulates durable in a hostile world, a schedule a seed: processes die and freeze, cables are cut, clocks jump, disks fill.
# See durable/tests/simulation.
#
# SEEDS=100000   how many schedules; some 1,000 a second on 2 cores
# SEED=0         the first one
# Of a schedule that breaks a promise its steps are shown, cut down to those that it needs. Exit 1 if there is one.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
SEEDS=${SEEDS:-100000} SEED=${SEED:-0}
whole_number SEEDS 1 100000000 'make simulate SEEDS=100000'
whole_number SEED 0 1000000000 'make simulate SEED=7'
set_up core
cd "$KIT/durable/tests"
exec "$VENV/bin/python" -W ignore -m simulation --seeds "$SEEDS" --seed "$SEED"

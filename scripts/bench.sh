#!/usr/bin/env bash
# Measures this machine: the tutorial's own set-up against the kit's. See workshop_kit/bench/bench.py.
#
# QUICK=1   under a minute      FULL=1   the whole table, 20 minutes      PEERS=1   adds Celery on Valkey
# EX=4      example 4's request instead, against the same with its work inline: workshop_kit/bench/signups.py
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
refuse_remote 'make bench'
case ${EX:-2} in
  2) ;;
  4)
    make_home
    "$KIT/scripts/setup.sh" ex4
    unset DB
    exec "$VENV/bin/python" -P -m workshop_kit.bench.signups
    ;;
  *) fail "there is no benchmark of example EX=$EX" 'make bench, or make bench EX=4' ;;
esac
PEERS=${PEERS:-0}
one_of PEERS 0 1
make_home
"$KIT/scripts/setup.sh" core
if [ "$PEERS" = 1 ]; then "$KIT/scripts/setup.sh" peers; fi
unset DB
exec "$VENV/bin/python" -P -m workshop_kit.bench.bench

#!/usr/bin/env bash
# Says what runs in this WORKSHOP_HOME and whether it is ready. Exit 0: ready; 3: nothing runs; 1: not yet healthy.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
settings_of_containers
python=$(find_any_python) || { printf 'nothing runs: make ex2\n' && exit 3; } # it would be Python
exec "$python" -S -P -m workshop_kit.commands.status

#!/usr/bin/env bash
# Stops what the kit started in this WORKSHOP_HOME, from any terminal: the example, its servers, the background server.
# Runs in flight finish first (GRACE seconds at the most).
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
settings_of_containers
python=$(find_any_python) || { say 'nothing was running' && exit 0; } # it would be Python
exec "$python" -S -P -m workshop_kit.commands.stop

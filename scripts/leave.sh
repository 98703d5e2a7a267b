#!/usr/bin/env bash
# Leaves the machine that `make server AT=…` has joined: its task servers here finish their runs and end, its sessions there
# too, and the address and the code are forgotten.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
if has_joined; then
  while read -r name; do
    case $name in task_server.*) stop_kept "$name" ;; esac
  done < <(kept_names)
fi
"$KIT/scripts/setup.sh" core
exec "$VENV/bin/python" -P -m workshop_kit.joined leave

#!/usr/bin/env bash
# Leaves the room of make join, and the machine that `make server AT=…` has joined: its task servers here finish their runs
# and end, its sessions there too, and the address and the code are forgotten.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
if [ -f "$WORKSHOP_HOME/in-room/joined.json" ] || [ -d "$WORKSHOP_HOME/leaving" ]; then
  (in_room leave)
  [ -d "$WORKSHOP_HOME/joined" ] || exit 0 # both would be left
fi
if [ ! -d "$WORKSHOP_HOME/joined" ]; then
  say 'no room and no machine was joined'
  exit 0
fi
if has_joined; then stop_kept task_server; fi
set_up core
exec "$VENV/bin/python" -P -m workshop_kit.joined leave

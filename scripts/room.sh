#!/usr/bin/env bash
# Opens the room for the learners' kits (make join), with its board, where q and Ctrl-C ask whether to close it. Without a
# terminal, and with NO_COLOR or a dumb one, there is no board, and Ctrl-C closes it.
#
# ONCE=1       prints the board of the room that is open here; ALL=1: with the names
# REPORT=file  writes what the open room knows as CSV, without names
# LISTEN, ROOM_PORT   where: see make help ALL=1
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ONCE=${ONCE:-0} ALL=${ALL:-0}
one_of ONCE 0 1
whole_number ROOM_PORT 1 65535 "make room ROOM_PORT=4300"
one_of ALL 0 1
set_up core
make_home
exec "$VENV/bin/python" -P -m workshop_kit.room.room

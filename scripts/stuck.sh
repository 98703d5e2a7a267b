#!/usr/bin/env bash
# Calls for help in the room, and says what make check or make doctor has found; OFF=1 takes it back.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
OFF=${OFF:-0}
one_of OFF 0 1
in_room stuck

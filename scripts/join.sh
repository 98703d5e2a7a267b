#!/usr/bin/env bash
# Joins the instructor's room: asks for its code, shows what will be sent, and asks whether to. SHOW=1: all that was ever sent.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
SHOW=${SHOW:-0}
one_of SHOW 0 1
in_room join

#!/usr/bin/env bash
# A bash with the kit's environment: `python task_server.py` and `python task_submitter.py` work in the examples' folders.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
make_home
compose_settings
set_up core
cd "$KIT"
give_back                    # a person's code runs here
TERM=${WORKSHOP_TERM:-$TERM} # its keys and its editor are a person's own
[ -t 0 ] || exec bash        # commands from a pipe
say 'the kit'\''s environment; for example: cd examples/ex2_task_servers && python task_server.py (exit leaves)'
exec bash --rcfile "$KIT/scripts/shellrc" -i

#!/usr/bin/env bash
# One more task server for the example that is running, in this terminal; Ctrl-C lets it finish its runs and ends it.
# With AT=HOST:PORT: for an example of another machine, which has a port for others.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
## AT=none: for make server: the address that make ex7 shows on another machine
asked_for server # exports CODE, LIMIT and the like; sets ex, docker, joins, model, launcher and number
name_ignored_settings
if [ "$docker" = 1 ]; then
  need_docker "$ex"
  compose_settings "$ex"
  say "one more task server joins example $ex, in a container; Ctrl-C ends it"
  exec "$VENV/bin/python" -P -m workshop_kit.launch.containers --server
fi
make_home
set_up core
there=
if [ "$joins" = 1 ]; then there=$("$VENV/bin/python" -P -m workshop_kit.joined join) || exit; fi
[ "$model" = 0 ] || choose_model
if [ "$REMOTE" = 1 ]; then need_remote; fi

name=$(kit state_files claim task_server "$number")
say "$name joins example $ex${there:+ at $there}; Ctrl-C ends it"
if [ -t 1 ] && [ "$TERM" != dumb ]; then export WORKSHOP_BOLD=1; fi
cd "$KIT"
# The Procfile's own line, in the environment that honcho gives it.
export HONCHO_PROCESS_NAME=$name WORKSHOP_LAUNCHER=$launcher
line=$(kit procfile "$ex" task_server)
# Each start of it is a session of its own there.
export JOINED_AT=$there JOINED_KEPT=$WORKSHOP_HOME/joined/joined.json
[ -z "$there" ] || line=${line/ python / python -P -m durable at --wait --kept \"\$JOINED_KEPT\" \"\$JOINED_AT\" python }
exec sh -c "exec $line"

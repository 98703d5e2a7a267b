#!/usr/bin/env bash
# One more task server for the example that is running, in this terminal; Ctrl-C lets it finish its runs and ends it.
# With AT=HOST:PORT: for example 7 of another machine.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
## AT=none: for make server: the address that make ex7 shows on another machine
there=
if read_example; then
  [ -z "${AT:-}" ] || fail "example $running_ex runs here, and AT means another machine" 'make stop; or another WORKSHOP_HOME'
  ex=$running_ex
  same_server
  same_port
elif [ -n "${AT:-}" ] || has_joined; then
  refuse_remote 'make server AT=…'
  make_home
  "$KIT/scripts/setup.sh" core
  there=$("$VENV/bin/python" -P -m workshop_kit.joined join) || exit
  ex=7 running_pid=''
elif [ "$REMOTE" = 1 ]; then
  ex=2 running_pid=''
else
  fail 'no example is running that a task server could join' 'make ex2 (in another terminal)'
fi
if [ "${running_docker:-0}" = 1 ]; then
  need_docker "$ex"
  compose_settings "$ex"
  say "one more task server joins example $ex, in a container; Ctrl-C ends it"
  exec "$VENV/bin/python" -P -m workshop_kit.launch.containers --server
fi
CODE=${running_code:-${CODE:-}} # what the example runs, so does this one
DOCKER=0 choose_code "$ex"
LIMIT=${LIMIT:-$(example "$ex" LIMIT)}
if [ "$ex" = 5 ]; then
  LLM=${LLM:-$running_llm}
  check_model
  choose_model
fi
whole_number LIMIT 1 1000 'make server LIMIT=1'
export LIMIT
make_home
"$KIT/scripts/setup.sh" core
if [ "$REMOTE" = 1 ]; then need_remote; fi

number=1
# The name is claimed by making its file: two terminals at once get two names.
until (set -o noclobber && : >"$WORKSHOP_HOME/run/task_server.$number.pids") 2>/dev/null; do
  if keeper_of "task_server.$number" >/dev/null || [ "$number" -le "${running_servers:-0}" ]; then
    number=$((number + 1))
  else
    rm -f "$WORKSHOP_HOME/run/task_server.$number.pids" # left by one that was killed
  fi
done
say "task_server.$number joins example $ex${there:+ at $there}; Ctrl-C ends it"
if [ -t 1 ] && [ "$TERM" != dumb ]; then export WORKSHOP_BOLD=1; fi
cd "$KIT"
# The Procfile's own line, in the environment that honcho gives it.
export HONCHO_PROCESS_NAME=task_server.$number WORKSHOP_LAUNCHER=$running_pid
line=$(sed -n 's/^task_server: //p' "$(procfile "$ex")")
# Each start of it is a session of its own there.
export JOINED_AT=$there JOINED_KEPT=$WORKSHOP_HOME/joined/joined.json
[ -z "$there" ] || line=${line/ python / python -P -m durable at --wait --kept \"\$JOINED_KEPT\" \"\$JOINED_AT\" python }
exec sh -c "exec $line"

#!/usr/bin/env bash
# Stops what the kit started in this WORKSHOP_HOME, from any terminal: the example, its servers, the background server.
# Runs in flight finish first (GRACE seconds at the most).
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"

if [ -d "$WORKSHOP_HOME" ] && { [ ! -x "$WORKSHOP_HOME" ] || [ ! -r "$WORKSHOP_HOME" ]; }; then
  fail "cannot read $WORKSHOP_HOME" "its owner's account"
fi
what=
tell_to_end() { # PID -> SIGTERM, and on with it if Ctrl-Z has stopped it with its whole group: it would hear nothing
  kill -TERM "$1" 2>/dev/null || true
  kill -CONT -- "-$(ps -o pgid= -p "$1" | tr -d ' ')" 2>/dev/null || true
}
starting() { # the process that is on its way to run an example, in another terminal: it may set up first
  local pid started
  if read -r pid started 2>/dev/null <"$WORKSHOP_HOME/run/starting" && is_alive "$pid" "$started"; then printf '%s\n' "$pid"; fi
}
if ! read_example && [ -n "$(starting)" ]; then
  what='an example that was starting'
  tell_to_end "$(starting)"
  wait_until_gone 10 "it to end" starting || true
fi
if read_example; then
  what="example $running_ex"
  tell_to_end "$running_pid"
  example_lives() {
    if is_alive "$running_pid" "$running_started"; then printf '%s launcher\n' "$running_pid"; fi
    leftovers
  }
  if ! wait_until_gone $((GRACE + 40)) "the example to end" example_lives; then kill -KILL "$running_pid" 2>/dev/null || true; fi
fi
if keeper_of background-server >/dev/null; then
  what="${what:+$what and }the background Prefect server"
  stop_kept background-server
fi
if [ -n "$(containers_left)" ]; then
  what="${what:+$what and }the containers"
  remove_containers
fi
if [ -n "$(leftovers)" ]; then what="${what:+$what and }what was left over"; fi
sweep
if [ -n "$what" ]; then say "stopped: $what"; else say 'nothing was running'; fi

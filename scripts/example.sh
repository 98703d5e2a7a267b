#!/usr/bin/env bash
# Runs an example in this terminal: checks what was typed and the ports, sets up what is missing, starts honcho.
#
#   scripts/example.sh EX      (make ex2, make ex3, …; SERVERS, LIMIT, … from the environment, else from its example.env)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ex=$1

need_example "$ex" 'make ex2'
[ -f "$(procfile "$ex")" ] || exec "$KIT/scripts/ex$ex.sh" # example 1 is a program that ends
SERVERS=${SERVERS:-$(example "$ex" SERVERS)} LIMIT=${LIMIT:-$(example "$ex" LIMIT)}
RESCUE=${RESCUE:-1}
one_of RESCUE 1 0
export RESCUE
FORCE=${FORCE:-0}
one_of FORCE 0 1
if [ "$FORCE" = 1 ]; then
  whole_number SERVERS 1 999 "make ex$ex SERVERS=2"
else
  whole_number SERVERS 1 32 "make ex$ex SERVERS=2 (FORCE=1 for more than 32)"
fi
whole_number LIMIT 1 1000 "make ex$ex LIMIT=1"
export LIMIT
if [ "$ex" = 5 ]; then check_model; fi

DOCKER=${DOCKER:-0}
one_of DOCKER 0 1
choose_code "$ex"
if [ "$DOCKER" = 1 ]; then
  [ "$(example "$ex" DOCKER)" = 1 ] || fail "example $ex has no Docker way" "make ex$ex (without DOCKER=1)"
  case ${DB:-} in *@127.0.0.1* | *@localhost* | *//127.0.0.1* | *//localhost*)
    fail 'in a container, the host in DB means the container itself' 'the same with host.docker.internal for this machine'
    ;;
  esac
  need_docker "$ex"
fi

name_ignored_settings
name_ignored_profile
make_home
if read_example; then
  fail "example $running_ex is running already in another terminal (pid $running_pid)" "$(example "$running_ex" SUBMIT) (from any terminal), or make stop"
fi
printf '%s %s\n' "$$" "$(started_at $$)" >"$WORKSHOP_HOME/run/starting" # for make stop, until run.py has claimed the example
sweep
group=core
# In Docker the example's packages are in the image.
[ "$DOCKER" = 1 ] || group=$(example "$ex" PACKAGES)
if [ -n "$OWN_CODE" ]; then # before anything that runs is stopped
  "$KIT/scripts/setup.sh" "$group"
  refuse_mistakes "$ex"
fi
if keeper_of background-server >/dev/null; then
  say "taking over the Prefect server that make ex1 left in the background; its runs are kept"
  stop_kept background-server
fi
need_free_ports "$ex"
"$KIT/scripts/setup.sh" "$group"
if [ "$ex" = 5 ] && [ "$DOCKER" = 0 ]; then choose_model; fi
if [ "$REMOTE" = 1 ]; then
  need_remote
  say "REMOTE=1: using $REMOTE_URL"
fi
if [ "$DOCKER" = 1 ]; then
  if [ "$ex" = 5 ]; then choose_model_in_docker; fi
  compose_settings "$ex"
  mark_containers
  exec "$VENV/bin/python" -P -m workshop_kit.launch.containers "$ex" "$((10#$SERVERS))"
fi
cd "$KIT"
[ -z "$OWN_CODE" ] || say "running your code in ${CODE#"$KIT/"}"
exec "$VENV/bin/python" -P -m workshop_kit.launch.start "$ex" "$((10#$SERVERS))"

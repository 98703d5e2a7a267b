#!/usr/bin/env bash
# Example 1: runs greeter.py in this terminal, with a Prefect server in the background, and prints the run's page.
#
# CODE=…   the folder of a greeter.py of yours
# NAME=…   whom to greet (default Marvin), exactly as typed
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
name_ignored_profile
case ${NAME-unset} in *[![:space:]]*) ;; *) fail 'NAME is empty' 'make ex1 NAME=Ford' ;; esac
DOCKER=0 choose_code 1
need_memory
make_home
"$KIT/scripts/setup.sh" core
refuse_mistakes 1
if [ "$REMOTE" = 1 ]; then
  need_remote
elif ! { read_example || keeper_of background-server >/dev/null; }; then
  sweep
  need_free_ports 1
  "$VENV/bin/python" -P -m workshop_kit.launch.start --background
elif ! server_is_healthy; then
  wait_until_gone 60 'the Prefect server' still_starting || fail 'the Prefect server does not answer' 'make status'
fi
cd "$KIT"
[ -z "$OWN_CODE" ] || say "running your code in ${CODE#"$KIT/"}"
printf '%s\n' "$CODE" >"$WORKSHOP_HOME/run/ex1.code" # for make check EX=1
exec "$VENV/bin/python" -P -m workshop_kit.commands.run_greeter

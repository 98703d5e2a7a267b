#!/usr/bin/env bash
# Runs an example that is a program and ends, in this terminal, with a Prefect server in the background, and prints its run's page.
#
#   scripts/program.sh EX      (make ex1: an example without a Procfile)
#
# CODE=…   a folder of yours with such a program
# NAME=…   whom to greet (default Marvin), exactly as typed
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ex=$1
asked_for program "$ex" # exports CODE and OWN_CODE; sets packages
name_ignored_settings
make_home
set_up "$packages"
refuse_mistakes "$ex"
if [ "$REMOTE" = 1 ]; then
  need_remote
elif ! { read_example || keeper_of background-server >/dev/null; }; then
  sweep
  need_free_ports "$ex"
  "$VENV/bin/python" -P -m workshop_kit.launch.start --background
else # at once, but where it is still starting
  kit prefect_api || fail 'the Prefect server does not answer' 'make status'
fi
cd "$KIT"
[ -z "$OWN_CODE" ] || say "running your code in ${CODE#"$KIT/"}"
printf '%s\n' "$CODE" >"$WORKSHOP_HOME/run/ex$ex.code" # for make check EX=…
exec "$VENV/bin/python" -P -m workshop_kit.commands.run_greeter "$ex"

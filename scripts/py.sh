#!/usr/bin/env bash
# Runs a module of workshop_kit with the kit's environment, after the set-up. What it needs is said in the module: see needs.py.
#
#   scripts/py.sh PACKAGE.NAME [ARGUMENT...]      (scripts/pythonpath/workshop_kit/PACKAGE/NAME.py)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
case ${2:-} in -h | --help) kit needs "$1" --help && exit ;; esac
name_ignored_settings
decided=$(kit needs "$1") || exit
read -r how group module ex at <<<"$decided"
shift
set_up "$group"
if [ "$REMOTE" = 1 ]; then
  make_home
  need_remote
fi
through=()
case $how in
  docker) compose_settings "$ex" ;;
  joins-docker) compose_settings "$ex" && export JOIN_AT=$at && through=(workshop_kit.joined run-in-docker) ;;
  joined) make_home && through=(workshop_kit.joined run) ;;
esac
# -P: a json.py in this folder must not hide Python's. Not PYTHONSAFEPATH: learners import what is beside their files.
exec "$VENV/bin/python" -P -m ${through[@]+"${through[@]}"} "workshop_kit.$module" "$@"

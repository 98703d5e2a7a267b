#!/usr/bin/env bash
# Runs a module of workshop_kit with the kit's environment, after the set-up.
#
#   scripts/py.sh ROOM.NAME [ARGUMENT...]      (scripts/pythonpath/workshop_kit/ROOM/NAME.py)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
module=$1 name=${1##*.} group=core
shift
name_ignored_settings
# Example 7, on another machine than its Prefect server's.
case $name in submit | submit_map | runs | cancel | watch | check | check_there | open_there)
  if [ "$REMOTE" = 0 ] && has_joined; then
    make_home
    "$KIT/scripts/setup.sh" core
    exec "$VENV/bin/python" -P -m workshop_kit.joined run "workshop_kit.$module" "$@"
  fi
  ;;
esac
case $name in # what talks to a server must not set up a machine just to find that none runs
  submit | submit_map | request_task)
    [ "$REMOTE" = 1 ] || read_example || fail 'nothing is running that could take it' 'make ex2 (in another terminal)'
    ;;
  signup)
    [ "$REMOTE" = 1 ] || read_example || fail 'make signup talks to example 4, which is not running' 'make ex4 (in another terminal)'
    ;;
  tour | demo)
    # Before the show: an installation in the middle of it would be a long silence.
    if [ "$name" = demo ] && [ "${DOCKER:-0}" != 1 ] && [ -n "${EX:-}" ]; then
      need_example "$EX" 'make demo EX=2' EX
      group=$(example "$EX" PACKAGES)
    fi
    refuse_remote "make $name"
    ;;
  learn) [ -z "${EX:-}" ] || { need_example "$EX" 'make learn EX=2' EX && group=$(example "$EX" PACKAGES); } ;;
  watch | check | db) refuse_remote "make $name" 'make runs REMOTE=1' ;;
  chaos | soak)
    refuse_remote "make $name"
    read_example || true
    case $name$running_ex${running_docker#0} in
      chaos6 | soak6) ;;
      chaos7) module=chaos.machines ;;
      *) fail "make $name works on example 6, which is not running" 'make ex6 (in another terminal)' ;;
    esac
    ;;
  pictures) group=dev ;; # Playwright
  rescue)
    refuse_remote 'make rescue'
    read_example || keeper_of background-server >/dev/null ||
      fail 'no Prefect server of the kit is running' 'make ex6 (in another terminal)'
    ;;
  runs | cancel)
    [ "$REMOTE" = 1 ] || read_example || keeper_of background-server >/dev/null ||
      fail 'no Prefect server of the kit is running' 'make ex1 or make ex2; or make db, which needs none'
    ;;
esac
read_example || true
same_server
case $name in submit | submit_map | request_task | signup | check | runs | cancel | watch | rescue | chaos | soak) same_port ;; esac
if [ "${running_docker:-0}" = 1 ]; then compose_settings "$running_ex"; fi
"$KIT/scripts/setup.sh" "$group"
if [ "$REMOTE" = 1 ]; then
  make_home
  need_remote
fi
# The containers of example 7 share no folder with this machine: it joins their port, as another machine does.
case $name${running_docker:-0}${running_at:-} in submit1?* | submit_map1?*)
  JOIN_AT=$running_at exec "$VENV/bin/python" -P -m workshop_kit.joined run-in-docker "workshop_kit.$module" "$@"
  ;;
esac
# -P: a json.py in this folder must not hide Python's. Not PYTHONSAFEPATH: learners import what is beside their files.
exec "$VENV/bin/python" -P -m "workshop_kit.$module" "$@"

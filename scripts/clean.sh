#!/usr/bin/env bash
# Stops everything and deletes the run data: WORKSHOP_HOME with the database, results, records and logs.
#
#   scripts/clean.sh [--all]     --all: .venv as well (make distclean)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"

# Only what the kit itself made: WORKSHOP_HOME may be a folder that holds other things too.
case $WORKSHOP_HOME in / | "$HOME" | "$KIT") fail "WORKSHOP_HOME=$WORKSHOP_HOME is no folder to delete from" 'make clean WORKSHOP_HOME=.workshop' ;; esac
refuse_remote 'make clean'
DOCKER=${DOCKER:-0}
one_of DOCKER 0 1
if [ "$DOCKER" = 1 ]; then need_docker; fi
"$KIT/scripts/stop.sh"
if [ "$DOCKER" = 1 ]; then
  for file in "$KIT"/docker/compose.ex*.yaml; do
    compose_settings
    COMPOSE_FILE=$file docker compose down --volumes --remove-orphans >/dev/null 2>&1 || true
  done
  docker image rm "$COMPOSE_PROJECT_NAME-kit" >/dev/null 2>&1 || true
  docker image prune --force --filter label=workshop-kit >/dev/null # earlier builds of it
  rm -f "$WORKSHOP_HOME/postgres-password"                          # of a volume that is gone now
  say 'the containers, volumes and the image of this kit are gone'
fi
[ -z "${DB:-}" ] || say "what PostgreSQL keeps stays; the kit deletes only its own files"
own=$(for ex in $(examples); do example "$ex" STATE; done)
for part in run logs prefect task-servers ui demo identity $own; do rm -rf "${WORKSHOP_HOME:?}/$part"; done
room_is_open || rm -rf "$WORKSHOP_HOME/room"
[ -f "$WORKSHOP_HOME/in-room/joined.json" ] || rm -rf "$WORKSHOP_HOME/in-room" # else make leave ends it
rmdir "$WORKSHOP_HOME" 2>/dev/null || true
if [ "${1:-}" = --all ]; then
  rm -rf "$VENV" "$KIT/.venv.lock"
  say 'clean; the set-up is gone too (make setup, or any command, makes it again)'
else
  say 'clean; the set-up stays (make distclean deletes it too)'
fi

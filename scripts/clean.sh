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
[ "$REMOTE" = 0 ] || fail 'make clean deletes data, and REMOTE=1 means a server of yours' 'make clean (without REMOTE=1) for the local data'
"$KIT/scripts/stop.sh"
[ -z "${DB:-}" ] || say "what PostgreSQL keeps stays; the kit deletes only its own files"
for part in run logs prefect task-servers ui redis mail marketing.db shipped; do rm -rf "${WORKSHOP_HOME:?}/$part"; done
rmdir "$WORKSHOP_HOME" 2>/dev/null || true
if [ "${1:-}" = --all ]; then
  rm -rf "$VENV" "$KIT/.venv.lock"
  say 'clean; the set-up is gone too (make setup, or any command, makes it again)'
else
  say 'clean; the set-up stays (make distclean deletes it too)'
fi

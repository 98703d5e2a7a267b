#!/usr/bin/env bash
# Opens the Prefect UI, or the page URL, in a browser, or prints its address where there is no browser.
#
#   scripts/open.sh [URL]      (make open: the Prefect UI)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
if [ $# -gt 0 ]; then
  url=$1
elif [ "$REMOTE" = 1 ]; then
  set_up core
  need_remote
  url=${REMOTE_URL%/api}
elif has_joined; then
  exec "$KIT/scripts/py.sh" commands.open_there
else
  read_example || keeper_of background-server >/dev/null || fail 'no Prefect server of the kit is running' 'make ex1 or make ex2'
  url=http://127.0.0.1:$PREFECT_PORT
fi
printf '%s\n' "$url"
for opener in "${BROWSER:-}" wslview open xdg-open; do # `open` is the one of macOS
  command -v "${opener:-none}" >/dev/null 2>&1 || continue
  [ "$opener" != open ] || [ "$(uname -s)" = Darwin ] || continue
  [ "$opener" != xdg-open ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || continue
  "$opener" "$url" >/dev/null 2>&1 && exit 0
done
exit 0 # an opener that fails is no error: the address was printed

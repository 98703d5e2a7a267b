#!/bin/sh
# What each container runs first. Each file in FOLDER becomes the variable of its name, for this process alone; then COMMAND.
#
#   entrypoint.sh FOLDER COMMAND...
#
# Files whose names are no variables' (kubernetes.io, redhat.repo) belong to somebody else. One that cannot be read, or is
# empty, is no start: without its password the Prefect server would let everybody in.
set -eu

refuse() { # WHAT REMEDY
  echo "error: $1. Try: $2" >&2
  exit 2
}

folder=$1
shift
for file in "$folder"/*; do
  name=${file##*/}
  case $name in *[!A-Za-z0-9_]* | [0-9]*) continue ;; esac
  if [ -d "$file" ]; then continue; fi
  value=$(cat "$file" 2>/dev/null) || refuse "the secret $name cannot be read by uid $(id -u)" 'let this user read its file'
  [ -n "$value" ] || refuse "the secret $name is empty" 'make secrets'
  export "$name=$value"
done
case "$*" in 'prefect server start'*)
  [ -n "${PREFECT_SERVER_API_AUTH_STRING:-}" ] || refuse 'this Prefect server would ask nobody for a password' 'pass the secret PREFECT_SERVER_API_AUTH_STRING'
  ;;
esac
unset WEB_CONCURRENCY # set by some hosts: each worker of the Prefect server would have a queue of its own
exec "$@"

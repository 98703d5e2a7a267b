#!/usr/bin/env bash
# What each container of the kit runs first: the kit's one environment, with the other containers' names for addresses,
# and the secrets from their files. Then COMMAND.
#
#   docker/entrypoint.sh COMMAND...
set -euo pipefail
secret() { # NAME -> exports it from /run/secrets/NAME, if something is in there
  local value
  [ -s "/run/secrets/$1" ] || return 0
  value=$(cat "/run/secrets/$1") || { # never without it: the API would ask for no password
    echo "error: the secret $1 cannot be read by uid $(id -u). Try: let this user read its file" >&2
    exit 2
  }
  export "$1=$value"
}
for name in DB PREFECT_API_KEY PREFECT_API_AUTH_STRING REDIS_URL SMTP_URL OPENAI_API_KEY JOIN_CODE; do secret "$name"; done
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/../scripts/env.sh"
help_if_asked "$@"
if [ -n "$OWN_REDIS" ]; then export REDIS_URL=redis://redis:6379; fi
if [ ! -s /run/secrets/SMTP_URL ]; then export SMTP_URL=smtp://mailbox:8003; fi
if [ "$REMOTE" = 0 ]; then
  export PREFECT_API_URL=http://prefect:4200/api PREFECT_UI_URL=${UI_URL:-} # the second is for the person's browser
  export PREFECT_SERVER_API_HOST=0.0.0.0                                    # in the container; published on 127.0.0.1
fi
# A container's name is what a person finds again in `docker compose ps`.
export TASK_SERVER_NAME=${TASK_SERVER_NAME:-$HOSTNAME}
make_home
exec "$@"

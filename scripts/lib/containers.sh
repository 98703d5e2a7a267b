# shellcheck shell=bash
# Docker: what the compose files read, and the containers of this WORKSHOP_HOME.

# What the compose files read, besides secrets. As the example was started, so that `docker compose up --scale` by hand
# changes nothing else.
COMPOSE_READS='REMOTE REMOTE_URL TUNED LIMIT GRACE WORK_SECONDS FAIL_RATE RESCUE MAX_RESCUES PYTHON_IMAGE REDIS_IMAGE POSTGRES_IMAGE PREFECT_PORT WEB_PORT
  LLM OPENAI_BASE_URL MARVIN_AGENT_MODEL ANSWER_SECONDS CACHE_SECONDS REQUIREMENTS
  LEASE_SECONDS STORAGE COMPOSE_JOIN_AT COMPOSE_JOIN_NAMES COMPOSE_POSTGRESES COMPOSE_FILE'

compose_reads() { # -> their names, and those of the examples' own ports
  printf '%s %s' "$COMPOSE_READS" "$(own_ports | cut -d ' ' -f 2 | tr '\n' ' ')"
}

compose_settings() { # [EX] -> what `docker compose` reads: which file, and a project of this WORKSHOP_HOME's own. Without EX:
  # for the containers that there are, whose file is known, or none
  local name value
  [ -n "${1:-}" ] || set -- "$(first_example_with DOCKER)"
  export COMPOSE_FILE=$KIT/docker/compose.ex$1.yaml
  # Of an example that others join; env.sh, which make shell reads once more, takes the first two for a leftover by their own names.
  export COMPOSE_JOIN_AT=${JOIN_AT:-} COMPOSE_JOIN_NAMES=${JOIN_NAMES:-} COMPOSE_POSTGRESES=1
  if [ -n "${DB:-}" ]; then COMPOSE_POSTGRESES=0; fi
  if [ -r "$WORKSHOP_HOME/run/compose" ]; then
    while IFS='=' read -r name value; do printf -v "$name" '%s' "$value"; done <"$WORKSHOP_HOME/run/compose"
  fi
  COMPOSE_PROJECT_NAME=workshop-$(printf '%s' "$WORKSHOP_HOME" | cksum | cut -d ' ' -f 1)
  for name in $(compose_reads); do [ -z "${!name:-}" ] || export "${name?}"; done
  export COMPOSE_PROJECT_NAME COMPOSE_PREFECTS=$((1 - REMOTE)) COMPOSE_RESCUERS=1 COMPOSE_JOIN_HOST
  COMPOSE_JOIN_HOST=$(uname -n) # which the other machines are told
  if [ "$REMOTE" = 1 ] || [ "${RESCUE:-1}" = 0 ]; then COMPOSE_RESCUERS=0; fi
  # What may hold a password travels as a secret; all must be set, if only to nothing.
  export SECRET_DB=${DB:-} SECRET_API_KEY='' SECRET_API_AUTH_STRING='' SECRET_REDIS_URL='' SECRET_SMTP_URL=''
  if [ "$REMOTE" = 1 ]; then SECRET_API_KEY=${PREFECT_API_KEY:-} SECRET_API_AUTH_STRING=${PREFECT_API_AUTH_STRING:-}; fi
  export SECRET_OPENAI_API_KEY='' SECRET_POSTGRES_PASSWORD=''
  if compose_file_reads SECRET_OPENAI_API_KEY; then SECRET_OPENAI_API_KEY=$(openai_settings && printf '%s' "${OPENAI_API_KEY:-}"); fi
  if [ "$COMPOSE_POSTGRESES" = 1 ] && compose_file_reads SECRET_POSTGRES_PASSWORD; then
    SECRET_POSTGRES_PASSWORD=$(postgres_password)
    SECRET_DB=postgresql://prefect:$SECRET_POSTGRES_PASSWORD@postgres/prefect
  fi
  case " $WORKSHOP_DERIVED " in *' REDIS_URL='*) ;; *) SECRET_REDIS_URL=${REDIS_URL:-} ;; esac
  case " $WORKSHOP_DERIVED " in *' SMTP_URL='*) ;; *) SECRET_SMTP_URL=${SMTP_URL:-} ;; esac
}

settings_of_containers() { # the same, if there may be containers: for workshop_kit/commands/stop.py
  if [ -r "$WORKSHOP_HOME/run/compose" ]; then compose_settings; fi
}

compose_file_reads() { grep -qs "$1" "$COMPOSE_FILE"; } # NAME -> whether it asks for that secret

postgres_password() { # -> that of an example's own PostgreSQL, made at the first call; its volume knows it until `make clean DOCKER=1`
  local file=$WORKSHOP_HOME/postgres-password
  if [ ! -s "$file" ]; then
    [ -e "$WORKSHOP_HOME/run/compose" ] || ! docker volume inspect "${COMPOSE_PROJECT_NAME}_postgres" >/dev/null 2>&1 ||
      fail "a volume of Docker's has this example's runs, and its password is gone from $file" 'make clean DOCKER=1 (deletes the run data)'
    (umask 077 && od -An -N 16 -tx1 /dev/urandom | tr -d ' \n' >"$file")
  fi
  cat "$file"
}

mark_containers() { # remember what compose_settings found: containers may be there from now on
  local name
  for name in $(compose_reads); do printf '%s=%s\n' "$name" "${!name:-}"; done >"$WORKSHOP_HOME/run/compose"
}

need_docker() { # [EX] -> fail unless Docker, its engine and Compose 2 are there
  local native="${1:+make ex$1 without DOCKER=1, which does the same without Docker}" version
  native=${native:-the same command without DOCKER=1}
  pass_outside
  command -v docker >/dev/null 2>&1 || fail 'Docker is not installed' "install it (docs.docker.com/get-docker); or $native"
  docker info >/dev/null 2>&1 || fail 'the Docker engine does not answer' "start Docker Desktop, or run sudo systemctl start docker; or $native"
  version=$(docker compose version --short 2>/dev/null) || version=missing
  case ${version#v} in [2-9]* | [1-9][0-9]*) ;; *) fail "Docker Compose 2 is needed, and it is $version here" "install docker-compose-plugin; or $native" ;; esac
}

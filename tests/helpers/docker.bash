# shellcheck shell=bash
# What the files that need a Docker engine (*_docker.bats) share, beyond base.bash.

# For setup_file: own_kit for the file, and the project's name that the kit gives it.
own_docker() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR LIMIT_S=120
  COMPOSE_PROJECT_NAME=workshop-$(printf '%s' "$WORKSHOP_HOME" | cksum | cut -d ' ' -f 1)
  export COMPOSE_PROJECT_NAME
}

# For setup_file: the PostgreSQL of example 7. Where its image cannot be pulled, Debian's is built under that name.
need_postgres_image() {
  local image=${POSTGRES_IMAGE:-postgres:17-alpine}
  docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 ||
    docker build --quiet --tag "$image" --build-arg "BASE=${PYTHON_IMAGE:-python:3.13-slim}" - <"$KIT/tests/docker/postgres.Dockerfile"
}

# For teardown_file: make clean DOCKER=1, and nothing of the project is left.
clean_docker() {
  GRACE=5 "${PROCESS[@]}" limit 100 make -C "$KIT" clean DOCKER=1
  is "$(containers)" '' 'containers left'
  is "$(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")" '' 'volumes left'
  is "$(docker images --quiet "$COMPOSE_PROJECT_NAME-kit")" '' 'images left'
  no_leaks
}

# EX [VARIABLE=VALUE...] -> make exN DOCKER=1, and ready. The first build installs the packages.
start_in_docker() {
  local ex=$1
  shift
  start stack make "ex$ex" DOCKER=1 "$@"
  within 400 grep -q '^ready\|^error' "$stack_log"
  grep -q '^ready' "$stack_log" || {
    cat "$stack_log" "$WORKSHOP_HOME"/logs/docker-*.log
    return 1
  }
}
# [SERVICE] -> the ids of the project's containers, or of a service's running ones
containers() { docker ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"; }
container() { docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=$1" | head -n 1; }
# ID COMMAND -> kill -9 of that container's `python` or `uvicorn`, once it is there
kill_in_container() {
  local id=$1 command=$2
  within 60 eval 'docker top "$id" -o pid,comm | grep -q " $command"'
  # With its process the container dies, and with that the shell that killed it.
  docker exec "$id" bash -c 'for p in /proc/[0-9]*; do [ "$(cat "$p/comm")" != "$0" ] || kill -9 "${p#/proc/}"; done' "$command" || true
}

# kill -9 of make exN leaves the containers: make status says so, make stop ends them.
kill_launcher_and_stop() {
  local launcher
  launcher=$(launcher)
  kill -KILL "$launcher"
  within 30 gone "$launcher"
  try make status
  is "$status" 2 'exit code'
  has 'make stop'
  ok make stop
  is "$(containers)" '' 'containers left'
}

# For teardown: after a failed test, what a person would ask first. Nobody can look into the machine of a CI afterwards.
show_containers() {
  [ -z "${BATS_TEST_COMPLETED:-}" ] || return 0
  local id
  for id in $(containers); do
    docker inspect --format '{{.Name}}: {{.State.Status}} since {{.State.StartedAt}}, {{.RestartCount}} restarts' "$id"
    docker top "$id" -o pid,etime,time,args || true
    docker logs --tail 5 "$id"
  done
  uptime
  df -h "$WORKSHOP_HOME"
  ps axo pid,pcpu,stat,etime,args | sort -k 2 -rn | cut -c 1-120 | head -n 12
}
# -> this machine's address on Docker's own network: a container reaches it, nobody else does
docker_gateway() { docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'; }

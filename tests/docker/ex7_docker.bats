#!/usr/bin/env bats
# Example 7 in containers, with its runs in PostgreSQL; and task servers of other machines, in Docker and not, which join its
# port. Needs a Docker engine (make test-docker).
# bats file_tags=docker

load ../helpers/base
load ../helpers/docker

setup_file() {
  own_docker
  need_postgres_image
}
teardown() { show_containers; }
teardown_file() {
  AT=none JOIN_CODE=none elsewhere down --rmi local
  docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME-db" | xargs docker stop --time 5 || true
  clean_docker
  not_there "$WORKSHOP_HOME/postgres-password"
}

# COMMAND... -> runs it as on another machine, which has a WORKSHOP_HOME of its own
on_another() { WORKSHOP_HOME=$BATS_FILE_TMPDIR/another "$@"; }
# What the containers of another machine are: a project, a network and an image of their own.
elsewhere() { COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME-elsewhere docker compose --progress quiet --file "$KIT/docker/elsewhere.ex7.yaml" "$@"; }
said_elsewhere() { AT=none JOIN_CODE=none elsewhere logs --no-log-prefix | tr -d '\033' | sed 's/^\[2K//'; } # Compose writes an escape before each line
# What the stack says when it is ready
address() { sed -n 's/^another machine joins with: make server AT=//p' "$LOG_DIR/stack.log"; }
code() { sed -n 's/^the code it asks for: //p' "$LOG_DIR/stack.log"; }
# Codes that are none: the password is another, the port is another's
another_password() { printf '0000-0000-0000-%s' "$(code | cut -c 16-)"; }
another_machine() { printf '%s0000-0000-0000' "$(code | cut -c 1-15)"; }
# The example on Docker's own network: the other containers reach its port, and nobody else does.
start_ex7() { start_in_docker 7 SERVERS=1 "LISTEN=$(docker_gateway)" && within 10 grep -q '^the code it asks for' "$stack_log"; }
all_completed() { is "$(count_in_state COMPLETED)" "$(api /task_runs/count '{}')" 'completed runs'; }

@test "make ex7 DOCKER=1 shows the address and the code; submit, runs, watch, status, check and db as without Docker" {
  start_ex7
  is "$(address)" "$(docker_gateway):$((PREFECT_PORT + 43))" 'address'
  is "$(code)" "$(docker exec "$(container prefect)" cat /data/port/code)" 'code'
  ok make submit NAME='Ford $(x) "🙂"'
  has 'Hello, Ford $(x) "🙂"! This is '
  has "http://127.0.0.1:$PREFECT_PORT/runs/task-run/"
  ok make submit-map N=6
  has '6 of 6 runs completed'
  ok make submit WAIT=0
  within 20 all_completed
  is "$(count_in_state COMPLETED)" 8 'completed runs'
  ok make runs
  is "$(grep -c "ex7.greet.*Completed.*$(container task-server)" <<<"$output")" 8 'runs by the task server in its container'
  ok make watch ONCE=1
  has 'example 7'
  has "$(container task-server)"
  ok make status
  has 'example 7 runs in Docker'
  has "make server AT=$(address), with the code $(code)"
  ok make check
  has 'every promise holds'
  has '✓ without the code it answers nothing but its health'
  has '✓ what is stored for other machines is plain JSON'
  has '- no other machine has joined yet'
  ok make db SQL='select version()'
  has 'PostgreSQL'
  start more make server
  within 60 eval '[ "$(task_servers)" -eq 2 ]'
  kill -INT -- "-$more_pid"
  within 60 eval '[ "$(task_servers)" -eq 1 ]'
}

@test "docker compose up --scale in make shell adds task servers, and changes nothing else" {
  local before servers
  before=$(container prefect)$(container postgres)
  for servers in 2 1; do
    in_make_shell "docker compose up --detach --scale task-server=$servers"
    is "$status" 0 'exit code'
    within 60 eval '[ "$(task_servers)" -eq "$servers" ]'
  done
  is "$(container prefect)$(container postgres)" "$before" 'containers of Prefect and PostgreSQL'
}

@test "the containers: one port for others and the rest on 127.0.0.1, no root, a limit of memory, the password nowhere" {
  local id password
  is "$(listens_on "$PREFECT_PORT")" "127.0.0.1:$PREFECT_PORT" 'listening addresses'
  is "$(listens_on "$((PREFECT_PORT + 43))")" "$(address)" 'listening addresses for others'
  is "$(docker port "$(container postgres)")" '' 'ports of PostgreSQL outside of its network'
  for service in prefect task-server rescuer postgres; do
    id=$(container "$service")
    is "$(docker inspect --format '{{.HostConfig.Init}} {{gt .HostConfig.Memory 0}}' "$id")" 'true true' "init and memory limit of $service"
  done
  for service in prefect task-server rescuer; do
    compare "$(docker exec "$(container "$service")" id -u)" != 0 "user in the container of $service"
  done
  password=$(cat "$WORKSHOP_HOME/postgres-password")
  compare "${#password}" -ge 32 'length of the password'
  is "$(find "$WORKSHOP_HOME/postgres-password" -perm 600)" "$WORKSHOP_HOME/postgres-password" 'file that its owner alone may read'
  never eval 'docker inspect $(containers) | grep -qF "$password"'
  never eval 'docker compose --project-name "$COMPOSE_PROJECT_NAME" logs 2>&1 | grep -qF "$password"'
  is "$(grep -rlF "$password" "$WORKSHOP_HOME" "$LOG_DIR/stack.log")" "$WORKSHOP_HOME/postgres-password" 'files with the password'
  never eval 'ps axww -o command= | grep -v grep | grep -qF "$password"'
  # The Prefect server alone is told, and not the task servers.
  docker exec "$(container prefect)" cat /run/secrets/DB | grep -qF "$password"
  never eval 'docker exec "$(container task-server)" bash -c "cat /run/secrets/* /proc/[0-9]*/environ" | grep -qaF "$password"'
}

@test "task servers in Docker on another machine join with the code, and take a share of make submit-map" {
  AT=$(address) JOIN_CODE=$(code)
  export AT JOIN_CODE
  elsewhere up --build --detach --scale task-server=2
  within 60 eval '[ "$(task_servers)" -eq 3 ]'
  ok make submit-map N=20
  has '20 of 20 runs completed'
  has 'by 3 task server(s)'
  ok make check
  has 'every promise holds'
  is "$(grep -c '^- joined: [0-9a-f]*, from .*; 1 task server' <<<"$output")" 2 'machines that have joined'
  has '✓ the newest 20 runs are spread over task servers: 3'
  never eval 'docker inspect $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME-elsewhere") | grep -qF "$JOIN_CODE"'
}

@test "kill -9 of the Prefect server in its container, with runs in flight here and elsewhere: all come back, none is lost" {
  ok make submit-map N=30 WAIT=0
  kill_in_container "$(container prefect)" python
  within 60 curl -sf "$API/health"
  within 90 all_completed
  within 60 eval '[ "$(task_servers)" -eq 3 ]'
  ok make submit-map N=6
  has '6 of 6 runs completed'
}

@test "docker compose stop elsewhere finishes its runs; a wrong code, and none, is one line there" {
  ok make submit-map N=12 WAIT=0
  AT=none JOIN_CODE=none elsewhere stop
  within 30 eval '[ "$(task_servers)" -eq 1 ]'
  within 30 all_completed
  is "$(said_elsewhere | grep -c 'Stopped; nothing is in flight')" 2 'task servers that finished their runs'
  AT=none JOIN_CODE=none elsewhere down
  try env -u AT JOIN_CODE=none docker compose --file docker/elsewhere.ex7.yaml config
  compare "$status" != 0 'exit code without AT'
  has 'export AT=192.0.2.7:4243'
  AT=$(address) JOIN_CODE=$(another_password) elsewhere up --detach
  within 30 eval 'said_elsewhere | grep -q "^error: .* Try: enter the code "'
  is "$(said_elsewhere | grep -cv '^error: .* Try: enter the code ')" 0 'other lines than the refusal'
  is "$(task_servers)" 1 'task servers'
  AT=none JOIN_CODE=none elsewhere down
}

@test "a clone of the kit joins by make server AT=…, and submits; a wrong code, and a wrong address, are one line" {
  JOIN_CODE=$(another_password) on_another refused 'enter the code it shows now' make server AT="$(address)"
  JOIN_CODE=$(another_machine) on_another refused 'Nothing was sent' make server AT="$(address)"
  JOIN_CODE=$(code) on_another refused 'the port that the other machine shows' make server AT="$(docker_gateway):$((PREFECT_PORT + 44))"
  JOIN_CODE=$(code) on_another start joined make server AT="$(address)"
  within 60 eval '[ "$(task_servers)" -eq 2 ]'
  grep -qF "joined $(uname -n) ($(address)) as $(uname -n)-2" "$joined_log"
  on_another ok make submit NAME=Trillian
  has 'Hello, Trillian!'
  ok make submit-map N=20
  has 'by 2 task server(s)'
  has "task_server.1 on $(uname -n)-2"
  ok make check
  has "- joined: $(uname -n)-2, from "
  has 'every promise holds'
  on_another ok make check
  has 'every promise holds'
  on_another ok make leave
  within 30 eval '[ "$(task_servers)" -eq 1 ]'
  within 30 gone "$joined_pid"
}

@test "make stop, and make ex7 again: the same code, and the runs are there; kill -9 of make ex7 leaves what make stop ends" {
  local before code
  before=$(count_in_state COMPLETED) code=$(code)
  ok make stop
  is "$(containers)" '' 'containers left'
  no_leaks
  start_ex7
  is "$(code)" "$code" 'code'
  is "$(count_in_state COMPLETED)" "$before" 'completed runs'
  ok make submit
  kill_launcher_and_stop
}

@test "DB: a PostgreSQL of one's own, and no container with one; its password shows nowhere" {
  local port=$((WEB_PORT + 4)) own gateway
  gateway=$(docker_gateway)
  printf 'hunter2' >"$BATS_TEST_TMPDIR/password"
  chmod 644 "$BATS_TEST_TMPDIR/password"
  own=$(docker run --detach --rm --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME-db" --publish "$gateway:$port:5432" --volume "$BATS_TEST_TMPDIR/password:/password:ro" \
    --env POSTGRES_USER=ford --env POSTGRES_DB=runs --env POSTGRES_PASSWORD_FILE=/password "${POSTGRES_IMAGE:-postgres:17-alpine}")
  within 30 docker exec "$own" pg_isready --host 127.0.0.1
  export DB="postgresql://ford:hunter2@$gateway:$port/runs"
  start_ex7
  is "$(container postgres)" '' 'containers with a PostgreSQL'
  ok env -u DB make submit
  has 'Hello, Marvin!'
  is "$(docker exec "$own" psql --host /var/run/postgresql --username ford --dbname runs --tuples-only --no-align --command 'select count(*) from task_run')" 1 'runs in that database'
  ok make check
  has 'every promise holds'
  never grep -q hunter2 "$LOG_DIR/stack.log"
  never eval 'docker inspect $(containers) | grep -q hunter2'
  ok make stop
  docker stop --time 5 "$own"
}

@test "an address that is another machine's, a server of one's own, code of one's own, PostgreSQL on 127.0.0.1, a lost password: one line each" {
  refused "make ex7 LISTEN=" make ex7 DOCKER=1 LISTEN=203.0.113.9
  refused 'without REMOTE=1' env PREFECT_API_URL=http://192.0.2.1:4200/api make ex7 DOCKER=1 REMOTE=1
  refused 'host.docker.internal' env DB=postgresql://u:secret@127.0.0.1/kit make ex7 DOCKER=1
  has_not secret
  refused 'without DOCKER=1' make ex7 DOCKER=1 CODE=docker
  mv "$WORKSHOP_HOME/postgres-password" "$BATS_TEST_TMPDIR/"
  refused 'make clean DOCKER=1' make ex7 DOCKER=1 "LISTEN=$(docker_gateway)"
  mv "$BATS_TEST_TMPDIR/postgres-password" "$WORKSHOP_HOME/"
  not_there "$WORKSHOP_HOME/run/example" "$WORKSHOP_HOME/run/compose"
}

@test "the page's own Docker section, from its first command to its last" {
  ok make stop
  LIMIT_S=400 ok make demo EX=7 DOCKER=1 AUTO=1
  has 'every promise of examples/ex7_many_machines/README.md came true'
}

@test "the image of a kit that was cloned under umask 077: its user reads and runs all that is in it" {
  local image=$COMPOSE_PROJECT_NAME-umask
  (umask 077 && copy_kit "$BATS_TEST_TMPDIR/kit" docker)
  LIMIT_S=300 ok docker build --quiet --tag "$image" --build-arg "PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.13-slim}" --build-arg REQUIREMENTS=core \
    --file "$BATS_TEST_TMPDIR/kit/docker/Dockerfile" "$BATS_TEST_TMPDIR/kit"
  try docker run --rm "$image" find . ! -readable -o -path './scripts/bin/*' ! -executable
  docker rmi --force "$image" >/dev/null
  is "$status $output" '0 ' 'what it may not read or run'
}

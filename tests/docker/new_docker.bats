#!/usr/bin/env bats
# The project of make new in containers: healthy within a minute, nothing lost when it is killed inside, and the proofs of its
# page "before production". Needs a Docker engine (make test-docker).
# bats file_tags=docker

load ../helpers/base
load ../helpers/docker
load ../helpers/new

setup_file() {
  own_docker
  need_postgres_image
  new_project "$BATS_FILE_TMPDIR" "shop_$((PREFECT_PORT))" # the name of its image, too
  export PROJECT IN_PROJECT
  umask 077 # cloned so, too, its files belong to their owner alone; and the containers' users are others
  chmod -R go= "$PROJECT"
  "$IN_PROJECT" make secrets
  LIMIT_S=400 ok "$IN_PROJECT" docker compose build
}
teardown() { show_containers; }
teardown_file() {
  "$IN_PROJECT" docker compose down --timeout 5 --volumes
  docker rmi "${PROJECT##*/}"
  is "$(containers)" '' 'containers left'
  is "$(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")" '' 'volumes left'
  no_leaks
}

# -> how many runs are Completed, of all that there are; with the password
completed_of_all() {
  local state
  for state in '{"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}' '{}'; do
    curl -sf --max-time 10 -u "$(cat "$PROJECT/secrets/prefect_auth")" -H 'Content-Type: application/json' -d "$state" "$API/task_runs/count"
    echo
  done | paste -sd ' ' -
}

# LINE -> whether it is one of the metrics
metrics_say() { curl -s "http://127.0.0.1:$((WEB_PORT + 1))/metrics" | grep -qxF "$1"; }

@test "docker compose up --wait is healthy within a minute of a built image; a sign-up; metrics" {
  local began=$SECONDS
  LIMIT_S=100 ok "$IN_PROJECT" docker compose up --wait
  compare "$((SECONDS - began))" -le 60 'seconds until healthy'
  is "$(sign_up ford)" 201 'answer'
  within 20 states_are Completed
  is "$(sign_up ford)" 409 'answer for an address that is taken'
  within 30 metrics_say 'durable_task_servers_alive 2.0'
}

@test "kill -9 of a task server and of the Prefect server in their containers, under 30 sign-ups: nothing is lost" {
  local number left before
  before=$(completed_of_all)
  for number in $(seq 30); do
    case $number in
      8) docker exec "$(container task-server)" sh -c 'kill -9 -1' || true ;;
      16) docker exec "$(container prefect)" sh -c 'kill -9 -1' || true ;;
    esac
    within 60 eval '[ "$(sign_up "user$number")" = 201 ]' # 503 while it is away
    runs
  done >"$BATS_TEST_TMPDIR/runs"
  is "$(wc -w <"$BATS_TEST_TMPDIR/runs" | tr -d ' ')" 90 'runs of those who have signed up'
  read -ra left <<<"$(paste -sd ' ' "$BATS_TEST_TMPDIR/runs")"
  for number in "${left[@]}"; do
    # Cached: its end never reached the Prefect server that was killed, so it was run again, and found its result.
    within 60 eval 'curl -sf "$WEB/runs/$number" | grep -qE "\"state\":\"(Completed|Cached)\""' || fail_with "lost: $number $(curl -s "$WEB/runs/$number")"
  done
  is "$(containers | xargs docker inspect --format '{{.RestartCount}}' | sort -rn | head -n 2 | paste -sd ' ' -)" '1 1' 'restarts of those that were killed'
}

@test "the containers: on 127.0.0.1 alone, no root, limits, a root that cannot be written to, the passwords nowhere" {
  local id secret
  for id in $(containers); do
    is "$(docker inspect --format '{{json .HostConfig}}' "$id" | json 'd["Init"], d["ReadonlyRootfs"], d["Memory"] > 0, d["NanoCpus"], d["PidsLimit"], d["CapDrop"]')" \
      "True True True 1000000000 200 ['ALL']" "limits of $id"
    compare "$(docker exec "$id" id -u)" != 0 "user in $id"
  done
  for id in "$PREFECT_PORT" "$WEB_PORT" "$((WEB_PORT + 1))"; do is "$(listens_on "$id")" "127.0.0.1:$id" 'listening addresses'; done
  for secret in "$PROJECT"/secrets/*; do
    never eval 'containers | xargs docker inspect | grep -qF "$(cat "$secret")"'
    never eval '"$IN_PROJECT" docker compose logs 2>&1 | grep -qF "$(cat "$secret")"'
  done
  is "$(find "$PROJECT/secrets" -maxdepth 0 -perm 700)" "$PROJECT/secrets" 'folder that its owner alone may read'
}

@test "without its password the Prefect server does not start" {
  try docker run --rm "${PROJECT##*/}" prefect server start
  is "$status" 2 'exit code'
  is "$output" 'error: this Prefect server would ask nobody for a password. Try: pass the secret PREFECT_SERVER_API_AUTH_STRING' 'what it says'
}

# TEXT [COMMAND-OF-THE-PAGE-BEGINS] -> a proof of the page: what it begins with is typed as it stands there; TEXT is in its output
proof() {
  local command
  command=$("$PYTHON_OF_TESTS" - "$PROJECT/PRODUCTION.md" "$2" <<'PYTHON'
import re, sys
from pathlib import Path

proofs = [proof for line in Path(sys.argv[1]).read_text().splitlines() if line.startswith("| ") for proof in re.findall("`([^`]+)`", re.split(r"(?<!\\)\|", line)[3])]
(command,) = [proof.replace(r"\|", "|") for proof in proofs if proof.startswith(sys.argv[2])]
print(command)
PYTHON
  )
  command=$(sed "s/localhost:4200/127.0.0.1:$PREFECT_PORT/; s/localhost:9400/127.0.0.1:$((WEB_PORT + 1))/" <<<"$command")
  # shellcheck disable=SC2016
  try "$IN_PROJECT" bash -c 'A=$(cat secrets/prefect_auth); '"$command"
  has "$1"
  proofs=$((${proofs:-0} + 1))
}

@test "the proofs of the page, as they stand there" {
  proof 'task-server-1' "docker compose exec -T task-server sh -c 'kill"
  within 30 eval '[ "$("$IN_PROJECT" docker compose ps --quiet task-server | wc -l)" -eq 2 ]'
  proof 'nothing is in flight' 'docker compose restart'
  proof '(1 row)' 'docker compose exec -T postgres psql'
  proof 'Unauthorized' 'curl -sX'
  proof "$(completed_of_all | cut -d ' ' -f 2)" 'curl -su'
  proof '' "docker compose ps --format"
  is "$output" '' 'ports on other addresses'
  proof '2' 'docker compose ps --quiet'
  proof '' 'docker compose run'
  is "$status" 0 'exit code: nothing is lost'
  within 30 metrics_say 'durable_task_servers_alive 2.0' # it looks every 5 s
  proof 'durable_task_servers_alive 2.0' 'curl -s localhost:9400'
  proof '' 'docker compose exec -T postgres pg_dump'
  is "$status" 0 'exit code of the backup'
  compare "$(wc -c <"$PROJECT/runs.dump")" -gt 10000 'bytes of the database'
  tar tf "$PROJECT/data.tar" | grep -q '^./users.db$'
  # What comes after the backup is gone when it is restored, and what was before is there.
  local before
  before=$(completed_of_all)
  is "$(sign_up later)" 201 'answer'
  within 20 states_are Completed
  proof '' 'docker compose stop prefect'
  is "$status" 0 'exit code of the restoring'
  within 60 eval '[ "$(completed_of_all)" = "$before" ]'
  is "$(sign_up later)" 201 'answer for who was not in the backup'
  proof 'older than 30.0 days' 'docker compose logs housekeeper'
  proof 'Read-only file system' 'docker compose exec -T app sh'
  has 1000
  # All but the tests of the project, and the address of your own.
  is "$(grep -o '`' < <(sed -n '/^| what /,$p' "$PROJECT/PRODUCTION.md" | sed 's/\\|//g' | awk -F'|' '{ print $4 }') | wc -l | tr -d ' ')" "$(((proofs + 2) * 2))" 'code of the column'
}

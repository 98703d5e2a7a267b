#!/usr/bin/env bats
# Example 5 in containers, with each of its models. Needs a Docker engine (make test-docker).
# bats file_tags=docker

load ../helpers/base
load ../helpers/docker

KEY=sk-test-5f0c0d1e2a9b4c77

setup_file() { own_docker; }
teardown() { show_containers; }
teardown_file() { clean_docker; }

@test "the stand-in: make ask, status, runs and check are the same as without Docker" {
  start_in_docker 5 SERVERS=2
  grep -q '^LLM=canned in the containers' "$stack_log"
  ok make ask Q='What is $(life)? "🙂"'
  has 'What is $(life)? "🙂"'
  has 'answered by canned'
  ok make status
  has 'example 5 runs in Docker'
  has '2 subscribed'
  ok make runs N=1
  has 'marvin.answer_question'
  ok make check EX=5
  has 'every promise holds'
  refused 'make ask Q=' make submit
  is "$(listens_on "$WEB_PORT")" "127.0.0.1:$WEB_PORT" 'listening addresses'
  compare "$(docker exec "$(container web)" id -u)" != 0 'user in the container'
  ok make stop
  is "$(containers)" '' 'containers left'
  no_leaks
}

@test "OpenAI's API, over real HTTP, with a key that shows nowhere" {
  local gateway stub
  gateway=$(docker_gateway)
  stub=http://$gateway:$((WEB_PORT + 1))
  refused 'host.docker.internal' env LLM=openai OPENAI_API_KEY="$KEY" OPENAI_BASE_URL=http://127.0.0.1:1/v1 make ex5 DOCKER=1
  refused 'OPENAI_API_KEY' make ex5 DOCKER=1 LLM=openai
  start stub "$PYTHON_OF_TESTS" tests/examples/openai_stub.py $((WEB_PORT + 1)) "$KEY" "$gateway"
  within 30 curl -sf "$stub/seen"
  printf 'OPENAI_API_KEY=%s\nexport OPENAI_BASE_URL="%s/v1"\n' "$KEY" "$stub" >"$BATS_TEST_TMPDIR/openai.env"
  OPENAI_ENV_FILE=$BATS_TEST_TMPDIR/openai.env start_in_docker 5 SERVERS=1
  ok make ask Q='Are you there?'
  has 'answered by openai:gpt-4o-mini'
  kill "$stub_pid"
  never grep -qF "$KEY" "$stack_log"
  never eval 'docker inspect $(containers) | grep -qF "$KEY"'
  never eval 'docker history --no-trunc "$COMPOSE_PROJECT_NAME-kit" | grep -qF "$KEY"'
  ps axww -o command= >"$BATS_TEST_TMPDIR/processes"
  never eval 'grep -v openai_stub "$BATS_TEST_TMPDIR/processes" | grep -qF "$KEY"'
  never docker exec "$(container web)" test -e /run/secrets/OPENAI_API_KEY
  # In what Prefect keeps of the run: parameters, settings, result, database.
  never docker exec "$(container task-server)" grep -rqF "$KEY" /data
  ok make stop
}

@test "the local model really answers in a container" {
  start_in_docker 5 SERVERS=1 LLM=local
  ok make ask Q='What is a towel for?'
  has 'answered by local:smollm2-135m'
  has 'note: a very small model'
}

@test "the page's own Docker section, from its first command to its last" {
  ok make stop
  LIMIT_S=400 ok make demo EX=5 DOCKER=1 AUTO=1
  has '✓ every promise of examples/ex5'
}

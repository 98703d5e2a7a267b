#!/usr/bin/env bats
# Example 5 with LLM=openai, against a server of our own that speaks OpenAI's API over HTTP. One stack for the whole file.
# bats file_tags=ex5,long

load ../helpers/base

KEY=sk-test-5f0c0d1e2a9b4c77

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  STUB=http://127.0.0.1:$((WEB_PORT + 1))
  export STUB
  start stub "$PYTHON_OF_TESTS" tests/examples/openai_stub.py $((WEB_PORT + 1)) "$KEY"
  within 30 curl -sf "$STUB/seen"
  # The key as the tutorial has it, in a file; a test of the file in its own place is below.
  printf 'OPENAI_API_KEY=%s\nexport OPENAI_BASE_URL="%s/v1"\n' "$KEY" "$STUB" >"$BATS_FILE_TMPDIR/openai.env"
  export OPENAI_ENV_FILE=$BATS_FILE_TMPDIR/openai.env MARVIN_AGENT_MODEL=openai:little-model:1b ANSWER_SECONDS=2
  start_example 5 SERVERS=1
}
teardown_file() {
  kill "$stub_pid"
  stop_and_check
}

plan() { curl -sf -d "$1" "$STUB/plan" >/dev/null; }
seen() { [ "$(curl -sf "$STUB/seen" | json '" ".join(map(str, d))')" = "$1" ]; }

@test "a key or an address makes it the default; the model answers through Marvin, and the answer says which" {
  grep -q '^LLM=openai: openai:little-model:1b answers' "$stack_log"
  plan '[]'
  ok make ask Q='Are you there?'
  has 'answer 2 of the stub'
  has 'answered by openai:little-model:1b; tone: hostile'
  seen 'answer answer'
  # Again within the minute: from the cache.
  ok make ask Q='Are you there?'
  has ' s Cached'
  seen 'answer answer'
}

@test "429, 500, a broken stream and words instead of a tool call: asked again later" {
  plan '["answer", 429, 500]'
  ok make ask Q='Is it busy?'
  has ' s AwaitingRetry'
  has 'answered by openai'
  seen 'answer 429 500 answer answer'
  plan '["cut"]'
  ok make ask Q='Is it cut?'
  plan '["words", "words"]'
  ok make ask Q='Is it chatty?'
  seen 'words words answer answer'
}

@test "a server that hangs, or drips without end: given up after ANSWER_SECONDS, and asked again" {
  plan '["hang"]'
  ok make ask Q='Is it hanging?'
  seen 'hang answer answer'
  plan '["drip"]'
  ok make ask Q='Is it dripping?'
  seen 'drip answer answer'
  is "$(grep -c 'the model did not answer in 2 s' "$stack_log")" 2 'lines with "the model did not answer in 2 s"'
}

@test "a server that stays broken: Failed after the third retry, with its reason" {
  plan '[500, 503, 500, 500]'
  try make ask Q='Is it broken?'
  has "failed: Task run encountered an exception ModelFailed: the model's server answered 500"
  seen '500 503 500 500'
  local id
  id=$(sed -n 's/^asked *//p' <<<"$output")
  is "$(curl -s -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' "$WEB/answer/$id")" 500 'HTTP status'
  json 'd["message"]' <"$BATS_TEST_TMPDIR/answer" | grep -q 'answered 500'
}

@test "a wrong key, and a model that does not exist: one line, asked once, and the key is in none" {
  plan '["refuse"]'
  try make ask Q='Is the key right?'
  has "the model's server answered 401: Incorrect API key provided: ***. (OPENAI_API_KEY is wrong)"
  has_not "$KEY"
  seen 'refuse'
  is "$(grep -c 'answered 401' "$stack_log")" 1 'lines with "answered 401"'
  plan '[404]'
  try make ask Q='Is the model there?'
  has 'MARVIN_AGENT_MODEL or OPENAI_BASE_URL is wrong'
  seen '404'
}

@test "the key is in no log, no process list, no parameter, no result and no database" {
  ok make ask Q='Where is the key?'
  never grep -rqF "$KEY" "$WORKSHOP_HOME" "$stack_log"
  # shellcheck disable=SC2009
  never eval 'ps axww -o args= | grep -v "openai_stub.py\|grep" | grep -qF "$KEY"'
  # A run's parameters and the settings that travel with it are files there, and can be read.
  grep -rqF 'Where is the key?' "$WORKSHOP_HOME/prefect/storage"
}

@test "a key in make's command line is refused; one in the environment reaches the task servers alone; this one is wrong" {
  refused 'examples/ex5_marvin/.openai.env' make ex5 OPENAI_API_KEY="$KEY" WORKSHOP_HOME="$BATS_TEST_TMPDIR/other"
  ok make stop
  OPENAI_ENV_FILE='' OPENAI_API_KEY=my_api_key_goes_here OPENAI_BASE_URL=$STUB/v1 start_example 5 SERVERS=1
  plan '[]'
  try make ask Q='Is it wrong?'
  has 'OPENAI_API_KEY is wrong'
  has_not my_api_key_goes_here
  seen 401
  local name
  environment_of "$(child_of task_server.1)" | grep -F PREFECT_API_URL= | grep -qF my_api_key_goes_here
  for name in server.1 web.1; do
    environment_of "$(child_of $name)" | grep -qF PREFECT_API_URL= # it can be seen at all
    never eval 'environment_of "$(child_of '"$name"')" | grep -qF my_api_key_goes_here'
  done
}

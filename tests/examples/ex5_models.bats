#!/usr/bin/env bats
# Example 5's three models: which one is chosen, what they say to the exact Marvin, and the local model as it really runs.
# bats file_tags=ex5,long

load ../helpers/base

setup() {
  own_kit
  MODELS=$BATS_TEST_TMPDIR/ex5 # a copy, without whatever .openai.env the tester has
  mkdir "$MODELS"
  cp examples/ex5_marvin/*.py "$MODELS"
}
teardown() { stop_and_check; }

# -> what `models.py` says, with LLM and the like from the environment
chosen() { ok "$PYTHON_OF_TESTS" "$MODELS/models.py"; }

@test "make setup-local-llm installs the model, and says that it works" {
  LIMIT_S=300 ok make setup-local-llm
  has 'the local model works on this machine'
  chosen # without a key it is the default now
  has 'LLM=local: smollm2-135m answers'
  has 'unreliable'
}

@test "a key, an address, .openai.env, LLM=: which model is chosen, and how to change it" {
  OPENAI_API_KEY=k chosen
  has 'LLM=openai: openai:gpt-4o-mini answers'
  OPENAI_BASE_URL=http://127.0.0.1:1/v1 MARVIN_AGENT_MODEL=openai:llama3.2:1b chosen
  has 'openai:llama3.2:1b'
  OPENAI_API_KEY=k MARVIN_AGENT_MODEL=openai:ft:gpt-4o-mini:me chosen
  has 'openai:ft:gpt-4o-mini:me'
  printf '# mine\nexport OPENAI_API_KEY="k"\nMARVIN_AGENT_MODEL=openai:gpt-4o\n' >"$MODELS/.openai.env"
  chosen
  has 'openai:gpt-4o answers'
  LLM=canned chosen
  has 'LLM=canned: a stand-in answers, no model'
  # In the real place it is git's to ignore.
  grep -qx '.openai.env' .gitignore
}

@test "no key and no model: the stand-in, and the command for more; LLM=local names it" {
  sed -i.bak 's/^def model_file.*/def model_file():\n    return None\n\n\ndef _unused() -> Path | None:/' "$MODELS/llama.py"
  chosen
  has 'make setup-local-llm'
  LLM=local refused 'make setup-local-llm' "$PYTHON_OF_TESTS" "$MODELS/models.py"
}

@test "llama.cpp that is killed, or cannot be loaded: falls back to the stand-in and says why" {
  printf 'import os\nos.kill(os.getpid(), 4)\n' >"$BATS_TEST_TMPDIR/xllamacpp.py" # as a processor without AVX2 does
  PYTHONPATH=$BATS_TEST_TMPDIR chosen
  has 'LLM=canned: llama.cpp cannot run here (signal 4'
  printf 'raise ImportError("GLIBC_2.38 not found")\n' >"$BATS_TEST_TMPDIR/xllamacpp.py"
  PYTHONPATH=$BATS_TEST_TMPDIR LLM=local chosen
  has 'GLIBC_2.38 not found'
}

@test "what is typed wrong gets one line, and nothing starts" {
  refused 'LLM=openai' make ex5 LLM=gpt
  refused 'LLM=openai' make ex5 LLM='$(touch x)'
  OPENAI_ENV_FILE=/none refused 'OPENAI_API_KEY' make ex5 LLM=openai
  OPENAI_API_KEY=k refused 'MARVIN_AGENT_MODEL=openai:gpt-4o-mini' make ex5 MARVIN_AGENT_MODEL=anthropic:claude
  refused 'ANSWER_SECONDS=60' make ex5 ANSWER_SECONDS=soon
  refused 'make ex5' make ask Q=hello
  not_there x "$WORKSHOP_HOME/run/example"
}

@test "the adapter reads what Marvin asks, whatever a person types; it knows no other version's words" {
  ok env LLM=canned "$PYTHON_OF_TESTS" tests/examples/marvin_models.py adapter unknown
  has 'adapter: as promised'
}

@test "the canned model: the same answer always, two model calls a question" {
  ok env LLM=canned "$PYTHON_OF_TESTS" tests/examples/marvin_models.py canned
}

@test "the local model: valid labels and text, whatever it is asked" {
  LIMIT_S=120 ok env LLM=local "$PYTHON_OF_TESTS" tests/examples/marvin_models.py local
  has 'reads only the first'
}

@test "the local model in the task servers: ten questions at once are all answered, and say by what" {
  start_example 5 LLM=local
  local n asking=() begin=$SECONDS
  for n in {1..10}; do
    curl -s -H 'Content-Type: text/plain' -d "What is $n plus $n?" "$WEB/question" >"$BATS_TEST_TMPDIR/$n" &
    asking+=($!)
  done
  wait "${asking[@]}"
  for n in {1..10}; do
    local follow
    follow=$(json 'd["follow"]' <"$BATS_TEST_TMPDIR/$n")
    within 120 eval '[ "$(curl -s -o "$BATS_TEST_TMPDIR/answer" -w "%{http_code}" "$WEB$follow")" = 200 ]'
    is "$(json 'd["answered_by"]' <"$BATS_TEST_TMPDIR/answer")" local:smollm2-135m 'answered_by in the answer'
    is "$(json 'd["tone"] in ("nice", "neutral", "hostile")' <"$BATS_TEST_TMPDIR/answer")" True 'the tone is one of the labels'
    compare "$(json 'd["answer"].strip()' <"$BATS_TEST_TMPDIR/answer")" != '' 'the answer'
  done
  echo "# ten answers in $((SECONDS - begin)) s, $(ps -o rss= -p "$(child_of task_server.1)") kB in task_server.1" >&3
}

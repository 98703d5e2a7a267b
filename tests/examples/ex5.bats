#!/usr/bin/env bats
# Example 5 with the canned model: the Flask app, the page, make ask. One stack for the whole file.
# bats file_tags=ex5
# Each test is a subshell of its own, and its variables are meant for it alone.
# shellcheck disable=SC2030,SC2031

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  start_example 5 LLM=canned CACHE_SECONDS=3
}
teardown_file() { stop_and_check; }

# METHOD PATH [CURL-OPTION...] -> sets $code, $body and $headers
request() {
  local method=$1 path=$2
  shift 2
  body=$(curl -s --max-time 20 -X "$method" -D "$BATS_TEST_TMPDIR/headers" -w '\n%{http_code}' "$@" "$WEB$path")
  headers=$(tr -d '\r' <"$BATS_TEST_TMPDIR/headers")
  code=${body##*$'\n'} body=${body%$'\n'*}
  echo "$method $path -> $code $body"
}
# QUESTION -> asks as plain text; sets $follow
ask() {
  request POST /question -H 'Content-Type: text/plain' --data-binary "$1"
  is "$code" 202 'HTTP status'
  follow=$(json 'd["follow"]' <<<"$body")
}
# -> waits for the answer to the question that was asked last
answered() { within 30 eval 'request GET "$follow"; [ "$code" -eq 200 ]'; }
calls() { grep -c 'model call' "$stack_log" || true; }

@test "a question, as text and as JSON: 202 with its address, and there the answer, as JSON and as text" {
  request POST /question -H 'Content-Type: text/plain' --data-binary 'Please, what is "it" & <b>🙂?'
  is "$code" 202 'HTTP status'
  local id
  id=$(json 'd["task_run_id"]' <<<"$body")
  follow=/answer/$id
  grep -qx "Location: $follow" <<<"$headers"
  is "$(json 'd["follow"]' <<<"$body")" "$follow" 'follow in the answer'
  is "$(json 'd["ui"]' <<<"$body")" "http://127.0.0.1:$PREFECT_PORT/runs/task-run/$id" 'ui in the answer'
  answered
  is "$(json 'd["answered_by"]' <<<"$body")" canned 'answered_by in the answer'
  is "$(json 'd["tone"]' <<<"$body")" nice 'tone in the answer'
  json 'd["answer"]' <<<"$body" | grep -qF 'Please, what is "it" & <b>🙂?'
  request GET "$follow" -H 'Accept: text/plain'
  grep -q '^Content-Type: text/plain' <<<"$headers"
  never grep -q answered_by <<<"$body"
  grep -qF '"it" & <b>🙂?' <<<"$body"

  request POST /question -H 'Content-Type: application/json' -d '{"question": "You stupid \ud83e\udd16"}'
  follow=$(json 'd["follow"]' <<<"$body")
  answered
  is "$(json 'd["tone"]' <<<"$body")" hostile 'tone in the answer'
}

@test "until then 202 with the state: Scheduled while no task server is there" {
  local server
  for server in task_server.1 task_server.2; do kill -STOP "$(child_of "$server")"; done
  ask 'How long must I wait?'
  request GET "$follow"
  is "$code" 202 'HTTP status'
  is "$(json 'd["state"] in ("Scheduled", "Pending")' <<<"$body")" True 'the run waits'
  request GET "$follow" -H 'Accept: text/plain'
  is "$code" 202 'HTTP status'
  for server in task_server.1 task_server.2; do kill -CONT "$(child_of "$server")"; done
  answered
}

@test "curl -d as it is, and a body without a content type: the body is the question" {
  local given follow
  for given in 'Content-Type: application/x-www-form-urlencoded' 'Content-Type:'; do
    request POST /question -H "$given" -d 'Is 2+2=4 & true?'
    is "$code" 202 'HTTP status'
    follow=$(json 'd["follow"]' <<<"$body")
    answered
    json 'd["answer"]' <<<"$body" | grep -qF 'Is 2+2=4 & true?'
  done
}

@test "what is no question gets 4xx and one line" {
  local long
  long=$(printf 'a%.0s' {1..4000})
  ask "$long"
  while read -r want type data; do
    request POST /question -H "Content-Type: $type" --data-binary "$data"
    is "$code" "$want" 'HTTP status'
    is "$(json 'd["detail"].count("\n")' <<<"$body")" 0 'line ends in the message'
  done <<END
400 text/plain
400 text/plain $(printf '   \t ')
400 application/json {"question": " "}
400 application/json {"question": 42}
400 application/json {"question": "\\ud800"}
400 application/json ["a"]
400 application/json {"question"
415 text/html <b>what?</b>
415 multipart/form-data question=what
413 text/plain ${long}a
413 application/json {"question": "${long}a"}
END
  request POST /question -H 'Content-Type: text/plain' --data-binary $'\xff\xfe'
  is "$code" 400 'HTTP status'
  head -c 2000000 /dev/zero | tr '\0' a >"$BATS_TEST_TMPDIR/huge"
  request POST /question -H 'Content-Type: text/plain' --data-binary "@$BATS_TEST_TMPDIR/huge"
  is "$code" 413 'HTTP status'
  request GET /question
  is "$code" 405 'HTTP status'
  grep -q '^Allow: .*POST' <<<"$headers"
  request POST /question -H 'Content-Type: text/plain' -H 'Accept: text/plain' --data-binary ' '
  is "$body" $'the question is empty\n' 'the answer'
}

@test "what is no id, an unknown id, and another task's run" {
  request GET /answer/abc
  is "$code" 422 'HTTP status'
  request GET /answer/00000000-0000-4000-8000-000000000000
  is "$code" 404 'HTTP status'
  # Any other task's run in the same Prefect, as example 1 makes one.
  ok env NAME=Ford PREFECT_API_URL="$API" PYTHONPATH="$KIT_PYTHONPATH" "$PYTHON_OF_TESTS" -c '
import sys; sys.path.insert(0, "examples/ex1_task")
from greeter import greet
print("run", greet("Ford", return_state=True).state_details.task_run_id)'
  local id
  id=$(sed -n 's/^run //p' <<<"$output")
  within 30 is_in_state "$id" COMPLETED
  request GET "/answer/$id"
  is "$code" 404 'HTTP status'
}

# bats test_tags=long
@test "an answer that was cleaned away" {
  ask 'Where do answers go?'
  answered
  mv "$WORKSHOP_HOME/prefect/storage" "$WORKSHOP_HOME/prefect/away"
  request GET "$follow"
  mv "$WORKSHOP_HOME/prefect/away" "$WORKSHOP_HOME/prefect/storage"
  is "$code" 410 'HTTP status'
}

# bats test_tags=long
@test "the same question again is answered without a model call, until the cache's time is over" {
  local before
  ask 'Twice?'
  answered
  before=$(calls)
  ask ' Twice? '
  answered
  is "$(json 'd["state"]' <<<"$body")" Cached 'state in the answer'
  is "$(calls)" "$before" 'model calls'
  # CACHE_SECONDS=3 here; the lesson's own is 60.
  within 15 eval 'ask "Twice?"; answered; [ "$(json "d[\"state\"]" <<<"$body")" = Completed ]'
  is "$(calls)" $((before + 2)) 'model calls'
  grep -qF 'os.getenv("CACHE_SECONDS", "60")' examples/ex5_marvin/marvin_task_server.py
}

# bats test_tags=long
@test "20 questions at once are all answered" {
  local n asking=()
  mkdir "$BATS_TEST_TMPDIR/many"
  for n in {1..20}; do
    curl -s -H 'Content-Type: text/plain' -d "Question $n" "$WEB/question" >"$BATS_TEST_TMPDIR/many/$n" &
    asking+=($!)
  done
  wait "${asking[@]}"
  for n in {1..20}; do
    follow=$(json 'd["follow"]' <"$BATS_TEST_TMPDIR/many/$n")
    within 30 eval 'request GET "$follow"; [ "$code" -eq 200 ]'
  done
}

@test "make ask prints each state and the answer; the question arrives as typed; - reads standard input" {
  ok make ask Q="O'Neill \$(touch x) & \`date\` 🙂?"
  has ' s Completed'
  has "O'Neill \$(touch x) & \`date\` 🙂?"
  has 'answered by canned'
  not_there x
  ok bash -c 'printf "from a pipe?" | make ask Q=-'
  has 'from a pipe?'
  ok make ask Q=--help # a question too
  has 'answered by canned'
  refused 'make ask Q=' make ask Q=
  try make submit
  has 'make ask'
  is "$status" 2 'exit code'
}

# bats test_tags=long
@test "ask.py: exit codes, a timeout, Ctrl-C, and outside the kit's environment" {
  local ask=("$PYTHON_OF_TESTS" examples/ex5_marvin/ask.py)
  export WEB_PORT
  try "${ask[@]}" 'Ready?'
  is "$status" 0 'exit code'
  try "${ask[@]}"
  is "$status" 2 'exit code'
  try "${ask[@]}" '  '
  is "$status" 2 'exit code'
  has 'the question is empty'
  try bash -c "printf '\xff' | '$PYTHON_OF_TESTS' examples/ex5_marvin/ask.py -"
  is "$status" 2 'exit code'
  WEB_PORT=1 try "${ask[@]}" 'Ready?'
  is "$status" 3 'exit code'
  WEB_PORT='' try env -u WEB_PORT "${ask[@]}" 'Ready?'
  is "$status" 2 'exit code'
  has 'make shell'

  local server
  for server in task_server.1 task_server.2; do kill -STOP "$(child_of "$server")"; done
  try "${ask[@]}" --timeout 1 'Patience?'
  start asking "${ask[@]}" 'For ever?'
  within 30 grep -q '^asked' "$asking_log"
  kill -INT "$asking_pid"
  within 30 gone "$asking_pid"
  for server in task_server.1 task_server.2; do kill -CONT "$(child_of "$server")"; done
  is "$status" 1 'exit code'
  has 'no answer in 1 s'
  has_not Traceback
  never grep -q Traceback "$asking_log"
  grep -q 'the question goes on without us' "$asking_log"
}

# bats test_tags=long
@test "the page asks, shows the states and the answer, escaped; it remembers, on a phone's width, and needs no network" {
  need_chromium
  LIMIT_S=60 ok "$PYTHON_OF_TESTS" tests/examples/ask_in_browser.py "$WEB" "${SHOTS:-$BATS_TEST_TMPDIR}"
  request GET /
  grep -q "^Content-Security-Policy: default-src 'self'" <<<"$headers"
  never grep -q '://' <<<"$body"
}

@test "make check: every promise of the chapter holds; status and health" {
  ask 'Is every promise kept?'
  answered
  ok make check EX=5
  has 'every promise holds'
  compare "$(grep -c '^✓' <<<"$output")" -ge 10 'promises that hold'
  ok make status
  has 'LLM=canned'
  request GET /health
  is "$code" 200 'HTTP status'
  is "$(listens_on "$WEB_PORT")" "127.0.0.1:$WEB_PORT" 'listening addresses'
}

# bats test_tags=long
@test "for all eyes: axe-core finds nothing in any state of the page, 7:1 in light and dark; the keyboard is enough" {
  need_chromium
  LIMIT_S=90 ok "$PYTHON_OF_TESTS" tests/helpers/pages_for_all_eyes.py 5 "$WEB" "${SHOTS:-$BATS_TEST_TMPDIR}"
  # Flask's own lines are coloured, even in a file.
  grep -q 'POST /question HTTP/1.1" 400' "$stack_log"
  is "$(escapes <"$stack_log")" '' 'escape sequences of make ex5'
}

@test "one more task server joins with the same model" {
  start joined make server
  within 20 eval '[ "$(task_servers)" = 3 ]'
  grep -q 'LLM=canned' "$joined_log"
  kill -TERM "$joined_pid"
  within 30 gone "$joined_pid"
}

# bats test_tags=long
@test "503 with one line, at once, when the Prefect API is away or hangs; make ask says so" {
  local server
  server=$(child_of server.1)
  kill -STOP "$server"
  # It waits for a second; Prefect's client would try for half a minute.
  takes_at_most 3 'sleep 1; request GET /' request POST /question -H 'Content-Type: text/plain' -d 'Anybody there?'
  is "$code" 503 'HTTP status'
  request GET /answer/00000000-0000-4000-8000-000000000000
  is "$code" 503 'HTTP status'
  request GET /health
  is "$code" 503 'HTTP status'
  is "$(json 'd["detail"]' <<<"$body")" 'the Prefect API does not answer; is its server running?' 'detail in the answer'
  WEB_PORT=$WEB_PORT try "$PYTHON_OF_TESTS" examples/ex5_marvin/ask.py 'Ready?'
  is "$status" 3 'exit code'
  kill -CONT "$server"
  within 20 eval 'request GET /health; [ "$code" -eq 200 ]'
}

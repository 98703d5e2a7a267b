#!/usr/bin/env bats
# Example 3: the FastAPI app. One stack for the whole file.
# bats file_tags=ex3

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  start_example 3
}
teardown_file() { stop_and_check; }

# METHOD PATH -> sets $code and $body
request() {
  body=$(curl -s --max-time 20 -X "$1" -w '\n%{http_code}' "$WEB$2")
  code=${body##*$'\n'} body=${body%$'\n'*}
  echo "$1 $2 -> $code $body"
}

@test "the root says hello" {
  request GET /
  is "$code" 200 'HTTP status'
  is "$body" '{"message":"Hello World"}' 'the answer'
}

@test "GET and POST /task submit, for Marvin unless told otherwise, and answer with what to follow" {
  local method query id follow
  for method in GET POST; do
    for query in '' '?name=Ford%20%26%20%3Cb%3E%F0%9F%99%82'; do
      request "$method" "/task$query"
      is "$code" 202 'HTTP status'
      id=$(json 'd["task_run_id"]' <<<"$body")
      follow=$(json 'd["follow"]' <<<"$body")
      is "$(json 'd["ui"]' <<<"$body")" "http://127.0.0.1:$PREFECT_PORT/runs/task-run/$id" 'ui in the answer'
      request GET "$follow"
      grep -qx '20[02]' <<<"$code"
      within 15 eval 'request GET "$follow"; [ "$code" -eq 200 ]'
      request GET "$follow"
      if [ -n "$query" ]; then
        is "$(json 'd["result"]' <<<"$body")" 'Hello, Ford & <b>🙂!' 'result in the answer'
      else
        is "$(json 'd["result"]' <<<"$body")" 'Hello, Marvin!' 'result in the answer'
      fi
    done
  done
}

@test "what is no id, an unknown id, and another task's run" {
  request GET /task/abc
  is "$code" 422 'HTTP status'
  request GET /task/00000000-0000-4000-8000-000000000000
  is "$code" 404 'HTTP status'
  ok make ex1
  request GET "/task/${output##*/}"
  is "$code" 404 'HTTP status'
}

@test "a result that was cleaned away" {
  request POST /task
  local follow
  follow=$(json 'd["follow"]' <<<"$body")
  within 15 eval 'request GET "$follow"; [ "$code" -eq 200 ]'
  mv "$WORKSHOP_HOME/prefect/storage" "$WORKSHOP_HOME/prefect/away"
  request GET "$follow"
  mv "$WORKSHOP_HOME/prefect/away" "$WORKSHOP_HOME/prefect/storage"
  is "$code" 410 'HTTP status'
}

@test "make task follows the run to its end; any name arrives as typed" {
  ok make task NAME="O'Neill \$(touch x) & 🙂"
  has 'POST /task -> 202'
  has '-> 200 Completed'
  has "Hello, O'Neill \$(touch x) & 🙂!"
  not_there x
  refused 'NAME is empty' make task NAME=
}

@test "make submit and make submit-map work here too" {
  ok make submit NAME=Fenchurch
  has 'Hello, Fenchurch!'
  ok make submit-map
  has '3 of 3 runs completed'
}

@test "the interactive page needs no other host" {
  curl -sf "$WEB/docs" | grep -q swagger-ui-bundle.js
  never eval 'curl -sf "$WEB/docs" | grep -oE "https?://[^\"]*"'
  curl -sf -o /dev/null "$WEB/static-offline-docs/swagger-ui-bundle.js"
}

@test "make check: every promise of the chapter holds" {
  ok make task
  ok make check EX=3
  has 'every promise holds'
  compare "$(grep -c '^✓' <<<"$output")" -ge 10 'promises that hold'
}

@test "everything listens on loopback only" {
  is "$(listens_on "$WEB_PORT")" "127.0.0.1:$WEB_PORT" 'listening addresses'
}

# bats test_tags=long
@test "503 with one line, at once, when the Prefect API is away or hangs" {
  local server
  server=$(child_of server.1)
  kill -STOP "$server"
  # It waits for a second; Prefect's client would try for half a minute.
  takes_at_most 3 'sleep 1; request GET /' request POST /task
  is "$code" 503 'HTTP status'
  takes_at_most 3 'sleep 1; request GET /' request GET /task/00000000-0000-4000-8000-000000000000
  is "$code" 503 'HTTP status'
  kill -CONT "$server"
  within 20 eval 'request POST /task; [ "$code" -eq 202 ]'

  kill -KILL "$server"
  request POST /task
  never curl -s "$API/health" # it did not wait until the server is back
  is "$code" 503 'HTTP status'
  is "$(json 'd["detail"]' <<<"$body")" 'the Prefect API does not answer; is its server running?' 'detail in the answer'
  within 30 eval 'request POST /task; [ "$code" -eq 202 ]'
}

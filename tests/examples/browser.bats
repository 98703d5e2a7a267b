#!/usr/bin/env bats
# The pages that the chapters point at, in a real browser that can reach nothing but this machine.
# bats file_tags=browser,long

load ../helpers/base

setup_file() { own_kit "$BATS_FILE_TMPDIR"; }
setup() { need_chromium; }
teardown() {
  if [ -n "${forward_pid:-}" ]; then kill "$forward_pid"; fi
  show_failure
}
teardown_file() { stop_and_check; }

@test "the address that make ex1 prints shows the run's name and state, by another port too" {
  ok make ex1
  local page=${output##*page: }
  shows "$page" greet Completed
  # By another port, as with ssh -L or in Codespaces: shows fails if the page asks the Prefect server's own.
  LOG_DIR=$BATS_TEST_TMPDIR start forward "$PYTHON_OF_TESTS" tests/examples/forward.py "$WEB_PORT" "$PREFECT_PORT"
  within 10 curl -sf "$WEB/api/health"
  shows "${page/:$PREFECT_PORT/:$WEB_PORT}" greet Completed
}

@test "the address that make submit prints, and the list of runs; example 3's interactive page, tried out" {
  export LOG_DIR=$BATS_TEST_TMPDIR
  start_example 3
  ok make submit NAME=Ford
  local id
  id=$(run_id <<<"$output")
  shows "http://127.0.0.1:$PREFECT_PORT/runs/task-run/$id" my_fastapi_task Completed
  shows "http://127.0.0.1:$PREFECT_PORT/runs" 'click:text=Task runs' my_fastapi_task Completed
  shows "$WEB/docs" 'Submit Task' 'Read Task' 'click:.opblock-post .opblock-summary-control' 'click:.try-out__btn' 'click:.execute' \
    'Server response' "$WEB/task?name=Marvin"
  shows "http://127.0.0.1:$PREFECT_PORT/dashboard" Dashboard
}

#!/usr/bin/env bats
# Life and death of processes: every way to end leaves nothing running, no port taken, and no run lost.
# bats file_tags=life

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# -> the run's id, once a task server is running it
submit_and_wait_until_running() {
  local id
  id=$(make -s submit WAIT=0 2>/dev/null | run_id)
  within 20 is_in_state "$id" RUNNING
  echo "$id"
}

# NAME -> kills that process again and again, until the kit gives up on it
kill_until_it_stays_down() {
  within 30 eval "kill -KILL \"\$(child_of $1)\" 2>/dev/null; grep -q '$1 .*it stays down' '$stack_log'"
}

# RUN-ID STATE -> what the database says, when no server is up to ask
database_says() {
  ok make db SQL="select state_name from task_run where id = '$1'"
  has "$2"
}

@test "Ctrl-C: the run in flight finishes, then nothing is left, within 10 s" {
  start_example_in_terminal 2 SERVERS=1 WORK_SECONDS=3
  local id
  id=$(submit_and_wait_until_running)
  press_ctrl_c
  within 13 gone "$stack_pid"
  grep -q 'taking nothing new, finishing 1 run' "$stack_log"
  no_leaks
  database_says "$id" Completed
  never grep -q Traceback "$stack_log"
}

@test "Ctrl-C while a program still imports is no stack trace; another error still is one" {
  run "${PROCESS[@]}" limit 60 make shell <<<'python -c "raise KeyboardInterrupt"; echo "[$?]"; python -c "raise ValueError(42)"'
  echo "$output"
  has '[130]'
  has_not KeyboardInterrupt
  has 'ValueError: 42'
}

@test "Ctrl-C in the very moment of the start: no stack trace, nothing left" {
  local end
  for _ in 1 2 3 4 5; do
    start stack make ex2 SERVERS=2
    end=$((SECONDS + 30))
    # honcho has forked, and knows no process yet: a moment that `within`, five looks a second, would miss
    until pgrep -P "$(launcher 2>/dev/null)" >/dev/null 2>&1; do [ "$SECONDS" -lt "$end" ]; done
    kill -INT -- "-$stack_pid"
    within 10 gone "$stack_pid"
    never grep -E 'Traceback|Error:' "$stack_log"
    no_leaks
  done
}

# bats test_tags=long
@test "a second Ctrl-C skips that: the run goes back to the queue, and the next start runs it" {
  start_example_in_terminal 2 SERVERS=1 WORK_SECONDS=40
  local id
  id=$(submit_and_wait_until_running)
  press_ctrl_c
  within 5 grep -q 'taking nothing new, finishing 1 run' "$stack_log"
  press_ctrl_c
  within 10 no_leaks
  grep -q "Task run $id was requeued" "$stack_log"
  database_says "$id" Scheduled

  start_example 2 SERVERS=1 WORK_SECONDS=0.1
  within 20 is_in_state "$id" COMPLETED
  grep -q 'requeued 1 run(s) that were still waiting' "$stack_log"
}

# bats test_tags=long
@test "SIGTERM to make: the run in flight finishes" {
  start_example 2 SERVERS=1 WORK_SECONDS=3
  local id
  id=$(submit_and_wait_until_running)
  kill -TERM "$stack_pid"
  within 13 gone "$stack_pid"
  no_leaks
  database_says "$id" Completed
}

# bats test_tags=long
@test "make alone is killed, or told to hang up: the run in flight finishes" {
  local signal id
  for signal in KILL HUP; do
    start_example 2 SERVERS=1 WORK_SECONDS=2
    id=$(submit_and_wait_until_running)
    kill -"$signal" "$stack_pid"
    within 13 eval 'gone "$stack_pid" && [ -z "$(leaks)" ]'
    grep -q 'taking nothing new, finishing 1 run' "$stack_log"
    database_says "$id" Completed
  done
}

# bats test_tags=long
@test "a closed terminal: the run in flight finishes" {
  start_example_in_terminal 3 WORK_SECONDS=3
  local id
  id=$(submit_and_wait_until_running)
  close_terminal
  within 13 no_leaks
  database_says "$id" Completed
}

# bats test_tags=long
@test "a closed terminal with a shell in it, where everything gets SIGHUP too: the run in flight finishes" {
  start stack "${TERMINAL[@]}" bash -c 'make ex2 WORK_SECONDS=3; true'
  within 90 grep -q '^ready' "$stack_log"
  local id launcher
  id=$(submit_and_wait_until_running)
  launcher=$(sed -n 's/^pid=//p' "$WORKSHOP_HOME/run/example")
  close_terminal
  within 5 eval '! kill -0 "$stack_pid"'
  kill -HUP "$launcher" # a late one is no second Ctrl-C
  within 13 no_leaks
  database_says "$id" Completed
}

# bats test_tags=long
@test "make stop, from another terminal" {
  start_example 2 SERVERS=1 WORK_SECONDS=3
  local id
  id=$(submit_and_wait_until_running)
  ok make stop
  has 'stopped: example 2'
  no_leaks
  within 3 gone "$stack_pid"
  database_says "$id" Completed
  ok make stop
  has 'nothing was running'
}

# bats test_tags=long
@test "make stop ends an example that Ctrl-Z has stopped" {
  start_example 2 SERVERS=1
  kill -STOP -- "-$stack_pid"
  LIMIT_S=30 ok make stop
  has 'stopped: example 2'
  no_leaks
  within 5 gone "$stack_pid"
}

@test "make stop while an example is still on its way: it does not come up" {
  mkdir "$BATS_TEST_TMPDIR/slow"
  cp examples/ex2_task_servers/*.py "$BATS_TEST_TMPDIR/slow/"
  printf '\ntime.sleep(4)\n' >>"$BATS_TEST_TMPDIR/slow/task_server.py" # so long the kit imports it, to look for mistakes
  start stack make ex2 CODE="$BATS_TEST_TMPDIR/slow"
  within 30 test -e "$WORKSHOP_HOME/run/starting"
  ok make stop
  has 'stopped: an example that was starting'
  within 5 gone "$stack_pid"
  never grep -q started "$stack_log"
  no_leaks
  ok make stop
  has 'nothing was running'
}

# bats test_tags=long
@test "GRACE is over: what did not finish goes back to the queue" {
  start_example 2 SERVERS=1 WORK_SECONDS=30 GRACE=1
  local id
  id=$(submit_and_wait_until_running)
  ok make stop GRACE=1
  grep -q "Task run $id was requeued" "$stack_log"
  database_says "$id" Scheduled
}

# bats test_tags=long
@test "what is queued when the example ends is run by the next one" {
  start_example 2 SERVERS=1 WORK_SECONDS=2
  ok make submit-map N=6 WAIT=0
  ok make stop
  ok make db SQL="select count(*) || ' wait' from task_run where state_name = 'Scheduled'"
  grep -qE '[3-5] wait' <<<"$output"

  start_example 2 SERVERS=2 WORK_SECONDS=0.1
  within 30 eval '[ "$(count_in_state COMPLETED)" = 6 ]'
}

# bats test_tags=long
@test "kill -9 of honcho: the rest finishes its run and ends by itself; the next command finds nothing in its way" {
  start_example 2 SERVERS=1 WORK_SECONDS=3
  local id launcher
  id=$(submit_and_wait_until_running)
  launcher=$(sed -n 's/^pid=//p' "$WORKSHOP_HOME/run/example")
  kill -KILL "$launcher"
  start_example 2 SERVERS=1
  grep -q 'cleaning up what an example left when it was killed' "$stack_log"
  is_in_state "$id" COMPLETED
}

# bats test_tags=long
@test "kill -9 of honcho: a run in flight that prints does not fail for want of a reader" {
  mkdir "$BATS_TEST_TMPDIR/prints"
  cp examples/ex2_task_servers/*.py "$BATS_TEST_TMPDIR/prints/"
  cat >"$BATS_TEST_TMPDIR/prints/task_server.py" <<'END'
import time

from prefect import task
from prefect.task_worker import serve


@task
def my_background_task(name: str) -> str:
    for _ in range(300):
        time.sleep(0.01)
        print("a line", flush=True)
    return f"Hello, {name}!"


if __name__ == "__main__":
    serve(my_background_task)
END
  start_example 2 SERVERS=1 CODE="$BATS_TEST_TMPDIR/prints"
  local id
  id=$(submit_and_wait_until_running)
  kill -KILL "$(launcher)"
  within 20 no_leaks
  database_says "$id" Completed
}

@test "kill -9 of honcho and of everything that watches: the next command cleans up and says so" {
  start_example 3
  local pids name
  pids=$(sed -n 's/^pid=//p' "$WORKSHOP_HOME/run/example")
  for name in server.1 task_server.1 web.1; do pids="$pids $(keeper_pid "$name")"; done
  # shellcheck disable=SC2086
  kill -KILL $pids
  try make status
  has 'make stop'
  compare "$(task_servers)" -ge 1 'task servers subscribed' # its task servers live on
  ok make stop
  has 'cleaning up what an example left when it was killed'
  no_leaks
}

# bats test_tags=long
@test "a task server that dies is started again, three times in a minute; then it stays down and the others go on" {
  start_example 2 SERVERS=2
  local n child
  for n in 1 2 3; do
    child=$(child_of task_server.2)
    kill -KILL "$child"
    within 30 grep -q "task_server.2 was killed by SIGKILL; starting it again ($n of 3 in a minute)" "$stack_log"
    within 20 eval '[ "$(task_servers)" = 2 ]'
  done
  kill -KILL "$(child_of task_server.2)"
  within 10 grep -q 'it stays down after 3 restarts in a minute' "$stack_log"
  ok make submit
  has 'on task_server.1'
  try make status
  is "$status" 2 'exit code'
  has 'not ready yet'

  # With the last one down too, a submit says what it waits for, and how to get it.
  kill_until_it_stays_down task_server.1
  within 5 eval '[ "$(task_servers)" = 0 ]'
  ok make submit WAIT=0
  has 'waiting    for a task server that serves my_background_task (make server)'
  local id
  id=$(run_id <<<"$output")
  start extra make server
  within 20 is_in_state "$id" COMPLETED
}

# bats test_tags=long
@test "the web server and the Prefect server are started again too" {
  start_example 3
  kill -KILL "$(child_of web.1)"
  within 30 grep -q 'web.1 was killed by SIGKILL; starting it again' "$stack_log"
  within 20 curl -sf "$WEB/"
  kill -KILL "$(child_of server.1)"
  within 30 grep -q 'server.1 was killed by SIGKILL; starting it again' "$stack_log"
  within 30 eval '[ "$(task_servers)" = 1 ]'
  ok make task
  has 'Hello, Marvin!'
}

# bats test_tags=long
@test "python task_server.py by hand, in make shell, drains on SIGTERM and exits with 0" {
  start_example 2 SERVERS=1 WORK_SECONDS=3
  kill_until_it_stays_down task_server.1 # only the one by hand is to take runs
  echo 'cd examples/ex2_task_servers && echo "pid $$" && exec python task_server.py' >"$BATS_TEST_TMPDIR/typed"
  "${PROCESS[@]}" session make shell WORK_SECONDS=3 <"$BATS_TEST_TMPDIR/typed" >"$BATS_TEST_TMPDIR/hand.log" 2>&1 3>&- &
  local make_pid=$! hand id code=0
  within 20 grep -q 'serves my_background_task' "$BATS_TEST_TMPDIR/hand.log"
  within 20 eval '[ "$(task_servers)" = 1 ]'
  hand=$(sed -n 's/^pid //p' "$BATS_TEST_TMPDIR/hand.log")
  id=$(submit_and_wait_until_running)
  kill -TERM "$hand"
  wait "$make_pid" || code=$?
  cat "$BATS_TEST_TMPDIR/hand.log"
  is "$code" 0 'exit code'
  within 5 is_in_state "$id" COMPLETED
  grep -q 'finishing 1 run' "$BATS_TEST_TMPDIR/hand.log"
}

# bats test_tags=long
@test "from example 2 to example 3 the runs are kept" {
  start_example 2 SERVERS=1
  ok make submit NAME=Ford
  local id
  id=$(run_id <<<"$output")
  ok make stop
  start_example 3
  is_in_state "$id" COMPLETED
  ok make task NAME=Zaphod
  ok make runs
  has "$id"
  is "$(curl -s -o /dev/null -w '%{http_code}' "$WEB/task/$id")" 404 'HTTP status' # a run of another task
}

# bats test_tags=long
@test "make server ends with the example" {
  start_example 2 SERVERS=1
  start extra make server
  within 20 eval '[ "$(task_servers)" = 2 ]'
  ok make stop
  within 30 gone "$extra_pid"
}

@test "make clean deletes the run data and keeps the set-up; status then says that nothing runs" {
  ok make ex1
  ok make clean
  has 'stopped: the background Prefect server'
  not_there "$WORKSHOP_HOME"
  .venv/bin/python --version
  run scripts/status.sh
  is "$status" 3 'exit code'
  has 'nothing runs'
  mkdir "$WORKSHOP_HOME" && echo mine >"$WORKSHOP_HOME/notes.txt"
  ok make clean
  there "$WORKSHOP_HOME/notes.txt" # never what the kit did not make
}

# bats test_tags=long
@test "two kits run side by side, and stopping one leaves the other" {
  start_example 2 SERVERS=1
  local first=$WORKSHOP_HOME first_api=$API first_port=$PREFECT_PORT first_web=$WEB_PORT
  own_kit "$BATS_TEST_TMPDIR/second"
  start other make ex2 SERVERS=1
  within 60 grep -q '^ready' "$other_log"
  ok make submit NAME=Second
  has 'Hello, Second!'
  WORKSHOP_HOME=$first PREFECT_PORT=$first_port ok make submit NAME=First
  has 'Hello, First!'
  ok make stop
  no_leaks
  curl -sf "$first_api/health"
  export WORKSHOP_HOME=$first PREFECT_PORT=$first_port API=$first_api WEB_PORT=$first_web
}

# bats test_tags=long,slow
@test "with any of multiprocessing's ways to start a process: Ctrl-C, SIGTERM and a closed terminal are as ever" {
  local method end id shell
  copy_kit "$BATS_TEST_TMPDIR/kit"
  lend_packages "$BATS_TEST_TMPDIR/kit"
  cd "$BATS_TEST_TMPDIR/kit"
  KIT=$PWD
  for method in fork spawn forkserver; do # Python's choice differs: by its version, and on macOS
    printf 'import multiprocessing\nmultiprocessing.set_start_method("%s", force=True)\n' "$method" |
      cat "$OLDPWD/scripts/pythonpath/sitecustomize.py" - >scripts/pythonpath/sitecustomize.py
    for end in press_ctrl_c close_terminal 'kill -TERM "$(launcher)"'; do
      echo "--- $method: $end"
      # A shell in it: all in the terminal's foreground get its SIGHUP.
      start stack "${TERMINAL[@]}" bash -c 'make ex2 SERVERS=1 WORK_SECONDS=2; true'
      within 90 grep -q '^ready' "$stack_log"
      id=$(submit_and_wait_until_running)
      eval "$end"
      within 13 eval 'gone "$stack_pid" && [ -z "$(leaks)" ]'
      database_says "$id" Completed
      never grep -q Traceback "$stack_log"
    done
  done
}

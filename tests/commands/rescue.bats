#!/usr/bin/env bats
# make rescue by hand in examples 2 and 3, which have no rescuer of their own; and the queue when it is full.
# bats file_tags=ex6

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# bats test_tags=long
@test "examples 2 and 3: what a kill -9 of a task server or of the Prefect server strands, make rescue puts back" {
  start_example 2 SERVERS=2 WORK_SECONDS=2
  ok make submit-map N=6 WAIT=0
  within 10 eval '[ "$(count_in_state RUNNING)" = 2 ]'
  kill -KILL "$(child_of task_server.1)" "$(child_of server.1)"
  within 30 eval '[ "$(task_servers)" = 2 ]'
  try make check
  has '✗ no run is left Running by a task server that is dead'
  has 'make rescue'
  # Without it they stay: one Running, and what was queued. (One that was on its way to the other task server may run.)
  PATIENCE=1 never within 3 eval '[ "$(count_in_state SCHEDULED)" -lt 3 ] || [ "$(count_in_state RUNNING)" = 0 ]'
  ok make rescue
  has 'died while it had this run'
  has 'the Prefect server that had it in its queue is gone'
  within 20 eval '[ "$(count_in_state COMPLETED)" = 6 ]'
  ok make rescue
  has 'nothing to requeue'
}

# bats test_tags=long
@test "without a rescuer, make check names a run that the Prefect server has forgotten, and make rescue puts it back" {
  start_example 6 SERVERS=1 RESCUE=0
  never grep -q rescuer "$stack_log"
  local id
  kill -STOP "$(child_of task_server.1)"
  id=$(make -s submit WAIT=0 2>/dev/null | run_id)
  is_in_state "$id" SCHEDULED
  kill -KILL "$(child_of task_server.1)" "$(child_of server.1)"
  within 30 eval '[ "$(task_servers)" = 1 ]'
  within 20 eval 'make check | grep "✗ no run is forgotten"'
  try make check
  grep -A1 '^✗ no run is forgotten' <<<"$output" | grep -qF "$id: the Prefect server that had it in its queue is gone (1 in all). Try: make rescue"
  has '✗ a rescuer is up'
  in_make_shell 'python -m durable lost; echo "exit $?"'
  grep -qE "^$id forgotten ex6.ship-1 the Prefect server that had it in its queue is gone" <<<"$output"
  has 'exit 1'
  ok make rescue
  within 30 is_in_state "$id" COMPLETED
  try make check
  has '✓ no run is forgotten'
  in_make_shell 'python -m durable lost; echo "exit $?"'
  has 'exit 0'
}

# bats test_tags=long
@test "a submit that waits for a run in no queue says so, and goes on after make rescue" {
  start_example 2 SERVERS=1
  kill -STOP "$(child_of task_server.1)"
  start waits make submit # it tells after 2, 6, 14 and 30 s
  within 30 grep -q '^submitted' "$waits_log"
  kill -STOP "$(keeper_pid server.1)" # so that the server stays away until we say so
  kill -KILL "$(child_of task_server.1)" "$(child_of server.1)"
  within 30 grep -q '^waiting .* for the Prefect API, which does not answer (make status)' "$waits_log"
  kill -CONT "$(keeper_pid server.1)"
  within 30 grep -q '^ .* it answers again, after' "$waits_log"
  within 60 grep -q 'a task server is free, so it is in no queue (make rescue requeues it)' "$waits_log"
  ok make rescue
  within 30 grep -q '^completed' "$waits_log"
  within 30 gone "$waits_pid"
}

# bats test_tags=long
@test "what example 6 has lost is not held against example 2" {
  start_example 6 SERVERS=1 RESCUE=0 WORK_SECONDS=60
  local id
  id=$(make -s submit WAIT=0 2>/dev/null | run_id)
  within 30 is_in_state "$id" RUNNING
  kill -KILL "$(child_of task_server.1)"
  ok make stop
  start_example 2 SERVERS=1
  ok make submit
  ok make check
  has '- 1 run(s) of another example were lost before (ex6.ship). To forget them: make clean'
  has 'every promise holds'
}

# bats test_tags=long
@test "more runs than Prefect's queue holds and no task server up: a submit says so, and goes on when one is up" {
  # Prefect's own limit is 1,000 (TUNED=0) or 100,000; here it is 20.
  local kit='eval "$(make -s env)"; export PREFECT_SERVER_TASKS_SCHEDULING_MAX_SCHEDULED_QUEUE_SIZE=20; exec "$@"'
  mkdir -p "$WORKSHOP_HOME"/{prefect,task-servers,run}
  cp .venv/workshop/prefect.db "$WORKSHOP_HOME/prefect/prefect.db"
  start server bash -c "$kit" _ prefect-server
  within 30 eval '[ "$(api /health)" = true ]'
  N=30 start submit bash -c "$kit" _ python -P -m workshop_kit.commands.submit_map
  within 20 grep -q "waiting    Prefect's queue holds 20 runs of my_background_task, its limit, and no task server takes them" "$submit_log"
  LIMIT=10 start taker bash -c "$kit" _ python examples/ex2_task_servers/task_server.py
  within 20 grep -q '30 of 30 runs completed' "$submit_log"
  kill -TERM "$taker_pid" "$server_pid"
  within 30 gone "$server_pid"
}

# bats test_tags=long
@test "the disk is full: a submit says so, what runs comes to an end once there is space, and the rest goes on" {
  mkdir -p "$WORKSHOP_HOME"
  need_small_disk "$WORKSHOP_HOME" 100m
  start_example 6 SERVERS=1 WORK_SECONDS=3
  local id
  id=$(make -s submit WAIT=0 2>/dev/null | run_id)
  within 30 is_in_state "$id" RUNNING
  dd if=/dev/zero of="$WORKSHOP_HOME/fill" bs=64k 2>/dev/null || true
  try make submit
  is "$status" 2 'exit code'
  has 'is full, so no more was submitted. Try: free some disk space'
  within 10 eval '[ -n "$(grep "$id.*cannot\|No space\|disk" "$stack_log")" ]'
  rm "$WORKSHOP_HOME/fill"
  within 30 eval 'api "/task_runs/$id" | json "d[\"state_type\"]" | grep -qE "COMPLETED|FAILED|CRASHED"'
  within 20 eval '[ "$(task_servers)" = 1 ]'
  ok make submit
  has 'completed  shipped to Marvin'
  ok make stop
  umount "$WORKSHOP_HOME"
}

# bats test_tags=long
@test "the disk is full in example 4: a sign-up says so, check says so, and with space all is well again" {
  mkdir -p "$WORKSHOP_HOME"
  need_small_disk "$WORKSHOP_HOME" 100m
  start_example 4 SERVERS=1
  dd if=/dev/zero of="$WORKSHOP_HOME/fill" bs=4k 2>/dev/null || true
  try make signup
  is "$status" 2 'exit code'
  # Whose file is the first to have no space: the user store's, or that of a run's parameters.
  grep -qE "the API answered (503: the user store refuses|507: the tasks' parameters cannot be stored)" <<<"$output"
  has 'No space left on device'
  try make check
  has '✗ there is disk space for more runs'
  has "the disk of $WORKSHOP_HOME is full. Try: free some disk space"
  rm "$WORKSHOP_HOME/fill"
  within 20 make signup # the store tries its log once a second
  ok make check
  ok make stop
  umount "$WORKSHOP_HOME"
}

@test "keep --always: killed from outside it is started again at once, however often; what fails by itself waits longer" {
  local kit='eval "$(make -s env)"; exec "$@"' n
  mkdir -p "$WORKSHOP_HOME/run"
  start patient bash -c "$kit" _ keep --always --name patient sleep 1000
  for n in 1 2 3 4 5; do
    within 5 eval 'kill -KILL "$(child_of patient)"'
    within 5 eval '[ "$(grep -c "patient was killed by SIGKILL; starting it again$" "$patient_log")" = '"$n"' ]'
  done
  start wrong bash -c "$kit" _ keep --always --name wrong false
  within 30 grep -q 'wrong ended with exit code 1; starting it again in 4 s' "$wrong_log"
  is "$(grep -c 'starting it again$' "$wrong_log")" 3 'lines with "starting it again"'
  kill -TERM "$patient_pid" "$wrong_pid"
  within 30 gone "$wrong_pid"
}

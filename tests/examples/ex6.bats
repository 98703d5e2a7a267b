#!/usr/bin/env bats
# Example 6: nothing is lost, whatever dies. One stack for the rows of the table, one for the server's queue and chaos.
# bats file_tags=ex6

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR
  start_example 6 WORK_SECONDS=3
}
teardown_file() { stop_and_check; }

# -> the id of a run that was submitted and not waited for
submitted() { make -s submit WAIT=0 2>/dev/null | run_id; }
# Submits a run and waits until it runs; sets $id, and the $pid in which it runs.
run_one() {
  id=$(submitted)
  within 10 eval '[ -n "$(began_in '"$id"')" ]'
  pid=$(began_in "$id")
}
# TASK [VERSION [slow]] -> submits a run of one of the example's tasks as a web app would, from another folder; its id
delay() {
  (
    eval "$(make -s env)"
    cd "$BATS_TEST_TMPDIR" && PYTHONPATH=$PYTHONPATH:$KIT/examples/ex6_nothing_lost PREFECT_LOGGING_LEVEL=ERROR python - "$@" <<'PY'
import sys, time
from durable import keyed
import task_server
class Slow:  # a parameter that takes two seconds to read
    def __reduce__(self):
        return time.sleep, (2,)
name, version, slow = [*sys.argv[1:], "1", ""][:3] if len(sys.argv) < 4 else sys.argv[1:]
task = keyed("ex6", version)(getattr(task_server, name))
print(task.delay(Slow() if slow else "Deep Thought").task_run_id)
PY
  )
}
# RUN-ID -> how often the task began, as the task itself notes it; the process in which it began last
begins() { grep -c "^begin $1 " "$WORKSHOP_HOME/shipped/diary.txt" 2>/dev/null || true; }
began_in() { sed -n "s/^begin $1 \([0-9]*\) .*/\1/p" "$WORKSHOP_HOME/shipped/diary.txt" | tail -n 1; }
# RUN-ID -> the messages of its states, as the UI shows them
messages() { api "/task_run_states/?task_run_id=$1" | json '"\n".join(s["name"] + ": " + (s["message"] or "") for s in d)'; }
# RUN-ID -> the process that has taken it last, by the records
taken_by() { grep -l "\"run\": \"$1\", \"event\": \"start\"" "$WORKSHOP_HOME"/task-servers/*.jsonl | sed 's/.*-\([0-9]*\)-[0-9]*\.jsonl/\1/'; }
all_task_servers() { for n in 1 2 3; do child_of "task_server.$n"; done; }
runs_in_state_are() { [ "$(count_in_state "$1")" = "$2" ]; }
is_up() { [ "$(task_servers)" = "${1:-3}" ]; }

# Kills the task server of a run, which is begun again; sets $id, and the $pid of the one that died
rescue_one() {
  run_one
  # The task begins before Prefect has been told so: killed in between, its first start would not count (Run Count 1).
  within 10 is_in_state "$id" RUNNING
  kill -KILL "$pid"
  within 15 eval '[ "$(begins '"$id"')" = 2 ]'
}

@test "kill -9 of a task server: its run is running again on another one within 15 s, and its states say why" {
  rescue_one
  compare "$(began_in "$id")" != "$pid" 'process of the run'
  within 30 is_in_state "$id" COMPLETED
  messages "$id" | grep 'Scheduled: Rescue 1 of 3, requeued: task_server.[123] (pid '"$pid"') died while it had this run'
  api /logs/filter "{\"logs\": {\"task_run_id\": {\"any_\": [\"$id\"]}}}" | json 'd[0]["message"]' | grep 'Rescue 1 of 3' # on its page
  grep -q "requeued 1 run(s): $id" "$stack_log"
  within 15 is_up
}

# bats test_tags=long
@test "the page of a run that was rescued has the rescue in its log, and a Run Count of 2" {
  need_chromium
  local why
  rescue_one
  within 30 is_in_state "$id" COMPLETED
  why=$(messages "$id" | sed -n 's/^Scheduled: \(Rescue\)/\1/p')
  shows "http://127.0.0.1:$PREFECT_PORT/runs/task-run/$id" "$why" 'click:text=Details' 'Run Count' 2
  within 15 is_up
}

@test "SIGTERM to a task server: what it runs finishes there, and nothing is started twice" {
  run_one
  kill -TERM "$pid"
  within 30 is_in_state "$id" COMPLETED
  is "$(begins "$id")" 1 'times that the run began'
  is "$(began_in "$id")" "$pid" 'process of the run'
  within 15 is_up
}

# bats test_tags=long
@test "a task server that is stopped for 11 s, or a run that is delivered twice: it is never started a second time" {
  run_one
  kill -STOP "$pid"
  # A second entry in the Prefect server's queue, as after a mistake of somebody's.
  api "/task_runs/$id/set_state" "$(state_of_queue "$id")"
  PATIENCE=1 never within 11 eval '[ "$(begins '"$id"')" != 1 ]'
  kill -CONT "$pid"
  within 30 is_in_state "$id" COMPLETED
  # The one that was sent it, perhaps the one that was stopped, has refused it.
  within 30 grep -qE "Task run $id (is refused|was delivered again)" "$stack_log"
  is "$(begins "$id")" 1 'times that the run began'
  ok make rescue
  has 'nothing to requeue'
  within 15 is_up
}
# RUN-ID -> the request that puts a run into the queue with the parameters that it has
state_of_queue() {
  local parameters
  parameters=$(api "/task_run_states/?task_run_id=$1" | json '[s["state_details"]["task_parameters_id"] for s in d if s["type"] == "SCHEDULED"][0]')
  echo "{\"force\": true, \"state\": {\"type\": \"SCHEDULED\", \"state_details\": {\"deferred\": true, \"task_parameters_id\": \"$parameters\"}}}"
}

# bats test_tags=long
@test "a task server dies between delivery and Pending: the run is delivered again" {
  local id
  id=$(delay ship 1 slow)
  within 15 eval '[ -n "$(taken_by '"$id"')" ]'
  kill -KILL "$(taken_by "$id")"
  is_in_state "$id" SCHEDULED # and Prefect's queue has forgotten it
  compare "$(begins "$id")" != 1 'times that the run began'
  within 15 eval '[ "$(begins '"$id"')" = 1 ]'
  within 30 is_in_state "$id" COMPLETED
  messages "$id" | grep 'died while it had this run'
  within 15 is_up
}

# bats test_tags=long
@test "a run raises, hangs, or kills its process again and again: each has a state and a message, the others go on" {
  local fail hang poison numbers=127.0.0.1:$WEB_PORT/metrics
  # Beside it durable's metrics, which count each end once.
  start metrics bash -c 'make -s shell <<<"exec python -m durable metrics --every 1 --port $1"' _ "$WEB_PORT"
  within 20 eval 'curl -s $numbers | grep -q "^durable_up 1.0"'
  fail=$(delay fail) hang=$(delay hang) poison=$(delay poison)
  ok make submit-map N=6
  has '6 of 6 runs completed'
  is_in_state "$fail" FAILED
  messages "$fail" | grep 'no parcel for Deep Thought'
  within 30 is_in_state "$hang" FAILED
  messages "$hang" | grep 'TimedOut: Task run exceeded timeout of 3 second(s), and could not be interrupted'
  within 30 is_in_state "$poison" CRASHED
  messages "$poison" | grep 'Crashed: Given up after 3 rescues: the task servers that had this run died'
  is "$(messages "$poison" | grep -c 'Rescue [123] of 3')" 3 'rescues of the run'
  within 20 is_up
  within 10 eval 'curl -s $numbers | grep -q "^durable_runs_given_up_total 1.0"'
  local ended='durable_runs_ended_total{state='
  within 10 eval 'curl -s $numbers | grep -q "^$ended\"crashed\",task=\"ex6.poison-1\"} 1.0"'
  within 10 eval 'curl -s $numbers | grep -q "^$ended\"failed\",task=\"ex6.fail-1\"} 1.0"'
  within 10 eval 'curl -s $numbers | grep -q "^$ended\"failed\",task=\"ex6.hang-1\"} 1.0"'
  within 10 eval 'curl -s $numbers | grep -q "^$ended\"completed\",task=\"ex6.ship-1\"} 6.0"'
  curl -s "$numbers" | grep '^durable_runs_lost{kind="orphaned"} 0.0'
  kill -TERM -- "-$metrics_pid"
  within 10 gone "$metrics_pid"
}

# bats test_tags=long
@test "a task server without the shared result storage: one line, nothing is deleted, the others run everything" {
  local typed=$BATS_TEST_TMPDIR/typed before
  before=$(count_in_state COMPLETED)
  echo "PREFECT_LOCAL_STORAGE_PATH=$BATS_TEST_TMPDIR/elsewhere TASK_SERVER_NAME=stranger exec python examples/ex6_nothing_lost/task_server.py" >"$typed"
  "${PROCESS[@]}" session make shell WORK_SECONDS=3 <"$typed" >"$BATS_TEST_TMPDIR/stranger.log" 2>&1 3>&- &
  local stranger=$!
  within 20 is_up 4
  ok make submit-map N=16
  has '16 of 16 runs completed'
  kill -TERM -- "-$stranger"
  wait "$stranger" || true
  cat "$BATS_TEST_TMPDIR/stranger.log"
  grep -q 'cannot be read here (.*); nothing is deleted, and it is requeued. Try: use the submitter.s result storage' "$BATS_TEST_TMPDIR/stranger.log"
  never grep -q Traceback "$BATS_TEST_TMPDIR/stranger.log"
  runs_in_state_are COMPLETED $((before + 16))
}

# bats test_tags=long
@test "a run for code that nobody serves: a line that says so, and it waits until somebody does" {
  local id
  id=$(delay ship 0)
  within 20 grep -q '1 run(s) wait for ex6.ship-0, which no task server serves: none is up, or they have other code. Try: ' "$stack_log"
  is_in_state "$id" SCHEDULED
  ok make rescue
  has 'wait for ex6.ship-0'
  api "/task_runs/$id/set_state" '{"force": true, "state": {"type": "CANCELLED"}}' >/dev/null
}

@test "make kill lists what lives, and kills nothing that it does not know; make rescue finds nothing lost" {
  LIMIT_S=20 try make kill
  is "$status" 2 'exit code'
  has 'task_server.2   pid '
  has 'server.1        pid '
  has 'make kill WHO=task_server.1'
  refused 'make kill WHO=task_server.1' make kill WHO='$(touch x)'
  refused 'make kill WHO=task_server.1' make kill WHO=99
  not_there x
  ok make rescue
}

# bats test_tags=long
@test "make submit and make check work here; make chaos and make rescue refuse another server" {
  ok make submit NAME='../../x $(touch y)'
  has 'shipped to ../../x $(touch y)'
  ok make runs N=5
  has 'task_server.'
  try make check EX=6
  has '✓ task servers subscribed to ex6.ship: 3 of 3'
  has '✓ no run is left Running by a task server that is dead'
  refused 'make chaos (without REMOTE=1)' make chaos REMOTE=1
  refused 'make rescue (without REMOTE=1)' make rescue REMOTE=1
  refused 'make chaos N=300' make chaos N=none
  refused "SECONDS='x' is not a whole number from 5 to 3600. Try: make chaos SECONDS=60" make chaos SECONDS=x
  refused 'RESCUE=1' make ex6 RESCUE=2
}

# bats test_tags=long,slow
@test "the Prefect server and every task server die at once with 500 runs queued: all are delivered" {
  ok make stop
  start_example 6 WORK_SECONDS=0.05
  all_task_servers | xargs kill -STOP
  local before waiting
  before=$(count_in_state COMPLETED) waiting=$(count_in_state SCHEDULED)
  ok make submit-map N=500 WAIT=0
  runs_in_state_are SCHEDULED $((waiting + 500))
  { child_of server.1; all_task_servers; } | xargs kill -KILL
  within 180 runs_in_state_are COMPLETED $((before + 500)) # 25 a second, or a third of that beside other tests
  # On a busy machine the server may be back before a task server has seen that it was gone; then the reason is another.
  grep -qE 'requeued [0-9]+ run\(s\)' "$stack_log"
}

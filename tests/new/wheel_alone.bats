#!/usr/bin/env bats
# The wheel of durable alone, in an environment outside of the kit, with no file and no variable of the kit: it does all that
# its README says, and its alarm reaches a real Prometheus. DURABLE_PREFECT=3.8.0: with that Prefect in the place of the locked.
# bats file_tags=wheel

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export ENVIRONMENT=$BATS_FILE_TMPDIR/environment SHOP="$BATS_FILE_TMPDIR/a shop" LOG_DIR=$BATS_FILE_TMPDIR
  mkdir -p "$SHOP/records"
  ok make wheel OUT="$BATS_FILE_TMPDIR"
  "$PYTHON_OF_TESTS" -m venv "$BATS_FILE_TMPDIR/tools"
  ok "$BATS_FILE_TMPDIR/tools/bin/pip" install --quiet --require-hashes -r requirements/uv.txt
  # Of the kit's lock the versions alone: what is installed is what the wheel asks for.
  sed -n 's/^\([a-z0-9._-]*==[^ ;]*\).*/\1/p' requirements/core.txt >"$BATS_FILE_TMPDIR/versions.txt"
  if [ -n "${DURABLE_PREFECT:-}" ]; then
    { grep '^fastapi==' requirements/core.txt | cut -d' ' -f1 && echo "prefect==$DURABLE_PREFECT"; } >"$BATS_FILE_TMPDIR/versions.txt"
  fi
  local uv=$BATS_FILE_TMPDIR/tools/bin/uv
  ok "$uv" venv --quiet --python "$PYTHON_OF_TESTS" "$ENVIRONMENT"
  ok env VIRTUAL_ENV="$ENVIRONMENT" "$uv" pip install --quiet --compile-bytecode --constraint "$BATS_FILE_TMPDIR/versions.txt" "$BATS_FILE_TMPDIR"/*.whl
  cat >"$SHOP/shop.py" <<'PY'
import os
import sys
import time

from durable import json_only, keyed, serve
from prefect import task

json_only(os.environ["PLAIN_STORAGE"])


@keyed("shop")
@task
def work(seconds: float) -> str:
    print("began", flush=True)
    time.sleep(seconds)
    return f"worked {seconds:g} s"


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(work, limit=4, name=sys.argv[2], records=os.environ["RECORDS"])
    else:
        print("run", work.delay(float(sys.argv[2])).task_run_id)
PY
  setup
  begin server python -m durable port --address "127.0.0.1:$WEB_PORT" --folder port --records records --prefect-port "$PREFECT_PORT"
  begin rescuer python -m durable rescue --records records
  begin metrics python -m durable metrics --records records --port $((WEB_PORT + 1)) --every 1
  within 60 curl -sf "$API/health"
}

setup() {
  ALONE=(env -i "PATH=$ENVIRONMENT/bin:/usr/bin:/bin" "HOME=$HOME" LANG=C.UTF-8 "PREFECT_HOME=$SHOP/prefect" "PREFECT_API_URL=$API"
    PREFECT_TASKS_SCHEDULING_DELETE_FAILED_SUBMISSIONS=false DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false
    "RECORDS=$SHOP/records" "PLAIN_STORAGE=$SHOP/port/storage")
  cd "$SHOP" || return 1
}
teardown() { show_failure; }
teardown_file() {
  local pid
  while read -r pid; do kill -TERM -- "-$pid" 2>/dev/null || true; done <"$BATS_FILE_TMPDIR/pids"
  while read -r pid; do within 20 gone "$pid" || kill -KILL -- "-$pid"; done <"$BATS_FILE_TMPDIR/pids"
  no_leaks
}

# NAME COMMAND... -> starts it there in the background, as start does; the teardown ends it
begin() {
  start "$1" "${ALONE[@]}" "${@:2}"
  local pid=${1}_pid
  echo "${!pid}" >>"$BATS_FILE_TMPDIR/pids"
}
# NAME -> a task server of that name, once it serves
serving() {
  begin "$1" python shop.py serve "$1"
  local log=${1}_log
  within 30 grep -q "$1 serves work" "${!log}"
}
# SECONDS -> submits a run that takes so long; sets $run
submit() {
  ok "${ALONE[@]}" python shop.py submit "$1"
  run=$(sed -n 's/^run //p' <<<"$output")
}
# NAME -> the run has ended well, on that task server
completed_on() {
  within 60 is_in_state "$run" COMPLETED
  ok "${ALONE[@]}" python -c 'import os, sys, durable
records = durable.Records(os.environ["RECORDS"])
records.read()
print("ran on", records.ran_on(sys.argv[1]))' "$run"
  has "ran on $1"
}
# NAME -> its value in the metrics
metric() { curl -sf "127.0.0.1:$((WEB_PORT + 1))/metrics" | sed -n "s/^$1 //p"; }

# bats test_tags=long
@test "the wheel alone serves, drains, survives kill -9, rescues, joins from a second folder, and counts" {
  ok "${ALONE[@]}" python -c 'import durable; print(durable.__version__, durable.__file__)'
  has "$ENVIRONMENT/lib"
  serving one
  submit 0
  completed_on one
  # SIGTERM: the run finishes first.
  submit 6 # longer than a busy machine takes to come to the next line
  within 10 eval '[ "$(grep -c began "$one_log")" -eq 2 ]'
  kill -TERM "$one_pid"
  within 20 gone "$one_pid"
  grep -q 'Stopping: taking nothing new, finishing 1 run' "$one_log"
  grep -q 'Stopped; nothing is in flight' "$one_log"
  completed_on one
  # kill -9: the run starts again on another one.
  serving two
  submit 6
  within 10 grep -q began "$two_log"
  kill -KILL "$two_pid"
  within 20 gone "$two_pid"
  serving three
  completed_on three
  within 5 grep -q 'requeued 1 run' "$BATS_FILE_TMPDIR/rescuer.log"
  ok "${ALONE[@]}" python -m durable lost --records records
  is "$output" '' 'lost runs'
  kill -TERM "$three_pid"
  within 20 gone "$three_pid"
  # Another folder, with nothing of this one but the address and the code.
  mkdir -p ../elsewhere
  cp shop.py ../elsewhere/
  local code
  code=$(cat port/code)
  cd ../elsewhere
  begin far env -u RECORDS -u PLAIN_STORAGE -u PREFECT_API_URL "PREFECT_HOME=$PWD" "JOIN_CODE=$code" python -m durable at "127.0.0.1:$WEB_PORT" python shop.py serve far
  cd "$SHOP"
  within 40 grep -q 'far serves work' "$far_log"
  submit 0
  completed_on 'far on '
  kill -TERM "$far_pid"
  within 20 gone "$far_pid"
  # Each counted once, the rescued one too.
  local task='task="shop.work-1"'
  within 10 eval '[ "$(metric "durable_runs_ended_total{state=\"completed\",$task}")" = 4.0 ]'
  is "$(metric durable_runs_rescued_total)" 1.0 'rescued runs'
  is "$(metric "durable_run_seconds_count{$task}")" 4.0 'runs with their seconds'
  within 5 eval '[ "$(metric durable_task_servers_alive)" = 0.0 ]'
}

# bats test_tags=long
@test "the folder itself is installed by pip, and with -e in place" {
  local pip=$BATS_FILE_TMPDIR/tools/bin/pip python=$BATS_FILE_TMPDIR/tools/bin/python
  ok "$pip" install --quiet --no-deps "$KIT/durable"
  ok env -u PYTHONPATH "$python" -c 'import durable; print(durable.__file__)'
  has "$BATS_FILE_TMPDIR/tools/lib/"
  ok "$pip" install --quiet --no-deps -e "$KIT/durable"
  ok env -u PYTHONPATH "$python" -c 'import durable; print(durable.__file__)'
  has "$KIT/durable/src/durable/__init__.py"
  ok "$pip" uninstall --quiet --yes durable-task-servers
  is "$(find "$KIT/durable" -name '*.egg-info' -o -name build -o -name dist)" '' 'what it left in the folder'
}

# bats test_tags=long
@test "with a Prefect that it does not support it prints one line, once, and serves" {
  mkdir -p other/prefect-3.99.0.dist-info
  printf 'Metadata-Version: 2.1\nName: prefect\nVersion: 3.99.0\n' >other/prefect-3.99.0.dist-info/METADATA
  begin four env PYTHONPATH=other python -c 'import durable, shop
durable.serve(shop.work, timeout=0.1)
durable.serve(shop.work, name="four")'
  within 30 grep -q 'four serves work' "$four_log"
  submit 0
  within 30 is_in_state "$run" COMPLETED
  kill -TERM "$four_pid"
  within 20 gone "$four_pid"
  is "$(grep -c 'durable is tested with' "$four_log")" 1 'lines of warning'
  grep -qF 'is 3.99.0; continuing. Try: pip install "prefect>=' "$four_log"
}

# bats test_tags=long,slow
@test "the last task server is killed: within 60 s a real Prometheus says so; the Prefect server is away: durable_up is 0" {
  need_prometheus
  serving five
  within 10 eval '[ "$(metric durable_task_servers_alive)" = 1.0 ]'
  local alarms port=$((WEB_PORT + 2)) began
  alarms=$("${ALONE[@]}" python -c 'import durable, pathlib; print(pathlib.Path(durable.__file__).with_name("alarms.yaml"))')
  cat >prometheus.yaml <<YAML
global: {scrape_interval: 15s, evaluation_interval: 15s}
rule_files: ["$alarms"]
scrape_configs: [{job_name: durable, static_configs: [{targets: ["127.0.0.1:$((WEB_PORT + 1))"]}]}]
YAML
  begin prometheus prometheus --config.file=prometheus.yaml --storage.tsdb.path=prometheus --web.listen-address="127.0.0.1:$port"
  within 40 eval 'curl -sf "127.0.0.1:$port/api/v1/query?query=durable_task_servers_alive" | grep -q "\"1\""'
  never grep -q firing <<<"$(curl -sf "127.0.0.1:$port/api/v1/alerts")"
  kill -KILL "$five_pid"
  began=$SECONDS
  PATIENCE=1 within 60 eval 'curl -sf "127.0.0.1:$port/api/v1/alerts" | grep -q "DurableNoTaskServer.*firing"'
  echo "# the alarm came $((SECONDS - began)) s after the kill" >&3
  kill -KILL "$(head -n 1 "$BATS_FILE_TMPDIR/pids")"
  within 20 eval '[ "$(metric durable_up)" = 0.0 ]'
  grep -q 'metrics: the Prefect API or the records are unreachable' "$BATS_FILE_TMPDIR/metrics.log"
}

#!/usr/bin/env bats
# OURS=0: Prefect alone, so that everybody can see what is ours.
# bats file_tags=ex2

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# MODULE NAME -> the module that this name of Prefect's comes from, in the kit's environment
comes_from() {
  # shellcheck disable=SC2016
  ok bash -c '. scripts/env.sh; exec python -c "
import importlib, inspect, sys
module, name = sys.argv[1:]
found = importlib.import_module(module)
for part in name.split(\".\"):
    found = getattr(found, part)
print(inspect.unwrap(getattr(found, \"__func__\", found)).__module__)" "$@"' - "$@"
}

# bats test_tags=long,slow
@test "OURS=0: no patch in any process, Prefect's own serve, and check and runs say what nobody knows then" {
  export OURS=0
  start_example 2 SERVERS=1
  grep -q 'prefect.task_worker - Subscribing to runs of task(s): my_background_task' "$stack_log"
  grep -q "^serve: Prefect's own (OURS=0)" "$stack_log"
  ok make submit OURS=0 NAME=Agrajag
  has 'Hello, Agrajag!'
  ok make check
  has '- OURS=0: no task server keeps a record'
  ok make runs
  has_not 'called directly'
  local name
  for name in 'prefect.task_worker serve' 'prefect.task_runs TaskRunWaiter.start' 'prefect.tasks Task.apply_async' \
    'prefect.task_engine BaseTaskRunEngine.handle_rollback' 'prefect.context SettingsContext.serialize'; do
    # shellcheck disable=SC2086
    comes_from $name
    is "$output" "${name% *}" "where $name comes from"
  done
  OURS=1 comes_from prefect.task_worker serve
  is "$output" sitecustomize 'where serve comes from without OURS=0'
  OURS=1 comes_from prefect.task_runs TaskRunWaiter.start
  is "$output" durable.waiting 'where waiting comes from without OURS=0'
}

@test "OURS=0 with an example that is made of durable is refused in one line" {
  refused 'make ex2 OURS=0' make ex6 OURS=0
  refused 'OURS=0' make ex2 OURS=no
}

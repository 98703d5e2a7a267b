#!/usr/bin/env bats
# A learner's files may have the names of the kit's own modules: neither hides the other.
# bats file_tags=code

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# bats test_tags=long
@test "twenty modules of a learner's with names of the kit's: the example, submit, submit-map and check take the right ones" {
  local mine="$BATS_TEST_TMPDIR/mine" name
  local names="workshop records waiting tuned database remote run start keep ready check watch submit runs kill demo chaos bench examples mistakes learners launch"
  mkdir "$mine"
  cp examples/ex2_task_servers/*.py "$mine/"
  for name in $names; do echo 'GREETING = "Hi"' >"$mine/$name.py"; done
  {
    for name in $names; do printf 'import %s\nassert %s.GREETING == "Hi"\n' "$name" "$name"; done
    sed 's/Hello/{records.GREETING}/' examples/ex2_task_servers/task_server.py
  } >"$mine/task_server.py"
  start_example 2 CODE="$mine"
  ok make submit
  has 'Hi, Marvin!'
  ok make submit-map
  has '3 of 3 runs completed'
  ok make check
  has 'it has none of the mistakes that the kit knows'
  has 'every promise holds'
}

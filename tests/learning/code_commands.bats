#!/usr/bin/env bats
# Code along: make code, solve and reset, and CODE= with a folder that cannot run.
# bats file_tags=code

load ../helpers/base
load ../helpers/code

@test "make code puts a skeleton there, says what is to write and what comes next, and overwrites nothing" {
  local n
  touch "$COPY/examples/ex5_marvin/.openai.env"
  for n in $(every_example); do
    ok "${THERE[@]}" make code EX="$n"
    has 'to write, step by step:'
    has "make ex$n CODE=my/ex$n"
    has "make check EX=$n"
    not_there "$MY/ex$n/README.md" "$MY/ex$n/steps.toml"
    grep -rq "^ *# $n\.1 " "$MY/ex$n"
  done
  not_there "$MY/ex5/.openai.env" # a key stays where it is
  there "$MY/ex4/templates/signup.html" "$MY/ex4/static/signup.js" "$MY/ex5/models.py"
  grep -qx '# 2.2 Make this function a task.' "$MY/ex2/task_server.py"
  echo mine >"$MY/ex2/task_server.py"
  refused 'make reset EX=2' "${THERE[@]}" make code EX=2
  is "$(cat "$MY/ex2/task_server.py")" mine "the learner's file"
  for n in '' 0 '$(touch x)' '2 3'; do refused 'make code EX=2' "${THERE[@]}" make code EX="$n"; done
  refused 'make solve EX=2' "${THERE[@]}" make solve
  refused 'make reset EX=2' "${THERE[@]}" make reset EX=9
  grep -qx '/my/' .gitignore
}

@test "make solve shows the difference, APPLY=1 takes the finished files; solve and reset keep what was there" {
  refused 'make code EX=2' "${THERE[@]}" make solve EX=2
  refused 'make code EX=2' "${THERE[@]}" make solve EX=2 APPLY=1
  refused 'make code EX=2' "${THERE[@]}" make reset EX=2
  "${THERE[@]}" make -s code EX=2
  echo '# mine' >>"$MY/ex2/task_server.py"
  echo 'notes' >"$MY/ex2/notes.txt"
  ok "${THERE[@]}" make solve EX=2
  has '--- my/ex2/task_server.py'
  has '+++ examples/ex2_task_servers/task_server.py'
  has '+    serve(my_background_task, limit=LIMIT)'
  has '-# mine'
  never grep -q $'\033' <<<"$output"
  ok "${TERMINAL[@]}" bash -c 'cd "$COPY" && make solve EX=2'
  grep -q $'\033\[1m+    serve' <<<"$output"
  ok_without_escapes NO_COLOR=1 bash -c 'cd "$COPY" && make solve EX=2'
  refused 'APPLY=0' "${THERE[@]}" make solve EX=2 APPLY=yes
  ok "${THERE[@]}" make solve EX=2 APPLY=1
  has 'kept what you had: my/ex2.1'
  has 'taken: my/ex2/task_server.py'
  grep -qx '# mine' "$MY/ex2.1/task_server.py"
  for file in task_server task_submitter task_submitter_map; do cmp "$MY/ex2/$file.py" "examples/ex2_task_servers/$file.py"; done
  ok "${THERE[@]}" make solve EX=2
  has 'no difference'
  ok "${THERE[@]}" make solve EX=2 APPLY=1
  has 'nothing to take'
  not_there "$MY/ex2.2"
  sed -i.was 's/$/\r/' "$MY/ex2/task_server.py" && rm "$MY/ex2/task_server.py.was" # an editor of Windows
  ok "${THERE[@]}" make solve EX=2
  has 'no difference'
  ok "${THERE[@]}" make solve EX=2 APPLY=1
  has 'nothing to take'
  cp examples/ex2_task_servers/task_server.py "$MY/ex2/"
  ok "${THERE[@]}" make reset EX=2
  has 'kept what you had: my/ex2.2'
  ok "${THERE[@]}" make reset EX=2
  has 'kept what you had: my/ex2.3'
  grep -qx '# mine' "$MY/ex2.1/task_server.py"
  cmp "$MY/ex2.2/task_server.py" examples/ex2_task_servers/task_server.py
  there "$MY/ex2.2/notes.txt"
  grep -qx '# 2.2 Make this function a task.' "$MY/ex2/task_server.py"
  # A file of the example that was deleted is there again.
  rm "$MY/ex2/task_submitter.py"
  ok "${THERE[@]}" make solve EX=2
  has '+++ examples/ex2_task_servers/task_submitter.py'
}

@test "make catch-up puts the files there as after a step, keeps what was there byte for byte, and says what comes next" {
  ok "${THERE[@]}" make catch-up EX=4 STEP=3 # for somebody who arrived late: nothing was there yet
  has 'next: make learn EX=4'
  grep -q '^    serve($' "$MY/ex4/signup_tasks.py"
  grep -q '# 4.4 ' "$MY/ex4/signup_tasks.py"
  never grep -q '# 4.3 ' "$MY/ex4/signup_tasks.py"
  printf 'mine\r\n\0' >"$MY/ex4/signup_tasks.py"
  echo notes >"$MY/ex4/notes.txt"
  cp -R "$MY/ex4" "$BATS_TEST_TMPDIR/before"
  # In no time: who comes late is to follow at once. What is refused is made by the same command, and does nothing.
  TRIES=1 takes_at_most 10 'try "${THERE[@]}" make catch-up EX=4 STEP=9' ok "${THERE[@]}" make catch-up EX=4 STEP=4.8
  has 'kept what you had: my/ex4.1'
  diff -r "$BATS_TEST_TMPDIR/before" "$MY/ex4.1"
  cmp "$MY/ex4/signup_tasks.py" examples/ex4_signups/signup_tasks.py
  local step
  for step in 9 x 3.1 '$(touch x)' -1; do refused 'make catch-up EX=4 STEP=1' "${THERE[@]}" make catch-up EX=4 STEP="$step"; done
  refused 'STEP is missing' "${THERE[@]}" make catch-up EX=4
  refused 'make catch-up EX=2' "${THERE[@]}" make catch-up STEP=3
  diff -r "$BATS_TEST_TMPDIR/before" "$MY/ex4.1"
  not_there "$MY/ex4.2" "$MY/.ex4.new"
}

@test "CODE that cannot run is refused before anything starts" {
  refused 'make code EX=2' make ex2 CODE=my/nowhere
  refused 'make code EX=1' make ex1 CODE=my/nowhere
  mkdir -p "$MY/ex2"
  refused 'lacks task_server.py' make ex2 CODE="$MY/ex2"
  written 4
  rm "$MY/ex4/page.py"
  refused 'lacks page.py' make ex4 CODE="$MY/ex4"
  written 5
  refused 'without DOCKER=1' make ex5 CODE="$MY/ex5" DOCKER=1
  mkdir "$MY/a:b"
  refused "has a ':'" make ex2 CODE="$MY/a:b"
  refused 'make code EX=2' make check EX=2 CODE="$MY/ex2"
  not_there "$WORKSHOP_HOME/run/example"
}

@test "an untouched skeleton gets a sentence, with its file and line, and nothing starts" {
  "${THERE[@]}" make -s code EX=2 # the others: tests/kit/test_mistakes.py
  refused 'is not a task yet. Try: write the line @task above' make ex2 CODE="$MY/ex2"
  grep -qE "/my/ex2/[a-z_]+\.py:[0-9]+: " <<<"$output"
  try make check EX=2 CODE="$MY/ex2"
  has 'judging your code in '
  has 'task_server.py:13: my_background_task is not a task yet'
  has 'nothing serves the task'
  has 'task_submitter.py:3: steps 2.4, 2.5 and 2.6 are to be written'
  has 'Try: make learn EX=2'
  has '✗ the Prefect server is healthy'
  has "make ex2 CODE=$MY/ex2"
  # Step by step: what is only unfinished, and elsewhere, does not keep the task server from starting.
  cp examples/ex2_task_servers/task_server.py "$MY/ex2/"
  unaccused 2 "$MY/ex2"
}

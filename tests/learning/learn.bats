#!/usr/bin/env bats
# make learn, in a real terminal of 80 by 24: each key, the sentence after a save, and what may go wrong meanwhile.
# bats file_tags=code

load ../helpers/base
load ../helpers/code

setup() {
  own_kit
  socket=$BATS_TEST_TMPDIR/tmux
  export EX=2
}
teardown() {
  if [ -z "${BATS_TEST_COMPLETED:-}" ]; then screen; fi 2>/dev/null || true # what was shown of what failed
  tmux -S "$socket" kill-server 2>/dev/null || true
  stop_and_check
  rm -rf "$MY"
}

screen() { tmux -S "$socket" capture-pane -p; }
press() { tmux -S "$socket" send-keys "$@"; }
# TEXT -> waits until the screen shows it, however its lines are broken
shows_soon() { within 40 eval 'screen | tr -d " \n" | grep -qF -- "$(tr -d " \n" <<<"'"${1//\"/\\\"}"'")"'; }
shows_no_more() { within 40 eval '! screen | tr -d " \n" | grep -qF -- "$(tr -d " \n" <<<"'"${1//\"/\\\"}"'")"'; }
# [COMMAND] -> a terminal with make learn in it
learn() {
  need_tmux
  tmux -S "$socket" new-session -d -x 80 -y 24 "cd '$COPY' && env WORKSHOP_HOME='$WORKSHOP_HOME' PREFECT_PORT=$PREFECT_PORT WEB_PORT=$WEB_PORT HOME='$HOME' PS1='> ' bash --norc" 3>&-
  press "${1:-make learn EX=$EX}" Enter
}
# STEP -> the files as they are after that step, each saved as an editor does it
save() {
  local folder=$BATS_TEST_TMPDIR/after file
  mkdir -p "$folder"
  (cd "$COPY" && scripts/py.sh learners.steps "$EX" "$folder" "$1") || return 1
  for file in "$folder"/*.py; do
    cmp -s "$file" "$MY/ex$EX/${file##*/}" || { cp "$file" "$MY/ex$EX/new" && mv "$MY/ex$EX/new" "$MY/ex$EX/${file##*/}"; }
  done
}
quickest() { printf '%s\n' "$@" | sort -n | head -n 1; }
# COMMAND -> typed in make shell, in the learner's folder
by_hand() { printf 'cd my/ex%s\n%s\n' "$EX" "$1" | "${THERE[@]}" make -s shell; }

@test "a module's docstring is its help" {
  ok scripts/py.sh learners.steps -h
  has 'The steps of an example'
}

@test "each key of make learn does what it says, and q leaves the terminal as it was" {
  learn
  shows_soon 'step 2.1 of 2.9'
  shows_soon 'task_server.py:6: task is not imported yet'
  shows_soon 'the skeleton is in my/ex2'
  press h
  shows_soon 'hint 1: One name makes the function a task'
  press h
  shows_soon 'hint 2: Read “The words of the tutorial” in examples/ex2_task_servers/README.md'
  press h
  shows_soon 'hint 3: It looks like this'
  press h
  shows_soon 'there is no other hint'
  press s
  shows_soon 'from prefect.task_worker import serve'
  shows_soon 'any key: back'
  press z
  shows_soon '▸ 2.1 import the decorator'
  save 1
  shows_soon '✓ 2.1'
  shows_soon '▸ 2.2'
  press l # a hint that was given is there after success, too
  shows_soon 'example 6: the same tasks while things break: nothing is lost: 0 of 5 steps'
  shows_soon '✓ 2.1 · 2.2'
  shows_soon 'hint for 2.1: One name makes the function a task'
  press l
  press n
  shows_soon 'skipped step 2.2'
  shows_soon '▸ 2.3'
  echo '# mine' >>"$MY/ex2/task_server.py"
  cp -R "$MY/ex2" "$BATS_TEST_TMPDIR/before"
  press x
  shows_soon 'yours is kept in my/ex2.1'
  diff -r -x __pycache__ "$BATS_TEST_TMPDIR/before" "$MY/ex2.1"
  never grep -q '# mine' "$MY/ex2/task_server.py"
  grep -q '# 2.3 ' "$MY/ex2/task_server.py"
  grep -q '# 2.2 ' "$MY/ex2/task_server.py" # which was gone past
  grep -q '^from prefect import task$' "$MY/ex2/task_server.py"
  press q
  within 10 eval 'screen | grep -qx "> *"'
  press 'echo still here' Enter # it shows, and Enter works
  within 5 eval '[ "$(screen | grep -c "still here")" = 2 ]'
  is "$(json 'd["hints"], *d["skipped"], *d["done"]' <"$MY/progress.json")" "{'2.1': 3} 2.2 2.1" 'progress'
  ok "${THERE[@]}" make learn EX=
  has 'example 2: the Prefect server and task servers: 1 of 9 steps'
  has '✓ 2.1 – 2.2 · 2.3'
}

# bats test_tags=long
@test "from the skeleton to the last step of example 2, as it is learnt; then the example ends with q" {
  learn
  shows_soon 'step 2.1 of 2.9'
  save 2
  shows_soon 'the example does not run'
  save 3
  shows_soon '▸ written; not seen yet'
  shows_soon 'the example runs'
  shows_soon '▸ 2.4'
  save 6
  shows_soon 'type next, in another terminal: make shell, and there: cd my/ex2; python task_submitter.py'
  by_hand 'python task_submitter.py'
  shows_soon '▸ 2.7'
  save 8
  by_hand 'python task_submitter_map.py'
  shows_soon '▸ 2.9'
  shows_soon 'type next, in another terminal: make submit-map N=20'
  ok make submit-map N=20
  shows_soon '✓ example 2 is done'
  shows_soon 'Learnt: One program submits a task run'
  shows_soon 'Next: make learn EX=3'
  cp "$MY/ex2/task_server.py" "$BATS_TEST_TMPDIR/right"
  exchange "$MY/ex2/task_server.py" 'def my_background_task(' 'def my_background_task(('
  shows_soon 'is no valid Python'
  shows_soon '✓ 2.1' # what was written stays so
  cp "$BATS_TEST_TMPDIR/right" "$MY/ex2/task_server.py"
  shows_soon '✓ example 2 is done'
  refused 'make stop, then make learn EX=3' "${THERE[@]}" make learn EX=3
  # Without a terminal: the same, once.
  ok "${THERE[@]}" make learn
  has '✓ example 2 is done'
  press q
  within 40 no_leaks
  ok "${THERE[@]}" make learn # all was seen before
  rm "$MY/ex2/task_submitter.py"
  try "${THERE[@]}" make learn
  is "$status" 2 'exit code of make'
  has 'task_submitter.py: is not there. Try: press the key x'
}

# bats test_tags=long
@test "a save in the middle of a word, a syntax error, a deleted file, a spoilt progress file: it says so and stays" {
  ok "${THERE[@]}" make code
  mkdir -p "$MY"
  echo '{"done": ' >"$MY/progress.json"
  learn
  shows_soon 'my/progress.json could not be read, and begins again; it is kept as my/progress.json.1'
  is "$(cat "$MY/progress.json.1")" '{"done": ' 'what was spoilt'
  local began=$SECONDS
  while [ $((SECONDS - began)) -lt 3 ]; do # an editor that saves all the time
    echo 'from pref' >>"$MY/ex2/task_server.py"
    never eval 'screen | grep -q "no valid Python"'
    read -rt 0.3 <> <(:) || true
  done
  shows_soon 'is no valid Python'
  save 1
  shows_soon '▸ 2.2'
  rm "$MY/ex2/task_server.py"
  shows_soon 'my/ex2/task_server.py: is not there'
  press x
  shows_soon 'as the kit has it before step 2.1'
  shows_no_more 'is not there'
  rm "$MY/ex2/task_submitter_map.py" # a file of another step
  shows_soon 'task_submitter_map.py: is not there'
  press x
  shows_no_more 'is not there'
  there "$MY/ex2/task_submitter_map.py"
  rm -r "$MY/ex2"
  shows_soon 'my/ex2: is not there'
  press x
  shows_no_more 'is not there'
  there "$MY/ex2/task_server.py"
  echo '{"done": {"2.1": 1}, "skipped": {}, "hints": {}, "seconds": {}}' >"$MY/progress.json" # edited by hand
  press h
  shows_soon 'hint 1'
  is "$(json 'd["hints"]' <"$MY/progress.json")" "{'2.1': 1}" 'hints'
  there "$MY/progress.json.2"
  tmux -S "$socket" kill-server # its window is closed
  within 10 eval '! pgrep -f "$COPY/.venv/bin/python.*commands.learn"'
}

# bats test_tags=long
@test "a closed terminal and Ctrl-C end the example that make learn started; one that ran before stays" {
  ok "${THERE[@]}" make catch-up STEP=9
  learn
  shows_soon 'the example runs'
  tmux -S "$socket" kill-server
  within 40 no_leaks
  learn
  shows_soon 'the example starts'
  press C-c
  shows_soon 'left; your files are in the folder my'
  within 40 no_leaks
  start_example 2 CODE="$MY/ex2"
  press 'clear; make learn EX=2' Enter
  shows_soon 'the example runs in another terminal'
  press q
  within 10 eval 'screen | grep -qx "> *"'
  ok make status
}

# bats test_tags=long
@test "a terminal without a cursor gets plain lines, and no escape sequence; wrong input is refused" {
  local n
  learn "TERM=dumb make learn EX=2 | tee '$BATS_TEST_TMPDIR/out'" # no terminal at all: once
  shows_soon 'task_server.py:6: task is not imported yet'
  press "clear; TERM=dumb script -qc 'make learn EX=2' '$BATS_TEST_TMPDIR/typescript'" Enter
  shows_soon 'h hint · n go on'
  press h
  shows_soon 'hint 1'
  press q
  within 10 eval 'grep -q "hint 1" "$BATS_TEST_TMPDIR/typescript"'
  never grep -q $'\033' "$BATS_TEST_TMPDIR/typescript"
  for n in 0 9 x '$(touch x)' '2 3'; do refused 'make learn EX=2' "${THERE[@]}" make learn EX="$n"; done
}

# bats test_tags=long
@test "make task ends when the app never gives the result; a run that was called directly is named, and breaks no promise" {
  "${THERE[@]}" make -s catch-up EX=3 STEP=6 >/dev/null
  start_example 3 CODE="$MY/ex3"
  try make task
  is "$status" 2 'exit code of make'
  has 'the run is Completed, and GET /task/'
  has 'still answers 202, which is: not yet. Try: write its step 3.7 (make learn EX=3)'
  exchange "$MY/ex3/first_fastapi.py" '    future = ' "    my_fastapi_task(name)
    future = "
  within 20 grep -q 'Reloading...' "$stack_log"
  within 20 eval 'make task 2>&1 | grep -q "still answers 202"'
  try make check EX=3
  has '- 1 run(s) were called directly, and not submitted: make runs'
  has '✓ each was run by a task server that is on record'
  exchange "$MY/ex3/first_fastapi.py" "    return JSONResponse(answer, 202)" '    return run.state.name'
  within 20 eval 'make task 2>&1 | grep -q "and no object. Try: return {"'
}

# bats test_tags=long,slow
@test "each kind of mistake, made once under make learn: its sentence shows, and the edit that fixes it clears it" {
  ok "${THERE[@]}" make catch-up STEP=9
  learn
  shows_soon 'the example runs'
  local took=() serve='    serve(my_background_task, limit=LIMIT)'
  # SENTENCE FILE FROM TO -> and how many seconds it took, in $took
  slip() {
    cp "$MY/ex$EX/$2" "$BATS_TEST_TMPDIR/right"
    exchange "$MY/ex$EX/$2" "$3" "$4"
    local began=$SECONDS
    shows_soon "$1"
    took+=($((SECONDS - began)))
    screen | tr -d ' \n' | grep -qE "$2:[0-9]+:"
    cp "$BATS_TEST_TMPDIR/right" "$MY/ex$EX/$2"
    shows_no_more "$1"
  }
  slip 'there is no prefect.task_server: Prefect 3 says prefect.task_worker' task_server.py prefect.task_worker prefect.task_server
  slip 'the decorator is `task`' task_server.py 'from prefect import task' 'from prefect import tasks'
  slip 'prefect.serve is for deployments of flows' task_server.py 'from prefect.task_worker import serve' 'from prefect import serve'
  slip 'there is no module prefect.task_workr' task_server.py prefect.task_worker prefect.task_workr
  slip 'serve is used and not imported' task_server.py 'from prefect.task_worker import serve' ''
  slip 'task_server.py has no my_b_task' task_submitter.py 'import my_background_task' 'import my_b_task as my_background_task'
  slip 'works in a package only' task_submitter.py 'from task_server' 'from .task_server'
  slip 'is not defined. Try: write task instead' task_server.py '@task' '@tsk'
  slip 'is no valid Python' task_server.py 'return f"Hello' 'return f("Hello'
  slip 'nothing serves the task' task_server.py "$serve" '    print("ready")'
  slip 'serve() is given no task' task_server.py "$serve" '    serve()'
  slip 'serve needs the task itself' task_server.py "$serve" '    serve(my_background_task("x"))'
  slip 'not a list of them' task_server.py "$serve" '    serve([my_background_task])'
  slip 'serve has no option limits' task_server.py 'limit=LIMIT' 'limits=LIMIT'
  slip "limit='1' is no number" task_server.py 'int(os.getenv("LIMIT", "1"))' 'os.getenv("LIMIT", "1")'
  slip 'is not a task yet' task_server.py '@task' ''
  slip "__name__ is never 'main'" task_server.py '"__main__"' '"main"'
  slip 'without deferred=True works in a flow only' task_submitter_map.py ', deferred=True' ''
  slip 'map needs a list with a value for each run' task_submitter_map.py '["Ford", "Prefect", "Slartibartfast"]' '"Ford", "Prefect"'
  slip 'without parentheses submits nothing' task_submitter.py 'future = my_background_task.delay("Agrajag")' 'my_background_task.delay'
  slip 'my_background_task() calls the task' task_submitter.py 'my_background_task.delay' 'my_background_task().delay'
  slip 'my_background_task.submit(…) works in a flow only' task_submitter.py 'delay(' 'submit('
  slip 'runs the task here, in this program' task_submitter.py 'my_background_task.delay(' 'my_background_task('
  slip 'needs name, which this run is not given' task_submitter.py '"Agrajag"' ''
  slip 'sets PREFECT_API_URL to http://127.0.0.1:9/api' task_server.py 'import time' $'import time\nos.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"'
  slip 'input() in a task needs a keyboard' task_server.py '    return f"' '    return input("name? ") + f"'
  # Three times what it may take on an idle machine, 1.5 s where files are only read and 4 s where one is started. The
  # quickest, because others may be at work here.
  compare "$(quickest "${took[@]}")" -lt 5 'seconds from a save to the sentence'
  took=()
  slip 'fails as it starts: ValueError' task_server.py 'float(' 'float("x" + '
  slip 'fails as it starts: ValueError' task_server.py 'float(' 'float("y" + '
  compare "$(quickest "${took[@]}")" -lt 12 'seconds from a save to what Python says as the file starts'
  press q
  within 40 no_leaks
}

#!/usr/bin/env bats
# Code along while it runs: example 2 of one's own, with the mistakes that show only then. One stack for the whole file;
# the learner's folder is elsewhere, with a space in its path. The greeting is Hello at first, or Howdy where the tests that
# are not long have run before: each works with both.
# bats file_tags=code

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  export LOG_DIR=$BATS_FILE_TMPDIR MY="$BATS_FILE_TMPDIR/my own/ex2"
  mkdir -p "$MY"
  cp examples/ex2_task_servers/*.py "$MY/"
  edit task_submitter_map.py 's/, deferred=True//' # a mistake in a file that the example does not run
  start_example 2 CODE="$MY" SERVERS=2
}
teardown_file() { stop_and_check; }

# FILE SED -> the learner's file is changed and saved, as an editor does it: another file, moved into place
edit() {
  sed "$2" "$MY/$1" >"$MY/$1.new"
  never cmp -s "$MY/$1" "$MY/$1.new"
  mv "$MY/$1.new" "$MY/$1"
}
# COMMANDS -> typed in make shell, in the learner's folder
by_hand() { in_make_shell "cd $(printf %q "$MY")" "$1"; }

# bats test_tags=long
@test "one's own example is ready, submits, takes one more task server, and keeps every promise" {
  grep -q "^running your code in $MY" "$stack_log"
  grep -q '^ready' "$stack_log"
  grep -q '^note: .*task_submitter_map.py:[0-9]*: my_background_task.map(…) without deferred=True works in a flow only' "$stack_log"
  edit task_submitter_map.py 's/"\]/&, deferred=True/'
  ok make submit NAME=Agrajag
  has 'Hello, Agrajag!'
  ok make status
  has "with your code in $MY"
  start extra make server
  within 20 eval '[ "$(task_servers)" = 3 ]'
  kill -INT -- "-$extra_pid"
  ok make submit-map N=20
  has '20 of 20 runs completed'
  within 30 gone "$extra_pid"
  ok make check EX=2
  has "judging your code in $MY"
  has '✓ it has none of the mistakes that the kit knows'
  has 'every promise holds'
}

# bats test_tags=long
@test "a file by hand is silent when all is well, and told when its runs would go elsewhere" {
  by_hand 'python task_submitter.py'
  is "$status" 0 'exit code'
  has_not 'note:'
  local kits="and the kit's server is http://127.0.0.1:$PREFECT_PORT/api. Try: export PREFECT_API_URL=http://127.0.0.1:$PREFECT_PORT/api"
  by_hand 'PREFECT_API_URL=http://127.0.0.1:9/api python task_submitter.py'
  has "note: runs go to http://127.0.0.1:9/api, $kits"
  by_hand 'unset PREFECT_API_URL; echo "import prefect" >look.py; python look.py'
  has "note: runs go to a temporary server that Prefect starts for this program alone, $kits"
  # Another port in this terminal than in that of the example.
  PREFECT_PORT=9 by_hand 'python look.py'
  has "note: runs go to http://127.0.0.1:9/api, $kits"
  rm "$MY/look.py"
  refused "PREFECT_PORT=$PREFECT_PORT" make submit PREFECT_PORT=9
  refused "PREFECT_PORT=$PREFECT_PORT" make check EX=2 PREFECT_PORT=9
  refused "PREFECT_PORT=$PREFECT_PORT" make server PREFECT_PORT=9
}

@test "saved with a mistake: the sentence, the code before goes on, and a run of the new code says what it waits for" {
  edit task_server.py 's/Hello/Howdy/; s/serve(my_background_task, limit=LIMIT)/serve()/'
  within 30 grep -qF 'serve() is given no task. Try: serve(my_background_task). The code before goes on; fix it and save again' "$stack_log"
  ok make submit WAIT=0 NAME=Late
  has 'waiting    for a task server with this code: those that run have another version of my_background_task. Try: undo the change; or restart'
  local id
  id=$(run_id <<<"$output")
  ok make runs N=3
  has 'waiting: 1 run(s) of my_background_task wait for another version of it than the task servers have'
  ok make watch
  has 'another version of it than the task servers have'
  try make check EX=2
  has '✗ no run waits for code that nobody serves'
  has 'wait for another version of it than the task servers have: changed since, or submitted from a copy of the file. Try: undo the change; or restart'
  has 'serve() is given no task'
  edit task_server.py 's/serve()/serve(my_background_task, limit=LIMIT)/'
  within 30 is_in_state "$id" COMPLETED
  grep -q 'Howdy, Late!' "$stack_log"
}

# bats test_tags=long
@test "a file that the task server imports is watched like its own; its mistake is named" {
  printf 'WORD = "Hi"\n' >"$MY/words.py"
  edit task_server.py 's/^import os$/import os\n\nimport words/; s/f"H[a-z]*, {name}!"/f"{words.WORD}, {name}!"/'
  within 30 eval 'make submit | grep -q "Hi, Marvin!"'
  edit words.py 's/Hi/Ahoy/'
  within 30 eval 'make submit | grep -q "Ahoy, Marvin!"'
  edit words.py 's/"Ahoy"/"Ahoy/'
  within 30 grep -q 'words.py:1: unterminated string literal.*The code before goes on' "$stack_log"
  edit words.py 's/"Ahoy/"Ahoy"/'
  edit task_server.py 's/{words.WORD}, {name}/Howdy, {name}/; s/^import words$//'
  within 30 eval 'make submit | grep -q "Howdy, Marvin!"'
}

# bats test_tags=long
@test "a package, a subfolder, a BOM, a coding line, CRLF: each save counts; one without a change restarts nothing" {
  mkdir -p "$MY/pack/deep" "$MY/lib"
  printf 'WORD = "Hi"\n' >"$MY/pack/deep/words.py"
  printf 'MARK = "?"\n' >"$MY/lib/far.py"
  edit task_server.py 's/^import os$/import os\nimport sys\n\nfrom pack.deep import words\nsys.path.append(os.path.dirname(__file__) + "\/lib")\nimport far/; s/f"H[a-z]*, {name}!"/f"{words.WORD}, {name}{far.MARK}"/'
  within 30 eval 'make submit | grep -qF "Hi, Marvin?"'
  edit lib/far.py 's/[?]/./'
  within 30 eval 'make submit | grep -qF "Hi, Marvin."'
  printf '\357\273\277WORD = "Bom"\r\n' >"$MY/pack/deep/words.py"
  within 30 eval 'make submit | grep -qF "Bom, Marvin."'
  printf '# coding: latin-1\nWORD = "Sch\366n"\n' >"$MY/pack/deep/words.py"
  within 30 eval 'make submit | grep -qF "Schön, Marvin."'
  local restarts
  restarts=$(grep -c 'the code was saved; restarting' "$stack_log")
  touch "$MY/task_server.py" "$MY/pack/deep/words.py"
  ok make submit
  ok make submit
  is "$(grep -c 'the code was saved; restarting' "$stack_log")" "$restarts" 'restarts'
  edit task_server.py 's/{words.WORD}, {name}{far.MARK}/Howdy, {name}!/; /^import sys$/d; /^from pack/d; /^sys.path/d; /^import far$/d'
  rm -r "${MY:?}/pack" "${MY:?}/lib"
  within 30 eval 'make submit | grep -q "Howdy, Marvin!"'
}

# bats test_tags=long
@test "an editor that saves another text every second: something serves meanwhile, and the last one in the end" {
  for number in 1 2 3 4 5 6 7 8; do
    edit task_server.py "s/H[a-z]*[0-9]*, /Howdy$number, /"
    sleep 1
  done
  within 10 eval 'make submit | grep -q "Howdy8, Marvin!"'
  local starts
  starts=$(grep -c 'task_server.1: the code was saved; restarting' "$stack_log")
  edit task_server.py 's/Howdy8, /Howdy, /'
  within 30 eval 'make submit | grep -q "Howdy, Marvin!"'
  is "$(grep -c 'task_server.1: the code was saved; restarting' "$stack_log")" $((starts + 1)) 'restarts'
}

# bats test_tags=long
@test "a file that hides a module, added while the example runs, has a sentence; saved code waits until it has gone" {
  echo 'x = 1' >"$MY/queue.py"
  within 20 grep -qF "queue.py: hides Python's own module queue, which the example needs. Try: rename it, for example to my_queue.py. What runs goes on; nothing can be started" "$stack_log"
  edit task_server.py 's/H[a-z]*, /Hey, /'
  within 20 grep -qF 'to my_queue.py. The code before goes on; fix it and save again' "$stack_log"
  mv "$MY/queue.py" "$MY/my_queue.py"
  within 30 eval 'make submit | grep -q "Hey, Marvin!"'
  rm "$MY/my_queue.py"
  edit task_server.py 's/Hey, /Howdy, /'
  within 30 eval 'make submit | grep -q "Howdy, Marvin!"'
}

# bats test_tags=long
@test "the beginning of a line shows before its end comes: dots, a progress bar" {
  edit task_server.py 's/^    return f"/    if name == "dots":\n        print("1%\\r2%", end="")\n        while not os.path.exists(__file__ + ".go"):\n            time.sleep(0.1)\n    return f"/'
  within 30 eval 'make submit'
  ok make submit NAME=dots WAIT=0
  within 5 grep -q 'task_server.[12] | 2%$' "$stack_log"
  touch "$MY/task_server.py.go"
  edit task_server.py '/^    if name == "dots"/,/sleep(0.1)/d'
  within 30 eval 'make submit'
  rm "$MY/task_server.py.go"
}

# bats test_tags=long
@test "a result or a parameter that cannot be stored has a sentence, and no run of it counts as completed" {
  edit task_server.py 's/^    return f"H/    if name == "lock":\n        import threading\n\n        return threading.Lock()\n    return f"H/'
  within 30 eval 'make submit'
  try make submit NAME=lock
  is "$status" 2 'exit code'
  has "failed     its result cannot be stored (cannot pickle '_thread.lock' object). Try: return text"
  has_not Traceback
  try make submit-map NAMES='Ford lock Zaphod'
  has '2 of 3 runs completed'
  try make check EX=2
  has '✗ no run failed'
  local before
  before=$(api /task_runs/count '{}')
  printf 'import threading\nfrom task_server import my_background_task\nmy_background_task.%s\n' 'delay(threading.Lock())' >"$MY/lock.py"
  by_hand 'python lock.py; echo "exit $?"'
  has "error: lock.py:3: name of my_background_task cannot be stored for a task server (cannot pickle '_thread.lock' object), so nothing was submitted. Try: "
  has_not Traceback
  has 'exit 1'
  printf 'from task_server import my_background_task\nmy_background_task.%s\n' 'map([1, (n for n in "ab")], deferred=True)' >"$MY/lock.py"
  by_hand 'python lock.py'
  has "error: lock.py:2: name of my_background_task cannot be stored for a task server (cannot pickle 'generator' object)"
  # A generator's values are tried before the first of them is submitted.
  printf 'import threading\nfrom task_server import my_background_task\nmy_background_task.%s\n' 'map((make() for make in (str, threading.Lock)), deferred=True)' >"$MY/lock.py"
  by_hand 'python lock.py'
  has "cannot pickle '_thread.lock' object), so nothing was submitted"
  is "$(api /task_runs/count '{}')" "$before" 'runs'
  printf 'from task_server import my_background_task\nmy_background_task.%s\n' 'map((n for n in "ab"), deferred=True)' >"$MY/lock.py"
  by_hand 'python lock.py'
  is "$(api /task_runs/count '{}')" $((before + 2)) 'runs'
  printf 'from task_server import my_background_task\nmy_background_task.%s\n' 'delay("lock").result(timeout=20)' >"$MY/lock.py"
  by_hand 'python lock.py'
  has "FailedRun: its result cannot be stored (cannot pickle '_thread.lock' object). Try: return text"
  rm "$MY/lock.py"
  edit task_server.py 's/        return threading.Lock()/        return (n for n in "ab")/' # which Prefect stores as a list
  within 30 eval 'make submit NAME=lock | grep -qF "completed  ['"'a', 'b'"']"'
}

# bats test_tags=long
@test "saved with a wrong import, or never serving: the sentence follows, and make submit says the same" {
  edit task_server.py 's/worker import serve/worker import server as serve/'
  within 60 grep -qE 'task_server.py:[0-9]+: prefect.task_worker has no server. Try: `from prefect.task_worker import serve`' "$stack_log"
  refused 'prefect.task_worker has no server. Try: `from prefect.task_worker import serve`' make submit
  edit task_server.py 's/server as serve/serve/'
  ok make submit
  has ', Marvin!'
  # A program that serves as soon as it is imported: make submit must not become a task server.
  cp "$MY/task_server.py" "$MY/kept"
  edit task_server.py 's/^if __name__.*/def main():/; $a main()'
  refused 'the line if __name__ == "__main__": above it' make submit
  mv "$MY/kept" "$MY/task_server.py"
  within 30 eval 'make submit'
  # A program that never comes to its serve().
  edit task_server.py 's/__main__/__server__/'
  within 40 grep -qF 'ended with exit code 0 (a task server stays: is serve(…) missing?)' "$stack_log"
  edit task_server.py 's/__server__/__main__/'
  ok make submit
}

# bats test_tags=long
@test "saved with what may go wrong later: a note, and the new code is served" {
  edit task_server.py 's|H[a-z]*, |{greting}&|'
  within 30 grep -qE 'note: .*task_server.py:[0-9]+: greting is not defined' "$stack_log"
  try make submit
  has "name 'greting' is not defined"
  edit task_server.py 's/{greting}//'
  ok make submit
}

# bats test_tags=long
@test "a run that was submitted from a copy of the file is named, in the terminal and in make check" {
  mkdir "$MY/copy"
  cp "$MY"/task_s*.py "$MY/copy/"
  by_hand 'cd copy && python task_submitter.py'
  is "$status" 0 'exit code'
  has 'note: the run waits: the task servers have another version of my_background_task than this program'
  try make check EX=2
  has 'submitted from a copy of the file'
}

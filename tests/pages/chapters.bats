#!/usr/bin/env bats
# Each page is played from its first command to its last, as make demo plays it: what it says must come true, in order.
# And live coding beyond what the chapters show. The kit is copied, because the chapters edit the examples.
# bats file_tags=chapters,long

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  COPY="$BATS_FILE_TMPDIR/a kit"
  copy_kit "$COPY" ./*.md docs
  # The set-up names its folder, so the copy makes one of its own.
  cd "$COPY" && "${PROCESS[@]}" limit 180 scripts/setup.sh ex4 2>&1
  "${PROCESS[@]}" limit 180 scripts/setup.sh ex5 2>&1
  export COPY
}
setup() {
  own_kit
  KIT=$COPY
  cd "$COPY" || return 1
}
teardown() {
  stop_and_check
  # What a chapter changes is put back.
  diff -r --exclude=__pycache__ "$BATS_TEST_DIRNAME/../../examples" "$COPY/examples"
}

# EX [ALL=1] -> plays what stands under "Run it", or the whole chapter; a minute of chaos is ten seconds here
plays() { LIMIT_S=280 ok env CHAOS_SECONDS=10 make demo EX="$1" AUTO=1 ${2:+"$2"}; }

@test "example 1's page, with a task that fails, and one that calls another" { plays 1 ALL=1; }
@test "example 2's page, with code that changes while runs wait, a syntax error, and the tutorial's way by hand" { plays 2 ALL=1; }
@test "example 3's page, with both files reloading, a task that fails, and the tutorial's way by hand" { plays 3 ALL=1; }
@test "example 4's page" { plays 4; }
@test "example 5's page" { plays 5; }
# bats test_tags=slow
@test "example 6's page: the same chaos without and with help, and a process that the room chooses" {
  N=60 plays 6 # of 300 runs
  has 'no rescuer was running'
  has '0 doubled alive, 0 lost'
}

@test "example 7's page, with two machines" { plays 7; }

# bats test_tags=slow
@test "example 4's things to try: nothing that works, and an enrolment that is asked for twice" { plays 4 ALL=1; }
# bats test_tags=slow
@test "example 5's things to try: a model that is away, and six questions at once" { plays 5 ALL=1; }
# bats test_tags=slow
@test "example 6's things to try: a run whose task server is killed" { N=60 plays 6 ALL=1; }

# PAGE... -> plays the commands of each, which is no example's
plays_pages() {
  local page
  for page in "$@"; do LIMIT_S=120 ok env AUTO=1 ALL=1 scripts/py.sh show.demo "$page"; done
}

@test "README.md and BEFORE.md" { plays_pages README.md BEFORE.md; }
@test "docs/CODE_ALONG.md: a skeleton, judged, solved, run and reset" { plays_pages docs/CODE_ALONG.md; }
@test "the commands of the other pages" {
  local played
  # shellcheck disable=SC2207 # no page has a space in its name
  played=($(grep -l '^```bash' ./*.md docs/*.md | sed 's|^\./||' | grep -vE '^(README|BEFORE|docs/CODE_ALONG)\.md$'))
  grep -qw 'docs/INSTRUCTOR.md' <<<"${played[*]}"
  plays_pages "${played[@]}"
}

@test "a promise that does not come true ends it with what was not seen, exit 1, nothing left running and the files as they were" {
  cp examples/ex1_task/README.md "$BATS_TEST_TMPDIR/"
  sed -i.bak 's/every promise holds/every promise is great/' examples/ex1_task/README.md
  LIMIT_S=100 try make demo EX=1 AUTO=1
  cp "$BATS_TEST_TMPDIR/README.md" examples/ex1_task/
  rm examples/ex1_task/README.md.bak
  is "$status" 2 'exit code' # make's; the script's is 1
  has '✗ not seen: every promise is great'
  has '✓ no run failed' # what the terminal showed instead
}

# --- live coding, beyond what the chapters show ---

# FILE FROM TO -> edits the file as an editor does: writes another one and moves it into place
edit() {
  sed "s/$2/$3/" "$1" >"$BATS_TEST_TMPDIR/edited"
  mv "$BATS_TEST_TMPDIR/edited" "$1"
}

@test "save: the run in flight finishes under its own code; a submit is refused while there is a syntax error" {
  start_example 2 SERVERS=1 WORK_SECONDS=4
  local id
  id=$(make -s submit WAIT=0 NAME=Slow 2>/dev/null | run_id)
  within 20 is_in_state "$id" RUNNING
  edit examples/ex2_task_servers/task_server.py 'Hello' 'Howdy'
  ok make submit NAME=New
  has 'Howdy, New!'
  within 30 is_in_state "$id" COMPLETED
  grep -q 'Hello, Slow!' "$stack_log"
  echo 'def broken(:' >>examples/ex2_task_servers/task_server.py
  within 30 grep -qE 'task_server.py:[0-9]+: invalid syntax. The code before goes on; fix it and save again' "$stack_log"
  is "$(task_servers)" 1 'task servers subscribed'
  refused 'fix examples/ex2_task_servers/task_server.py' make submit
  cp "$BATS_TEST_DIRNAME/../../examples/ex2_task_servers/task_server.py" examples/ex2_task_servers/
}

@test "an error at import stays down after three tries, and the next save fixes it" {
  start_example 2 SERVERS=1
  edit examples/ex2_task_servers/task_server.py '^LIMIT' 'undefined_name; LIMIT'
  within 40 grep -q 'it stays down after 3 restarts in a minute; fix the code and save it' "$stack_log"
  grep -q 'NameError' "$stack_log"
  edit examples/ex2_task_servers/task_server.py 'undefined_name; ' ''
  ok make submit
  has 'completed'
}

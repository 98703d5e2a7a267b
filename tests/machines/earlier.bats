#!/usr/bin/env bats
# What is out there goes on: kits, rooms and projects of an earlier commit work with this one, whichever of the two is where.
# bats file_tags=earlier

load ../helpers/base
load ../helpers/machines
load ../helpers/new

EARLIER=05326e3deeaf5442df4841219f6140a6ed707f4a # the last one with durable 1.0.0

# FOLDER -> the kit of the earlier commit there. It takes this kit's packages and database for its own: with this kit's
# locks, and with the program that made the database.
earlier_kit() {
  git cat-file -e "$EARLIER" 2>/dev/null || not_here "the history of this checkout ends before $EARLIER (git fetch --unshallow)"
  rm -rf "$1"
  mkdir -p "$1"
  git archive "$EARLIER" | tar -x -C "$1"
  cp requirements/*.txt "$1/requirements/"
  cp scripts/pythonpath/workshop_kit/launch/prepare_database.py "$1/scripts/pythonpath/workshop_kit/launch/"
  lend_packages "$1"
  # A group of its own there, whose packages are in this kit's core.
  printf '%s %s' "$(cksum <"$1/requirements/room.txt")" "$(cd "$1" && pwd -P)" >"$1/.venv/workshop/room"
}

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines new old other_old
  earlier_kit "$(folder_of old)"
  earlier_kit "$(folder_of other_old)"
}
teardown_file() { stop_machines; }

# MACHINE ADDRESS OTHER -> make ex7 on that machine; a task server of the other one has runs of both, and each has its results
works_together() {
  local main=$1 at=$2 other=$3 name
  start stack "$ON/$main" make ex7 SERVERS=1 WORK_SECONDS=0.1
  within 90 grep -q '^the code it asks for' "$stack_log"
  start there env JOIN_CODE="$(cat "$(home_of "$main")/port/code")" "$ON/$other" make server AT="$at:4243" WORK_SECONDS=0.1
  within 60 grep -q "task_server.1 on $other serves" "$stack_log" || fail_with "$(cat "$there_log")"
  for name in "$main" "$other"; do
    ok "$ON/$name" make submit-map N=40
    has '40 of 40 runs completed'
    has 'by 2 task server(s)'
    ok "$ON/$name" make check
    has 'every promise holds'
    ok "$ON/$name" make watch ONCE=1
    has "task_server.1 on $other"
  done
  # A task server that dies: its runs come back.
  ok "$ON/$main" make submit-map N=6 WAIT=0
  kill -KILL "$(WORKSHOP_HOME=$(home_of "$other") child_of task_server.1)"
  ok "$ON/$main" make submit-map N=12
  has '12 of 12 runs completed'
  for name in "$other" "$main"; do ok "$ON/$name" make stop; done
  ok "$ON/$other" make leave
}

# bats test_tags=long
@test "example 7: an earlier kit joins this one" { works_together new 10.99.0.1 old; }
# bats test_tags=long
@test "example 7: this kit joins an earlier one" { works_together old 10.99.0.2 new; }

# MACHINE ADDRESS OTHER -> make room on that machine; the other kit joins, its step and its call are on the board
are_in_one_room() {
  local main=$1 at=$2 other=$3
  start room "$ON/$main" make room LISTEN="$at"
  within 30 grep -q '^ready' "$room_log" || fail_with "$(cat "$room_log")"
  board_has() { "$ON/$main" make room ONCE=1 ALL=1 2>/dev/null | grep -qE -- "$1"; }
  ok bash -c 'echo y | "$@"' _ env JOIN_CODE="$(sed -n 's/^the code: //p' "$room_log")" "$ON/$other" make join ROOM="$at:4300" ME=Ford
  ok "$ON/$other" make catch-up EX=2 STEP=2.2
  within 10 board_has 'Ford +ex 2 +3 of 9 '
  ok "$ON/$other" make stuck
  has 'the room knows that you call'
  ok "$ON/$other" make leave
  kill -TERM "-$room_pid"
  within 10 gone "$room_pid"
}

# bats test_tags=long
@test "the room: an earlier kit joins this one's" { are_in_one_room new 10.99.0.1 other_old; }
# bats test_tags=long
@test "the room: this kit joins an earlier one's" { are_in_one_room other_old 10.99.0.3 new; }

# bats test_tags=long,slow
@test "a project of the earlier kit: its tests pass with this wheel in the place of its own" {
  local wheel sum
  own_kit
  cd "$(folder_of old)"
  new_project
  cd "$KIT"
  wheel=$(cd "$PROJECT" && echo vendor/*.whl)
  is "$wheel" vendor/durable_task_servers-1.0.0-py3-none-any.whl 'its wheel'
  rm "$PROJECT/$wheel"
  ok make wheel OUT="$PROJECT/vendor"
  wheel=$(cd "$PROJECT" && echo vendor/*.whl)
  sum=$("$PYTHON_OF_TESTS" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$PROJECT/$wheel")
  sed -i.kept "\$s|.*|./$wheel --hash=sha256:$sum|" "$PROJECT/requirements.txt"
  LIMIT_S=600 ok "$IN_PROJECT" make test
  has '5 passed'
  end_project
}

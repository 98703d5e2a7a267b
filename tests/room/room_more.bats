#!/usr/bin/env bats
# The room, for long: five learners with five mistakes; every byte of a day's commands; 10,000 hostile requests; a full room.
# bats file_tags=room,long

load ../helpers/base

setup() {
  own_kit
  export ROOM_PORT=$((PREFECT_PORT + 4)) RECORDED=$BATS_TEST_TMPDIR/recorded PASS_ENV=RECORDED
  AT=127.0.0.1:$ROOM_PORT
}
teardown() {
  kill -TERM "$(room_process)" 2>/dev/null || true
  stop_and_check
}
room_process() { cut -d ' ' -f 1 "$WORKSHOP_HOME/room/open"; }
# COMMAND... -> it opens the room: make room, or what stands for it
open_room() {
  start room env LISTEN=127.0.0.1 "$@"
  within 30 grep -q '^ready' "$room_log"
  JOIN_CODE=$(sed -n 's/^the code: //p' "$room_log")
  export JOIN_CODE
}
board() { make room ONCE=1 ALL=1 | grep -v '^make join '; }
# FOLDER WHAT... -> make WHAT in the kit of a learner, which is in that folder
kit_in() { (cd "$1/a kit" && env WORKSHOP_HOME="$1/home" HOME="$1/user" PREFECT_PORT="$((PREFECT_PORT + 5))" WEB_PORT="$((WEB_PORT + 5))" make "${@:2}" </dev/null); }
# FOLDER NAME -> a kit of a learner's own there, in the room
learner() {
  copy_kit "$1/a kit"
  lend_packages "$1/a kit"
  mkdir -p "$1/user"
  (cd "$1/a kit" && echo y | env WORKSHOP_HOME="$1/home" HOME="$1/user" make -s join ROOM="$AT" ME="$2" >/dev/null)
}

@test "five learners write example 2, make five mistakes and call: five findings on the board, in the order of the calls" {
  open_room make room
  local name folder said
  for name in Arthur Ford Trillian Zaphod Marvin; do
    folder=$BATS_TEST_TMPDIR/$name
    learner "$folder" "$name"
    kit_in "$folder" code EX=2 >/dev/null
    within 10 eval 'board | grep -qE "'"$name"' +ex 2 +1 of 9"'
    kit_in "$folder" solve EX=2 APPLY=1 >/dev/null
  done
  exchange_in() { "$PYTHON_OF_TESTS" -c 'import pathlib, sys
path, old, new = sys.argv[1:]
text = pathlib.Path(path).read_text()
assert old in text, (old, text)
pathlib.Path(path).write_text(text.replace(old, new))' "$BATS_TEST_TMPDIR/$1/a kit/my/ex2/$2" "$3" "$4"; }
  exchange_in Arthur task_server.py '@task' '#'
  exchange_in Ford task_server.py 'serve(my_background_task' 'serve("my_background_task"'
  exchange_in Trillian task_submitter.py '.delay(' '.submit('
  exchange_in Zaphod task_submitter_map.py ', deferred=True' ''
  exchange_in Marvin task_server.py 'def my_background_task' 'def my_background_task('
  for name in Zaphod Arthur Marvin Ford Trillian; do kit_in "$BATS_TEST_TMPDIR/$name" stuck; done
  board | sed -n '3,7p' >"$BATS_TEST_TMPDIR/board"
  cat "$BATS_TEST_TMPDIR/board"
  is "$(awk '{ print $1 }' "$BATS_TEST_TMPDIR/board" | paste -sd ' ' -)" 'Zaphod Arthur Marvin Ford Trillian' 'order of the calls'
  grep -E 'Zaphod .*….map\(…\) without deferred=True' "$BATS_TEST_TMPDIR/board"
  grep -E 'Arthur .*… is not a task yet' "$BATS_TEST_TMPDIR/board"
  grep -E 'Marvin .*is no valid Python' "$BATS_TEST_TMPDIR/board"
  grep -E 'Ford .*serve needs the task itself, not its name' "$BATS_TEST_TMPDIR/board"
  grep -E 'Trillian .*….submit\(…\) works in a flow only' "$BATS_TEST_TMPDIR/board"
  # The report: what all five share, and nothing else.
  ok make room REPORT="$BATS_TEST_TMPDIR/report.csv"
  has 'without names'
  is "$(head -n 1 "$BATS_TEST_TMPDIR/report.csv" | tr -d '\r')" 'kind,which,title,learners,median minutes' 'head of the report'
  grep -E '^step,step 2.1,.+,5,' "$BATS_TEST_TMPDIR/report.csv"
  grep '^step,example 2 done,,5,' "$BATS_TEST_TMPDIR/report.csv"
  never grep -qE 'Arthur|Ford|finding' "$BATS_TEST_TMPDIR/report.csv" # each finding is one learner's
  refused 'make room REPORT=report.csv' make room REPORT=/no/such/folder/report.csv
  # And when one of them has corrected it.
  exchange_in Ford task_server.py 'serve("my_background_task"' 'serve(my_background_task'
  kit_in "$BATS_TEST_TMPDIR/Ford" check EX=2 || true # nothing runs
  within 10 eval 'board | grep -q "Ford .*perhaps solved: serve needs"'
  is "$(board | grep -c 'perhaps solved')" 1 'calls that are perhaps solved'
}

@test "every byte of a day's commands: the kit's own words and whole numbers, and nothing of the learner's" {
  local secret=Zarquon folder line
  open_room env PYTHONPATH="$KIT_PYTHONPATH" bash -c '. scripts/env.sh && make_home && exec "$VENV/bin/python" -P tests/room/recording_room.py'
  folder=$BATS_TEST_TMPDIR/$secret
  learner "$folder" 'a name'
  export USER=$secret LOGNAME=$secret EMAIL=$secret@$secret.org GIT_AUTHOR_NAME=$secret
  day() { kit_in "$folder" "$@" >>"$BATS_TEST_TMPDIR/day.log" 2>&1 || true; }
  day code EX=2
  printf '# %s\n%s = "%s"\n' $secret $secret $secret >>"$folder/a kit/my/ex2/task_server.py"
  cp "$folder/a kit/my/ex2/task_server.py" "$folder/a kit/my/ex2/$secret.py"
  day learn EX=2
  day check EX=2
  day catch-up EX=2 STEP=2.6
  day solve EX=2 APPLY=1
  (cd "$folder/a kit" && start stack env WORKSHOP_HOME="$folder/home" HOME="$folder/user" PREFECT_PORT=$((PREFECT_PORT + 5)) WEB_PORT=$((WEB_PORT + 5)) make ex2 CODE=my/ex2)
  within 90 grep -q '^ready' "$BATS_TEST_TMPDIR/stack.log"
  day submit NAME=$secret
  day submit-map NAMES="$secret $secret"
  day runs
  day watch ONCE=1
  day db SQL="select '$secret'"
  day check
  day stuck
  day status
  day doctor
  echo "$secret(" >>"$folder/a kit/my/ex2/task_submitter.py"
  day check
  day stuck
  day rescue
  day env
  day stuck OFF=1
  day stop
  day code EX=3
  day clean
  day leave
  within 10 eval '! pgrep -f learners.reporting'
  grep -q $secret "$BATS_TEST_TMPDIR/day.log" # the day was one with it
  compare "$(grep -ao 'POST /room/told ' "$RECORDED" | wc -l)" -ge 8 'messages'
  # All bodies, and all lines of the headers.
  "$PYTHON_OF_TESTS" - "$RECORDED" <<'PY'
import json, re, sys
sys.path[:0] = ["scripts/pythonpath", "durable/src"]
import os
os.environ.setdefault("KIT", os.getcwd())
from workshop_kit import in_room
text = open(sys.argv[1], "rb").read().decode()
kinds = set()
while text:
    head, _, text = text.partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    kinds.add(first)
    fields = dict(line.split(": ", 1) for line in headers)
    assert fields.keys() <= {"Host", "Accept-Encoding", "Content-Length", "Content-Type", "Authorization"}, fields
    assert fields["Host"].startswith("127.0.0.1:") and fields["Accept-Encoding"] == "identity", fields
    assert re.fullmatch(r"Bearer [A-Za-z0-9_-]{32}", fields.get("Authorization", "Bearer " + "x" * 32)), fields
    length = int(fields.get("Content-Length", 0))
    body, text = text[:length], text[length:]
    if "/room/told" in first:
        lines = json.loads(body)
        assert lines and all(map(in_room.fits, lines)), lines
    elif "/room/join" in first:
        said = json.loads(body)
        assert re.fullmatch("[0-9A-Z]{12}", said.pop("password")) and said == {"me": "a name", "protocol": 1}, said
assert kinds == {"POST /room/join HTTP/1.1", "POST /room/told HTTP/1.1", "DELETE /room/row HTTP/1.1"}, kinds
PY
  never grep -aiq $secret "$RECORDED"
  never grep -aqF "$HOME" "$RECORDED"
  never grep -aqF "$(hostname)" "$RECORDED"
}

@test "10,000 hostile requests, with the code and without: the room answers, below 150 MB, and nobody else's row is changed" {
  open_room make room
  within 10 eval 'board'
  LIMIT_S=300 ok env PYTHONPATH="$KIT_PYTHONPATH" KIT="$KIT" "$PYTHON_OF_TESTS" tests/room/room_attacks.py "$AT" "$JOIN_CODE" 10000
  compare "$(awk 'NR == 1 { print $1 }' <<<"${output##*$'\n'}")" -ge 8000 'requests'
  compare "$(awk '/^VmHWM/ { print $2 }' "/proc/$(room_process)/status")" -lt 150000 'kB at the most'
  board | grep -E '^ +Victim +ex 2 +4 of 9 +(now|[0-9]+ min) +(now|[0-9]+ min)'
  is "$(grep -ci 'error\|traceback' "$room_log")" 0 'errors in the log'
}

@test "95 learners who are not there and 5 kits: each step is on the board within 2 s" {
  local name begin
  open_room make room
  for name in 1 2 3 4 5; do
    learner "$BATS_TEST_TMPDIR/$name" "kit $name"
  done
  start crowd env ROOM_PID="$(room_process)" PYTHONPATH="$KIT_PYTHONPATH" KIT="$KIT" "$PYTHON_OF_TESTS" tests/room/crowd.py "$AT" 95 30 5
  within 15 eval '[ "$(board | grep -c learner)" -ge 96 ]' || fail_with "after $SECONDS s: $(board | head -n 3) $(cat "$crowd_log")"
  for name in 1 2 3 4 5; do
    kit_in "$BATS_TEST_TMPDIR/$name" code EX="$name" >/dev/null
    PATIENCE=1 within 3 eval 'board | grep -qE "kit '"$name"' +ex '"$name"' +1 of "' # with the second that reading the board takes
  done
  within 40 gone "$crowd_pid"
  compare "$(sed -n 's/^the room: \([0-9]*\).*/\1/p' "$crowd_log")" -lt 25 '% of a core'
  grep ', 0 failed' "$crowd_log"
}

#!/usr/bin/env bats
# The records of the task servers: every command reads them with durable.records, which needs no Prefect.
# bats file_tags=watch

load ../helpers/base

setup() {
  own_kit
  RECORDS=$WORKSHOP_HOME/task-servers
  mkdir -p "$RECORDS"
}
teardown() { stop_and_check; }

# NAME -> saves the Python on standard input; "${program[@]}" runs it on the records
save() {
  cat >"$BATS_TEST_TMPDIR/$1.py"
  program=(env PYTHONPATH="$KIT_PYTHONPATH" "$PYTHON_OF_TESTS" "$BATS_TEST_TMPDIR/$1.py" "$RECORDS")
}

@test "the board has who lives and serves, with what it runs and has done; it needs no Prefect server" {
  save busy <<'PY'
import sys
import time

from durable.records import Record

server = Record(sys.argv[1], "busy", keys=["ship-1"], limit=4)
server.write(event="up")
for run in "abcd":
    server.write(run=run, event="start", state="s")
for run, how in (("a", "returned"), ("b", "refused"), ("c", "returned")):
    server.write(run=run, event="end", how=how)
rescuer = Record(sys.argv[1], "the rescuer")
print("written", flush=True)
time.sleep(100)
PY
  printf '{"at": 1, "server": "dead", "host": "h", "pid": 1, "keys": ["ship-1"], "limit": 1}\n' >"$RECORDS/dead.jsonl"
  start busy "${program[@]}"
  within 20 grep -q written "$busy_log"
  ok make watch ONCE=1
  has 'no Prefect server answers'
  # Its host, how long it is up, one run in flight, two done, and how many a second in the last ten.
  grep -qE '^│ busy +│ [^ ]+ +│ [0-9.]+ s +│ 1 +│ 2 +│ 0\.2 +│$' <<<"$output" || fail_with 'no such row'
  has_not dead
  has_not rescuer
  kill -KILL "$busy_pid"
  within 5 gone "$busy_pid"
  ok make watch ONCE=1
  has_not busy
}

@test "they are read on, half a line once it is whole, and without Prefect; who refuses a run has not run it" {
  save read_on <<'PY'
import sys

from durable.records import Record, Records

one, two = (Record(sys.argv[1], name, keys=["ship-1"], limit=1) for name in ("one", "two"))
records = Records(sys.argv[1])
one.write(run="a", event="start", state="s")
records.read()
print("one takes it:", records.ran_on("a"))
with two.path.open("a") as file:
    file.write('{"at": 9999999999, "run": "a", "ev')
records.read()
print("half a line:", records.ran_on("a"))
with two.path.open("a") as file:
    file.write('ent": "start", "state": "s"}\n')
records.read()
print("two takes it:", records.ran_on("a"))
two.write(run="a", event="end", how="refused")
records.read()
print("two refuses it:", records.ran_on("a"))
one.write(run="b", event="start", state="s")
one.write(run="b", event="end", how="returned")
one.write(run="b", event="start", state="s")
one.write(run="b", event="end", how="refused")
records.read()
print("one refuses what it has run:", records.ran_on("b"))
print("nobody ran it:", repr(records.ran_on("c")))
print("Prefect:", "prefect" in sys.modules)
PY
  ok "${program[@]}"
  has 'one takes it: one'
  has 'half a line: one'
  has 'two takes it: two'
  has 'two refuses it: one'
  has 'one refuses what it has run: one'
  has "nobody ran it: ''"
  has 'Prefect: False'
}

@test "of a copy the locks say nothing: of each name on a host the newest lives" {
  local at
  for at in 1 5 3; do
    printf '{"at": %s, "server": "mailer", "host": "c1", "pid": %s, "keys": ["ship-1"]}\n' $at $at >"$RECORDS/c1-$at.jsonl"
    : >"$RECORDS/c1-$at.lock"
  done
  printf '{"at": 9, "server": "make rescue", "host": "c1", "pid": 9}\n' >"$RECORDS/c1-9.jsonl"
  printf '{"at": 2, "server": "mailer", "host": "c2", "pid": 2, "keys": ["ship-1"]}\n' >"$RECORDS/c2-2.jsonl"
  save copied <<'PY'
import sys

from durable.records import Records

copy, here = Records(sys.argv[1], copied=True), Records(sys.argv[1])
for what, records in {"copy": copy, "here": here, "copy, read on": copy}.items():
    records.read()
    alive = sorted(process.path.stem for process in records.processes.values() if process.alive)
    print(f"{what}: {' '.join(alive) or 'nobody'}.")
PY
  ok "${program[@]}"
  has 'copy: c1-5 c1-9 c2-2.'
  has 'here: nobody.'
  has 'copy, read on: c1-5 c1-9 c2-2.'
}

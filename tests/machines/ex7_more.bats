#!/usr/bin/env bats
# Example 7: which address, what cannot travel, another storage, old files, a machine that goes away, other versions.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b
}
teardown_file() { stop_machines; }
teardown() {
  show_failure
  "$ON/b" make leave >/dev/null 2>&1 </dev/null
  "$ON/a" make clean >/dev/null 2>&1 </dev/null
}

# A command behind this runs with the kit's environment, in the example's folder.
IN_KIT='. scripts/env.sh; cd examples/ex7_many_machines; exec "$@"'
LISTEN_PY='. scripts/env.sh; exec "$VENV/bin/python" -P -m workshop_kit.launch.listen'

@test "which address: the only one; of several the default route's in a script, or the one that is chosen; none that is another's" {
  local netns=$LAN-a
  ok "$ON/a" HOST=198.51.100.9 bash -c "$LISTEN_PY"
  is "$output" '10.99.0.1:4243 10.99.0.1' 'what it prints'
  ip -n "$netns" link add name vpn0 type bridge
  ip -n "$netns" addr add 198.51.100.1/24 dev vpn0
  ip -n "$netns" link set dev vpn0 up
  ok "$ON/a" bash -c "$LISTEN_PY"
  has "listening at 10.99.0.1 (eth0), the default route's; there are also 198.51.100.1 (vpn0): LISTEN=…"
  has '10.99.0.1:4243 10.99.0.1 198.51.100.1'
  ok "$ON/a" LISTEN=198.51.100.1,name-of-a.example bash -c "$LISTEN_PY"
  is "$output" '198.51.100.1:4243 198.51.100.1 name-of-a.example 10.99.0.1' 'what it prints'
  refused '198.51.100.1 (vpn0)' "$ON/a" LISTEN=203.0.113.5 bash -c "$LISTEN_PY"
  refused 'neither an address nor a name' "$ON/a" 'LISTEN=10.99.0.1,$(id)' bash -c "$LISTEN_PY"
  refused 'whole number' "$ON/a" JOIN_PORT=x bash -c "$LISTEN_PY"
  # In a terminal it asks; Enter takes the default route's.
  ok "$ON/a" "$PYTHON_OF_TESTS" -c "$(
    cat <<'PYTHON'
import os, pty, subprocess
main, side = pty.openpty()
script = '. scripts/env.sh; exec "$VENV/bin/python" -P -m workshop_kit.launch.listen'
asked = subprocess.Popen(["bash", "-c", script], stdin=side, stderr=side, stdout=subprocess.PIPE, text=True)
text = b""
while b"number: " not in text:
    text += os.read(main, 1000)
os.write(main, b"7\n2\n")
print(text.decode(), asked.communicate(timeout=20)[0])
PYTHON
  )"
  has '2  198.51.100.1     vpn0'
  has '10.99.0.1        eth0  (Enter)'
  has '198.51.100.1:4243'
  ip -n "$netns" link del vpn0
}

@test "what cannot travel is refused when it is submitted, with its name; what the signature declares comes back as it was" {
  start_on_a SERVERS=1 WORK_SECONDS=0
  try "$ON/a" bash -c "$IN_KIT" _ python -c 'import task_server; task_server.greet.delay({1, 2})'
  is "$status" 1 'exit code'
  has 'name of greet is declared str, and set does not come back from JSON the same, so it cannot travel to another machine'
  has_not Traceback
  is "$(api /task_runs/count '{}')" 0 'runs'
  # A task of one's own, with types; one process serves it until it has run.
  cp "$KIT/tests/programs/typed_task.py" "$(folder_of a)/examples/ex7_many_machines/"
  ok "$ON/a" bash -c "$IN_KIT" _ python typed_task.py
  has 'came back: True'
  has 'the exception: FailedThere: ZeroDivisionError: division by zero'
  # Whatever the task says of its storage: a key of its own, pickle.
  has 'counted: [0, 1, 2] Completed'
  has 'counted: [0, 1, 2] Cached'
  # Nothing but the parameters goes along: no settings.
  never grep -rlE 'settings|PREFECT_|context' "$(home_of a)/port/storage"
  is "$(find "$(home_of a)/port/storage" -type f | wc -l | tr -d ' ')" 7 'files: the parameters of four runs, three results'
}

@test "the code from .env; after make stop and a new start it goes on; a block of Prefect's as the storage" {
  start_on_a SERVERS=1 WORK_SECONDS=0
  printf 'JOIN_CODE=%s\n' "$(code)" >"$(folder_of b)/.env"
  start b "$ON/b" make server AT=10.99.0.1:4243
  within 60 grep -q 'serves greet' "$b_log"
  rm "$(folder_of b)/.env"
  "$ON/a" bash -c "$IN_KIT" _ python -c 'import sys; from prefect.filesystems import LocalFileSystem; LocalFileSystem(basepath=sys.argv[1]).save("shared")' "$(home_of a)/block"
  "$ON/a" make stop
  is "$(json 'len([each for each in d if not each["server"]])' <"$(home_of a)/port/sessions.json")" 0 'sessions of commands'
  start_on_a SERVERS=1 WORK_SECONDS=0 STORAGE=local-file-system/shared
  ok "$ON/b" make submit-map N=20
  has 'by 2 task server(s)'
  is "$(find "$(home_of a)/block" -type f | wc -l | tr -d ' ')" 40 'files in the block'
  is "$(find "$(home_of a)/port/storage" -type f | wc -l | tr -d ' ')" 0 'files in the folder'
  refused 's3-bucket/name' "$ON/a" make ex7 'STORAGE=../x'
}

@test "files of runs that ended are deleted, those of runs that wait stay" {
  local id
  start_on_a SERVERS=1 WORK_SECONDS=0 LISTEN=10.99.0.1
  ok "$ON/a" make submit
  kill -STOP "$(task_server_of a)"
  id=$("$ON/a" make -s submit WAIT=0 | run_id)
  find "$(home_of a)/port/storage" -type f -exec touch -t 202601010000 {} + # long ago
  "$ON/a" bash -c "$IN_KIT" _ python -c 'import asyncio, sys; from durable.port.retention import delete_old; from durable.storage import Folder
print(asyncio.run(delete_old(Folder(sys.argv[1]), "http://127.0.0.1:4200/api", 86400)))' "$(home_of a)/port/storage" >"$BATS_TEST_TMPDIR/deleted"
  is "$(cat "$BATS_TEST_TMPDIR/deleted")" 2 'files that were deleted'
  kill -CONT "$(task_server_of a)"
  within 20 is_in_state "$id" COMPLETED
}

@test "a machine that goes away: its session ends after the lease, and the rescuer puts back what it had" {
  local id
  start_on_a SERVERS=1 WORK_SECONDS=0 LEASE_SECONDS=3
  kill -STOP "$(task_server_of a)" # so that the other one gets the run
  "$ON/b" make code EX=7
  "$ON/b" make solve EX=7 APPLY=1
  start_on b CODE=my/ex7 WORK_SECONDS=300
  id=$("$ON/b" make -s submit WAIT=0 | run_id)
  within 10 is_in_state "$id" RUNNING
  kill -CONT "$(task_server_of a)"
  ip -n "$LAN" link set dev to-b down # the cable
  within 20 grep -q 'task_server.1 on b sent no heartbeat for 3 s: its session is over' "$stack_log"
  within 30 is_in_state "$id" COMPLETED
  grep -q 'the lease of task_server.1 on b expired while it had this run' "$stack_log"
  refused 'another address of that machine' "$ON/b" make submit
  ip -n "$LAN" link set dev to-b up
  # What it says still is refused: its task server ends, and starts again with a new session.
  within 60 eval '[ "$(grep -c "task_server.1 on b serves" "$stack_log")" -ge 2 ]'
}

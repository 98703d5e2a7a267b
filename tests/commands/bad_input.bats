#!/usr/bin/env bats
# What is typed wrong gets one line with a remedy and exit 2; nothing is executed and nothing is left running.
# bats file_tags=input

load ../helpers/base

setup() { own_kit; }
teardown() {
  stop_and_check
  umount "$WORKSHOP_HOME" 2>/dev/null || true # of the test with the full disk, when it fails
}

@test "SERVERS must be a whole number from 1 to 32, or more with FORCE=1" {
  for value in 0 33 '$(touch x)'; do
    refused 'make ex2 SERVERS=2' make ex2 SERVERS="$value"
  done
  refused 'make ex3 SERVERS=2' make ex3 SERVERS=abc
  refused 'FORCE=1' make ex2 SERVERS=1000
  refused 'FORCE=0' make ex2 FORCE=maybe
  not_there x
}

@test "what is no whole number, or out of its range, is refused wherever one is asked for" {
  local value
  for value in '' abc 0 -1 1.5 33 1e1 '1 2' 99999999999999999999 '2; touch x' '$(touch x)'; do
    refused "N='$value' is not a whole number from 1 to 32" bash -c '. scripts/lib/messages.sh; . scripts/lib/checks.sh; N=$1; whole_number N 1 32 N=2' _ "$value"
  done
  for value in 1 08 32; do
    ok bash -c '. scripts/lib/messages.sh; . scripts/lib/checks.sh; N=$1; whole_number N 1 32 N=2' _ "$value"
  done
  not_there x
}

@test "a port must be a number" {
  refused 'PREFECT_PORT=4200' make ex1 PREFECT_PORT=0
  refused 'PREFECT_PORT=4200' make ex2 PREFECT_PORT=70000
  refused 'WEB_PORT=8000' make status WEB_PORT='8000 8001'
}

@test "the same port twice, typed or derived, is refused before anything starts" {
  refused "WEB_PORT=$((WEB_PORT + 100))" make ex3 PREFECT_PORT="$WEB_PORT" WEB_PORT="0$WEB_PORT"
  has "error: WEB_PORT and PREFECT_PORT are both $WEB_PORT. Try: make ex3 WEB_PORT="
  refused 'make ex4 REDIS_PORT=' make ex4 PREFECT_PORT=$((WEB_PORT + 4))
  refused 'SMTP_PORT and INBOX_PORT are both ' make ex4 INBOX_PORT=$((WEB_PORT + 3))
  not_there "$WORKSHOP_HOME/run"
}

@test "a terminal that lets no process have the memory of a Prefect server (ulimit -v) is refused before anything starts" {
  local ex
  for ex in 1 2; do refused 'use another terminal, or run ulimit -v unlimited' bash -c "ulimit -v 1500000 && make ex$ex"; done
  has 'map only 1500 MB'
  not_there "$WORKSHOP_HOME/run"
}

@test "a port in use names its holder and another port, for each port of each example" {
  start holder python3 -m http.server --bind 127.0.0.1 "$PREFECT_PORT"
  within 30 curl -sf "http://127.0.0.1:$PREFECT_PORT"
  refused 'PREFECT_PORT=' make ex2
  has "pid $holder_pid"
  has "python3"
  refused 'PREFECT_PORT=' make ex1
  kill "$holder_pid"
  within 30 gone "$holder_pid"

  start web_holder python3 -m http.server --bind 127.0.0.1 "$WEB_PORT"
  within 30 curl -sf "http://127.0.0.1:$WEB_PORT"
  refused "make ex3 WEB_PORT=$((WEB_PORT + 100))" make ex3
  kill -0 "$web_holder_pid" # a process that is not the kit's is never killed
  try make doctor
  is "$status" 2 'exit code'
  has "port $WEB_PORT (WEB_PORT) is in use by python3 (pid $web_holder_pid)"
  refused "make ex4 WEB_PORT=" make ex4
  kill "$web_holder_pid"
  within 30 gone "$web_holder_pid"

  local number name
  for number in 1 2 3 4; do
    name=$(cut -d ' ' -f "$number" <<<'MARKETING_PORT INBOX_PORT SMTP_PORT REDIS_PORT')
    start other python3 -m http.server --bind 127.0.0.1 $((WEB_PORT + number))
    within 30 curl -sf "http://127.0.0.1:$((WEB_PORT + number))"
    refused "make ex4 $name=" make ex4
    kill "$other_pid"
    within 30 gone "$other_pid"
  done
  if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    start six python3 -m http.server --bind ::1 "$WEB_PORT"
    within 30 curl -sf "http://[::1]:$WEB_PORT"
    refused 'make ex4 WEB_PORT=' make ex4
    kill "$six_pid"
  fi
}

@test "the variables of example 4" {
  refused 'FAIL_RATE=0.2' make ex4 FAIL_RATE=2
  refused 'FAIL_RATE=0.2' make ex4 FAIL_RATE=-0.1
  refused 'FAIL_RATE=0.2' make ex4 FAIL_RATE='0.2; touch x'
  refused 'REDIS_URL=redis://' make ex4 REDIS_URL='http://:hunter2@127.0.0.1'
  has_not hunter2
  refused 'SMTP_URL=smtp://' make ex4 SMTP_URL=127.0.0.1
  refused 'MARKETING_PORT=' make ex4 MARKETING_PORT=0
  refused 'make ex4' make signup
  refused 'EX=4' make bench EX=3
  refused 'DOCKER=0' make ex4 DOCKER=yes
  not_there x
}

@test "the other variables are checked too" {
  refused 'LIMIT=1' make ex2 LIMIT=0
  refused 'GRACE=30' make ex2 GRACE=long
  refused 'WORK_SECONDS=0.3' make ex2 WORK_SECONDS=1s
  refused 'REMOTE=0' make ex2 REMOTE=yes
  refused 'ALL=0' make help ALL=2
  refused "JOIN_PORT=$((PREFECT_PORT + 43))" make ex7 JOIN_PORT=0
  refused 'LEASE_SECONDS=20' make ex7 LEASE_SECONDS=long
  refused 's3-bucket/name' make ex7 STORAGE=../x
  refused 'is no address of this machine' make ex7 LISTEN=203.0.113.5
  refused 'without REMOTE=1' make ex7 REMOTE=1
  refused '192.0.2.7:4243' env JOIN_CODE=x make server 'AT=$(touch x)'
  refused 'export JOIN_CODE=…' make server AT=192.0.2.7 JOIN_CODE=x
}

@test "make help: the dozen commands of the room on one screen; ALL=1 every command; no line is wider than a projector" {
  ok make -s help
  is "$(grep -c '^  make ' <<<"$output")" 12 'commands in make help'
  compare "${#lines[@]}" -lt 30 'lines of make help'
  ok make -s help ALL=1
  local examples=(examples/ex*_*)
  is "$(grep -c '^  make ' <<<"$output")" $((${#examples[@]} + $(grep -c '^[a-z0-9-]*: ## ' Makefile))) 'commands in make help ALL=1'
  local wide
  wide=$("$PYTHON_OF_TESTS" -c 'import sys; print(max(len(line) for line in sys.stdin.read().splitlines()))' <<<"$output")
  compare "$wide" -le 100 'characters in the widest line'
}

@test "TUNED, QUICK, FULL, PEERS, SHOW and OFF are 0 or 1" {
  refused 'SHOW=0' make join SHOW=yes
  refused 'OFF=0' make stuck OFF=yes
  refused 'TUNED=0' make ex2 TUNED=yes
  refused 'QUICK=0' make bench QUICK=2
  refused 'PEERS=0' make bench PEERS=all
  refused 'FULL=1' make bench QUICK=1 FULL=1
  refused 'without REMOTE=1' make bench REMOTE=1
}

@test "DB that is no address, or of a server that is away, silent or refuses: one line within 5 s, without the password" {
  refused 'DB=postgresql://' make ex2 DB=nonsense
  refused 'DB=postgresql://' make ex1 DB='mysql://me:hunter2@127.0.0.1/x'
  has_not hunter2
  refused 'leave out DB' make ex2 DB="postgresql://me:hunter2@127.0.0.1:$PREFECT_PORT/x" REMOTE=1
  refused 'without DB' make ex2 DB="postgresql://me:hunter2@127.0.0.1:$PREFECT_PORT/x"
  has_not hunter2
  # A server that takes the connection and says nothing.
  start silent python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', $WEB_PORT)); time.sleep(60)"
  within 30 eval '(exec 3<>"/dev/tcp/127.0.0.1/$WEB_PORT")'
  local begin=$SECONDS
  refused 'without DB' make ex2 DB="postgresql://me:hunter2@127.0.0.1:$WEB_PORT/x"
  has_not hunter2
  compare $((SECONDS - begin)) -le 6 'seconds taken'
  kill "$silent_pid"
  not_there "$WORKSHOP_HOME/run/example"
}

# bats test_tags=long
@test "N must be a whole number from 1 to 100,000" {
  start_example 2 SERVERS=1
  for value in 0 -1 1e9 1000000000; do refused 'make submit-map N=3' make submit-map N="$value"; done
  ok make runs
  has_not my_background_task
}

# bats test_tags=long
@test "a full disk: one line, nothing half-started" {
  mkdir -p "$WORKSHOP_HOME"
  need_small_disk "$WORKSHOP_HOME" 300k
  refused 'free some disk space' make ex2
  refused 'free some disk space' make ex1
  not_there "$WORKSHOP_HOME/run/example"
  # It fills up later: nothing is half-submitted, and with space again all goes on.
  mount -o remount,size=40m "$WORKSHOP_HOME"
  start_example 2 SERVERS=1
  ok make submit NAME=before
  dd if=/dev/zero of="$WORKSHOP_HOME/fill" bs=1k 2>/dev/null || true
  refused 'free some disk space' make submit NAME=full
  refused 'free some disk space' make submit-map N=4
  rm "$WORKSHOP_HOME/fill"
  ok make submit NAME=after
  has 'Hello, after!'
  is "$(count_in_state COMPLETED)" 2 'runs in the state COMPLETED'
  is "$(count_in_state SCHEDULED)" 0 'runs in the state SCHEDULED'
  ok make stop
  umount "$WORKSHOP_HOME"
}

@test "submitting when nothing runs names the command that helps" {
  refused 'make ex2' make submit
  refused 'make ex2' make submit-map
  refused 'make ex2' make server
  refused 'make ex' make task
  refused 'make ex1' make open
  refused 'make ex1 or make ex2' make runs
}

@test "an unknown example, and an example that is not named" {
  refused 'make check EX=2' make check EX=9
  refused 'make check EX=2' make check EX='$(touch x)'
  refused 'make check EX=2' make check
  not_there x
}

@test "an empty name is refused by every command that takes one" {
  refused 'NAME=' make ex1 NAME=
  refused 'NAME=' make ex1 NAME='   '
}

@test "a folder that cannot be written to" {
  # root may write anywhere, but not below a file
  : >"$BATS_TEST_TMPDIR/file"
  refused 'WORKSHOP_HOME=' make ex2 WORKSHOP_HOME="$BATS_TEST_TMPDIR/file/home"
  refused 'WORKSHOP_HOME=' make ex1 WORKSHOP_HOME="$BATS_TEST_TMPDIR/file/home"
  refused 'WORKSHOP_HOME=' make ex2 WORKSHOP_HOME=/proc/nobody
}

@test "a corrupt database file" {
  mkdir -p "$WORKSHOP_HOME/prefect"
  head -c 20000 /dev/urandom >"$WORKSHOP_HOME/prefect/prefect.db"
  refused 'make clean' make ex2
  refused 'make clean' make ex1
  refused "make db SQL=" make db
  # Damaged in the middle, with a good beginning.
  ok make clean
  mkdir -p "$WORKSHOP_HOME/prefect"
  cp .venv/workshop/prefect.db "$WORKSHOP_HOME/prefect/prefect.db"
  dd if=/dev/urandom of="$WORKSHOP_HOME/prefect/prefect.db" bs=4096 seek=3 count=40 conv=notrunc status=none
  refused 'make clean' make ex2
  not_there "$WORKSHOP_HOME/run/example"
}

@test "a query where nothing was ever started, and an empty one" {
  refused 'make ex1' make db
  refused 'SQL is empty' make db SQL=
}

# bats test_tags=long
@test "a query that writes, a broken query, and one without end" {
  mkdir -p "$WORKSHOP_HOME/prefect"
  cp .venv/workshop/prefect.db "$WORKSHOP_HOME/prefect/"
  refused 'readonly' make db SQL='delete from task_run'
  refused 'SQLite says' make db SQL="attach '$BATS_TEST_TMPDIR/new.db' as x"
  not_there "$BATS_TEST_TMPDIR/new.db"
  refused 'syntax error' make db SQL='select from where'
  refused '10 s' make db SQL='with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'
  ok make db SQL='select count(*) as runs from task_run'
  has 'runs'
}

@test "REMOTE=1 without a server of one's own, or with one that does not answer" {
  refused 'PREFECT_API_URL=' make ex2 REMOTE=1
  refused 'use another PREFECT_API_URL' env PREFECT_API_URL="http://127.0.0.1:$((PREFECT_PORT + 1))/api" make submit REMOTE=1
  refused 'REMOTE=1' make clean REMOTE=1
}

@test "a mistake in .env is named" {
  copy_kit "$BATS_TEST_TMPDIR"
  cd "$BATS_TEST_TMPDIR"
  echo 'this is no setting' >.env
  refused 'fix or delete that line' make status
  printf '\357\273\277WORK_SECONDS=long\r\n' >.env # with a BOM, and lines that end as on Windows: it is read
  refused "WORK_SECONDS='long'" make status
  "$PYTHON_OF_TESTS" -c 'open(".env", "w", encoding="utf-16").write("GRACE=5\n")'
  refused '.env is saved as UTF-16. Try: save it as UTF-8' make status
}

@test "a variable or a command that was meant otherwise is named; nothing starts, and no value is executed" {
  refused 'make ex2 SERVERS=' make ex2 servers=2
  refused 'make submit NAME=' make submit name=x
  refused 'make submit-map N=' make submit-map n=4
  refused 'make ex2 SERVERS=' make ex2 SERVER=2
  refused 'make submit-map N=' make submit-map NUMBER=5
  refused 'make status NAME=' make status 'name=$(shell touch x)' 'OTHER=$(shell touch x)'
  refused 'make ex2 SERVERS=2' make ex2 SERVERS= 2
  refused 'make help in another terminal' make ex2 help
  refused 'make ex2' make ex 2
  refused 'make ex2' make Ex2
  refused 'make ex2' make ex7x
  refused 'make submit' make submitt
  refused 'make help' make frobnicate
  refused 'make help' make ex2 frobnicate
  not_there x
  # What other programs read is nobody's slip, nor what the shell carries.
  ok env server=1 name=x LANES_=1 make help FOO=1 PREFECT_LOGGING_LEVEL=DEBUG NO_COLOR=1 TZ=UTC
  ok make help docs -n
}

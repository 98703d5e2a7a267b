#!/usr/bin/env bats
# Example 7: task servers on other machines, over one safe port. Machine a has the Prefect server; b and c join it.
# bats file_tags=ex7

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b c
  # Each machine greets in its own words, as the chapter says.
  sed -i.old 's/Hello, {name}!/Hallo, {name}!/' "$(folder_of b)/examples/ex7_many_machines/task_server.py"
  start_on_a SERVERS=1
  # A company's proxy, in both spellings: the port is asked without it.
  HTTPS_PROXY=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy=.corp start_on b
}
teardown_file() { stop_machines; }

@test "the ready line says what to type on another machine, and the code stands on a line of its own" {
  grep '^ready in .* - next, in another terminal: make submit-map N=60$' "$stack_log"
  grep '^another machine joins with: make server AT=10.99.0.1:4243$' "$stack_log"
  grep -E '^the code it asks for: ([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$' "$stack_log"
  grep '^joined a (10.99.0.1:4243) as b; make leave forgets it$' "$b_log"
}

@test "runs of both machines are spread over both, and each greets in its own words" {
  local name
  for name in a b; do
    ok "$ON/$name" make submit-map N=20 NAMES='Ford' WORK_SECONDS=0.1
    has '20 of 20 runs completed'
    has 'by 2 task server(s)'
    grep -E 'task_server.1 +│ [0-9]+' <<<"$output"
    grep -E 'task_server.1 on b +│ [0-9]+' <<<"$output"
  done
  within 30 eval '"$ON/b" make submit NAME="Ford \$(x) \"q\" 😀" | grep -F "Hallo, Ford \$(x) \"q\" 😀! This is b."'
  within 30 eval '"$ON/b" make submit NAME=Ford | grep -F "Hello, Ford! This is a."'
}

# bats test_tags=long
@test "make watch, runs, check and status say on both machines who is where" {
  local name
  export HTTPS_PROXY=http://127.0.0.1:9 no_proxy=.corp
  ok "$ON/b" make submit-map N=10 WORK_SECONDS=0.1
  for name in a b; do
    ok "$ON/$name" make watch ONCE=1
    grep -E 'task_server.1 +│ a ' <<<"$output"
    grep -E 'task_server.1 on b +│ b ' <<<"$output"
    ok "$ON/$name" make runs N=200
    has 'task_server.1 on b'
    ok "$ON/$name" make check
    has 'every promise holds'
    ok "$ON/$name" make status
    has ready
  done
  has 'this machine has joined 10.99.0.1:4243'
  ok "$ON/a" make check
  has '- joined: b, from 10.99.0.2; 1 task server(s); Python 3.'
  has 'other machines find one port here: 10.99.0.1:4243'
  ok "$ON/a" make status
  has "make server AT=10.99.0.1:4243, with the code $(code)"
}

# bats test_tags=long
# bats test_tags=long
@test "control characters in the name, key, state or message of a run never reach the terminal of either machine" {
  local steers='\u001b]0;owned\u0007\u001b[2J\u202e\r\u009b1m\u200b\u2028' state run name command
  state="{\"type\": \"COMPLETED\", \"name\": \"S$steers\", \"message\": \"M$steers\"}"
  run=$("$ON/a" curl -sf -H 'Content-Type: application/json' http://127.0.0.1:4200/api/task_runs/ \
    -d "{\"name\": \"N$steers\", \"task_key\": \"K$steers-1\", \"dynamic_key\": \"1\", \"state\": $state}" | json 'd["id"]')
  for name in a b; do
    for command in 'make runs' 'make watch ONCE=1' 'make check' 'make status' "make cancel RUN=$run"; do
      # shellcheck disable=SC2086
      try "$ON/$name" $command
      is_plain "$command on $name" <<<"$output"
    done
    ok "$ON/$name" make runs
    has 'S�]0;owned��[2J�'
    ok "$ON/$name" make submit NAME=$'Zo\303\253\033]0;owned\a\033[2J\342\200\256\r'
    is_plain "make submit on $name" <<<"$output"
    has '�]0;owned��[2J��!'
  done
  is_plain 'make ex7' <"$stack_log"
  is_plain 'make server' <"$b_log"
}

@test "make open on the other machine: the UI through a port of its own, for no other site" {
  local id path
  start ui "$ON/b" make open
  within 20 grep -q '^http://127.0.0.1:4244$' "$ui_log"
  id=$("$ON/b" make -s submit | run_id)
  ok "$ON/b" curl -sf -H 'Accept: text/html' "http://127.0.0.1:4244/runs/task-run/$id"
  has '<html'
  for path in "task_runs/$id" "ui/task_runs/$id"; do # the older pages, and the newer
    ok "$ON/b" curl -sf "http://127.0.0.1:4244/api/$path"
    has "$id"
  done
  ok "$ON/b" curl -s -o /dev/null -w '%{http_code}' -H 'Origin: http://elsewhere.example' "http://127.0.0.1:4244/api/task_runs/$id"
  has 403
  ok "$ON/b" curl -s -o /dev/null -w '%{http_code}' -H 'Host: elsewhere.example' "http://127.0.0.1:4244/api/health"
  has 403
  kill -INT "-$ui_pid"
  within 10 gone "$ui_pid"
}

@test "another machine finds one port on a; without a session it answers nothing but its health" {
  local port path
  for port in 4200 8000 4244 22 80 443; do
    never "$ON/c" bash -c "exec 3<>/dev/tcp/10.99.0.1/$port"
  done
  is "$("$ON/a" ss -Hltn | awk '{ print $4 }' | grep -v '^127.0.0.1:\|^\[::1\]:' | paste -sd ' ' -)" 10.99.0.1:4243 'what listens for others on a'
  ok "$ON/c" curl -sk https://10.99.0.1:4243/api/health
  has true
  for path in / /api/version /api/task_runs/filter /api/admin/settings /durable/session /durable/records /docs /openapi.json; do
    is "$("$ON/c" curl -sk -o /dev/null -w '%{http_code}' "https://10.99.0.1:4243$path")" 401 "status of GET $path"
    is "$("$ON/c" curl -sk -o /dev/null -w '%{http_code}' -d '{}' "https://10.99.0.1:4243$path")" 401 "status of POST $path"
  done
}

@test "a wrong code, another machine's certificate, no such address: one line, exit 2, and nothing was sent" {
  local good other
  good=$(code)
  refused 'Try: enter the code again' env JOIN_CODE=ABCD-EFGH "$ON/c" make server AT=10.99.0.1:4243
  has 'that is no code: it has 8 characters'
  case $good in 2*) other=3${good:1} ;; *) other=2${good:1} ;; esac # another password
  refused 'enter the code it shows now' env JOIN_CODE="$other" "$ON/c" make server AT=10.99.0.1:4243
  # Who answers at this address has another certificate, and writes down what it is told.
  start liar "$ON/c" "$PYTHON_OF_TESTS" "$KIT/tests/machines/liar.py" 4443 "$BATS_FILE_TMPDIR"
  within 10 grep -q listening "$liar_log"
  refused 'Nothing was sent' env JOIN_CODE="$good" "$ON/c" make server AT=10.99.0.3:4443
  within 5 grep -q '^it was told 0 bytes$' "$liar_log"
  kill "$liar_pid"
  refused 'the port that the other machine shows' env JOIN_CODE="$good" "$ON/c" make server AT=10.99.0.1:4999
  refused 'a VPN on either; its firewall, which must let TCP 4243 in' env JOIN_CODE="$good" "$ON/c" make server AT=10.99.0.77:4243
  refused '192.0.2.7:4243' env JOIN_CODE="$good" "$ON/c" make server AT='$(id):4243'
  refused 'JOIN_CODE in the environment or in .env' "$ON/c" make server AT=10.99.0.1:4243
  refused 'export JOIN_CODE=…' "$ON/c" make server AT=10.99.0.1:4243 JOIN_CODE="$good"
  ok "$ON/c" PYTHONPATH="$KIT_PYTHONPATH" "$PYTHON_OF_TESTS" -c 'import sys
from durable import joining
try:
    joining.join("10.99.0.1:4243", sys.argv[1], "c", machine="c", prefect="4.0.0")
except joining.NotJoined as error:
    print(error)' "$good"
  has 'Prefect is 3.9.1 here and 4.0.0 there'
  not_there "$(home_of c)/joined"
}

@test "what is kept is for its owner alone; neither the code nor a token is in a process list, a log or a run" {
  local secret file
  is "$(find "$(home_of b)/joined" "$(home_of a)/port" -perm /077)" '' 'what others may read'
  there "$(home_of b)/joined/joined.json" "$(home_of a)"/port/{ca.key,chain.key,password,code,sessions.json}
  ps axww -o args= >"$BATS_TEST_TMPDIR/processes"
  for secret in "$(cat "$(home_of a)/port/password")" "$(json 'd["code"]' <"$(home_of b)/joined/joined.json")" "$(json 'd["token"]' <"$(home_of b)/joined/joined.json")"; do
    compare "${#secret}" -ge 12 'length of a secret'
    never grep -F -- "$secret" "$BATS_TEST_TMPDIR/processes"
    never grep -rF -- "$secret" "$b_log" "$(home_of a)/prefect" "$(home_of a)/task-servers" "$(home_of a)/port/storage" "$(home_of a)/logs" "$(home_of b)/logs"
  done
  never grep -F -- "$(json 'd["token"]' <"$(home_of b)/joined/joined.json")" "$(home_of a)/port/sessions.json"
}

# bats test_tags=long
@test "the port's process is killed: both machines go on when it is back, with the sessions that they had" {
  kill -KILL "$(WORKSHOP_HOME=$(home_of a) child_of server.1)"
  within 30 eval 'api /health'
  ok "$ON/b" make submit-map N=20 NAMES='Ford' WORK_SECONDS=0.1
  has 'by 2 task server(s)'
  never grep -q 'died while it had' "$stack_log"
}

# bats test_tags=long
@test "Ctrl-C on the other machine: its run finishes, its session ends; make leave forgets the address and the code" {
  local id
  start_on c
  id=$("$ON/c" make -s submit WAIT=0 | run_id)
  kill -INT "-$c_pid"
  within 20 gone "$c_pid"
  within 20 is_in_state "$id" COMPLETED
  within 5 grep -q '^[0-9: ]*server.1 .*task_server.1 on c has left' "$stack_log"
  start_on c # with the kept code
  ok "$ON/c" make leave
  has 'left a'
  within 10 gone "$c_pid"
  not_there "$(home_of c)/joined"
  refused 'make ex2' "$ON/c" make submit
  mkdir "$(home_of c)/joined"
  echo '{"at": 1' >"$(home_of c)/joined/joined.json"
  refused 'make leave, then make server AT=…' "$ON/c" make submit
  ok "$ON/c" make leave
  not_there "$(home_of c)/joined"
}

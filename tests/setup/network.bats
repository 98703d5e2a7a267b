#!/usr/bin/env bats
# Without a network, and with a Prefect server that is somebody else's.
# bats file_tags=network,long

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

@test "once set up, everything works with no network at all" {
  need_unshare
  cat >"$BATS_TEST_TMPDIR/offline" <<'SCRIPT'
ip link set lo up
set -e
if python3 -c 'import urllib.request; urllib.request.urlopen("http://1.1.1.1", timeout=2)' 2>/dev/null; then exit 9; fi
make ex1 NAME=Ford
make ex2 SERVERS=2 >"$BATS_TEST_TMPDIR/ex2.log" 2>&1 &
for i in $(seq 300); do grep -q '^ready' "$BATS_TEST_TMPDIR/ex2.log" && break; sleep 0.1; done
make submit NAME=Zaphod
make submit-map N=20
make check EX=2
make runs N=3
make db
make stop
make ex3 >"$BATS_TEST_TMPDIR/ex3.log" 2>&1 &
for i in $(seq 300); do grep -q '^ready' "$BATS_TEST_TMPDIR/ex3.log" && break; sleep 0.1; done
make task
make stop
SCRIPT
  LIMIT_S=150 ok unshare -rn bash "$BATS_TEST_TMPDIR/offline"
  has 'Hello, Ford!'
  has 'Hello, Zaphod!'
  has '20 of 20 runs completed'
  has 'every promise holds'
  has 'Hello, Marvin!'
  # Nothing tried to reach out and complained that it could not.
  cat "$BATS_TEST_TMPDIR"/ex[23].log
  never grep -E 'ERROR|Traceback|elemetry|[Nn]ame or service' "$BATS_TEST_TMPDIR"/ex[23].log "$WORKSHOP_HOME/logs/server.log"
}

@test "REMOTE=1: a stand-in for Prefect Cloud gets the task servers and the runs; no local server is started" {
  # The stand-in: the server of a second kit.
  local theirs=$BATS_TEST_TMPDIR/theirs our_home=$WORKSHOP_HOME our_port=$PREFECT_PORT
  own_kit "$theirs"
  ok make ex1
  local their_home=$WORKSHOP_HOME their_port=$PREFECT_PORT
  export WORKSHOP_HOME=$our_home PREFECT_PORT=$our_port

  export PREFECT_API_URL=http://127.0.0.1:$their_port/api REMOTE=1
  start_example 2 SERVERS=1
  within 20 eval '[ "$(task_servers)" = 1 ]' # asked at $API, which is theirs
  never curl -sf "http://127.0.0.1:$our_port/api/health"
  ok make submit NAME=Trillian
  has "http://127.0.0.1:$their_port/runs/task-run/"
  has 'Hello, Trillian!'
  ok make submit-map
  has '3 of 3 runs completed'
  ok make runs
  has 'my_background_task'
  ok make status
  has "REMOTE=1: http://127.0.0.1:$their_port/api"
  refused 'with REMOTE=1' env -u PREFECT_API_URL REMOTE=0 make submit # in another terminal, without the setting
  refused 'REMOTE=1' make clean
  refused 'make runs REMOTE=1' make db
  ok make stop

  # A profile instead of the variable.
  unset PREFECT_API_URL
  mkdir -p "$HOME/.prefect"
  printf 'active = "prod"\n[profiles.prod]\nPREFECT_API_URL = "http://127.0.0.1:%s/api"\n' "$their_port" >"$HOME/.prefect/profiles.toml"
  ok make ex1 NAME=Deep
  has "http://127.0.0.1:$their_port/runs/task-run/"
  has_not 'starting a Prefect server'
  # Without REMOTE=1 the same profile is ignored, and named.
  unset REMOTE
  PREFECT_API_KEY=pnu_secret ok make ex1
  has 'ignored: your Prefect profile'
  has 'PREFECT_API_KEY'
  has "http://127.0.0.1:$our_port/runs/task-run/"
  has_not 'pnu_secret'
  ok make stop
  WORKSHOP_HOME=$their_home PREFECT_PORT=$their_port ok make stop
}

# bats test_tags=slow
@test "the wheels of make bundle set up another machine without a network" {
  LIMIT_S=170 ok make bundle WHEELS="$BATS_TEST_TMPDIR/the wheels" PYTHON="$PYTHON_OF_TESTS"
  has 'wheels,'
  local copy="$BATS_TEST_TMPDIR/a copy"
  copy_kit "$copy"
  cd "$copy"
  # From a folder, with a network that answers nothing.
  LIMIT_S=170 ok env UV_CACHE_DIR="$BATS_TEST_TMPDIR/none" PIP_NO_CACHE_DIR=1 PIP_FIND_LINKS= HTTPS_PROXY=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 \
    make setup WHEELS="$BATS_TEST_TMPDIR/the wheels"
  has 'setup done'
  .venv/bin/python -c 'import prefect, honcho, fastapi'
  rm -rf .venv
  # From a URL.
  start wheels "$PYTHON_OF_TESTS" -m http.server --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR/the wheels" "$WEB_PORT"
  within 30 curl -sf -o /dev/null "$WEB/"
  LIMIT_S=170 ok env UV_CACHE_DIR="$BATS_TEST_TMPDIR/none" PIP_NO_CACHE_DIR=1 PIP_FIND_LINKS= make setup WHEELS="$WEB"
  has 'setup done'
  kill "$wheels_pid"
  rm -rf .venv "$BATS_TEST_TMPDIR/the wheels"
  cd "$KIT"
}

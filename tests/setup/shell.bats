#!/usr/bin/env bats
# What a person's shell and machine carry does not count: the kit does the same with it as without.
# bats file_tags=shell

load ../helpers/base

setup_file() {
  echo 'exit 7' >"$BATS_FILE_TMPDIR/bash_env"
  echo 'raise SystemExit("the json.py of PYTHONPATH")' >"$BATS_FILE_TMPDIR/json.py"
  printf '[global]\nuser = true\n' >"$BATS_FILE_TMPDIR/pip.conf"
}
setup() { own_kit; }
teardown() { stop_and_check; }

# What a shell may carry: arguments of `env`, and what a person has typed in it. Of several values for a name the last counts.
carried=(
  -uHOME
  CDPATH=/tmp:/usr GREP_OPTIONS=-v SHELLOPTS=noclobber:noglob
  "BASH_ENV=${BATS_FILE_TMPDIR:-}/bash_env" # a bash that reads it does nothing else
  'BASH_FUNC_cd%%=() { false; }' 'BASH_FUNC_ls%%=() { false; }' 'BASH_FUNC_grep%%=() { false; }'
  PYTHONSAFEPATH=1 PYTHONINSPECT=1 PYTHONIOENCODING=ascii PYTHONWARNINGS=error PYTHONOPTIMIZE=2
  PYTHONSTARTUP=/nowhere/file.py "PYTHONPATH=${BATS_FILE_TMPDIR:-}"
  PIP_USER=1 "PIP_TARGET=${BATS_FILE_TMPDIR:-}/target" "PIP_PREFIX=${BATS_FILE_TMPDIR:-}/prefix" PIP_DRY_RUN=1 PIP_REQUIRE_VIRTUALENV=1
  "PIP_CONFIG_FILE=${BATS_FILE_TMPDIR:-}/pip.conf"
  UV_CONFIG_FILE=/nowhere/uv.toml UV_PYTHON=2.7 UV_INDEX_URL=http://127.0.0.1:9/simple
  ALL_PROXY=socks5://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
  UVICORN_HOST=0.0.0.0 UVICORN_PORT=9 UVICORN_WORKERS=3 FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=9 WEB_CONCURRENCY=3 FORWARDED_ALLOW_IPS='*'
  SSL_CERT_FILE=/nowhere
  LC_ALL=de_DE.UTF-8 LC_ALL=C LC_ALL=xx_YY TZ=Asia/Kathmandu TERM=dumb
  EMAIL=me@example.org NAME=Eddie
  'umask 077' 'ulimit -n 256'
)

# CASE... -> shell_with: what to put in front of a command, for a shell that carries these
carry() {
  local case typed=: variables=()
  for case; do
    case $case in umask* | ulimit*) typed="$typed; $case" ;; *) variables+=("$case") ;; esac
  done
  # env last: a sh passes on no functions but its own.
  shell_with=(sh -c "$typed"'; exec "$@"' _ env "${variables[@]}")
}

# bats test_tags=long
@test "all of it at once: help, doctor, ex1, ex2, submit, stop are as ever" {
  local help doctor
  carry "${carried[@]}"
  help=$(make help)
  is "$("${shell_with[@]}" make help 2>&1)" "$help" 'make help'
  doctor=$(make doctor 2>&1 | grep -c '✗' || true)
  is "$("${shell_with[@]}" make doctor 2>&1 | grep -c '✗' || true)" "$doctor" 'findings of make doctor'
  ok "${shell_with[@]}" make ex1
  has 'Hello, Marvin!'
  start shell_stack "${shell_with[@]}" make ex2 SERVERS=1
  within 60 grep -q '^ready in' "$shell_stack_log"
  ok "${shell_with[@]}" make submit NAME=Zoë
  has 'Hello, Zoë!'
  ok "${shell_with[@]}" make submit
  has 'Hello, Marvin!'
  ok "${shell_with[@]}" make stop
  never grep -qE 'Traceback|setlocale|warning' "$shell_stack_log"
}

# EX -> with all of it, what it opens is open on this machine alone, and there is one Prefect server
only_here() {
  local port
  carry "${carried[@]}"
  start shell_stack "${shell_with[@]}" make "ex$1" SERVERS=1
  within 60 grep -q '^ready in' "$shell_stack_log" || fail_with "$(cat "$shell_stack_log")"
  for port in "$PREFECT_PORT" "$WEB_PORT"; do is "$(listens_on "$port")" "127.0.0.1:$port" 'what listens'; done
  is "$(pgrep -cf "prefect.server.api.server:create_app.* --port $PREFECT_PORT ")" 1 'Prefect servers'
  ok make stop
}
# bats test_tags=long
@test "all of it at once: example 3 listens on 127.0.0.1 alone" { only_here 3; }
# bats test_tags=long
@test "all of it at once: example 5 does, too" { LLM=canned only_here 5; }

# What status and ex1 say in a shell that carries these cases; without what differs from run to run.
said_with() {
  carry "$@"
  ok "${shell_with[@]}" make status
  said=$output
  ok "${shell_with[@]}" make ex1
  said=$said$'\n'$(sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/ID/g; s/[0-9:]{8}\.[0-9]+/TIME/g' <<<"$output" | LC_ALL=C sort)
}

# bats test_tags=long,slow
@test "each of it alone: status and ex1 say the same as without" {
  local case without
  ok make ex1 # its Prefect server serves all of them
  said_with
  without=$said
  grep -q 'Hello, Marvin!' <<<"$without"
  for case in "${carried[@]}"; do
    said_with "$case"
    is "$said" "$without" "with $case"
  done
}

# bats test_tags=long,slow
@test "each of it alone: what pip and uv are told elsewhere does not change where the set-up installs" {
  local case
  copy_kit "$BATS_TEST_TMPDIR/kit"
  cd "$BATS_TEST_TMPDIR/kit"
  KIT=$PWD
  LIMIT_S=170 ok make setup
  for case in "${carried[@]}"; do
    case $case in PIP_* | UV_PYTHON=* | UV_CONFIG_FILE=*) ;; *) continue ;; esac
    echo "another lock $PWD" >.venv/workshop/core # so that the set-up looks again, and finds a little missing
    rm -rf .venv/lib/python3*/site-packages/rich{,-*}
    carry "$case"
    LIMIT_S=170 ok "${shell_with[@]}" make setup
    .venv/bin/python -c 'import rich.table'
  done
}

#!/usr/bin/env bats
# Which variables of a person's shell reach which process: scripts/environment.txt.
# bats file_tags=shell

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# A hundred that a shell may carry for something else.
hundred() {
  local name
  printf '%s\n' WEB_CONCURRENCY=3 FORWARDED_ALLOW_IPS=* SERVER_SOFTWARE=other/1 GUNICORN_CMD_ARGS=--bind=0.0.0.0 HYPERCORN_BIND=0.0.0.0:9 \
    SSL_CERT_FILE=/nowhere SSL_CERT_DIR=/nowhere REQUESTS_CA_BUNDLE=/nowhere CURL_CA_BUNDLE=/nowhere SSLKEYLOGFILE=/nowhere/keys \
    HTTP_PROXY=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 all_proxy=socks5://127.0.0.1:9 NO_PROXY=.corp no_proxy=10.0.0.0/8 \
    AWS_PROFILE=none AWS_REGION=nowhere AWS_ENDPOINT_URL=http://127.0.0.1:9 GOOGLE_APPLICATION_CREDENTIALS=/nowhere AZURE_CONFIG_DIR=/nowhere \
    PGHOST=127.0.0.9 PGPORT=9 PGUSER=nobody PGPASSWORD=none PGSSLMODE=verify-full PGOPTIONS=-cwork_mem=1 \
    GIT_DIR=/nowhere GIT_WORK_TREE=/nowhere GIT_CONFIG_GLOBAL=/nowhere GIT_PAGER=cat \
    REDIS_HOST=127.0.0.9 CELERY_BROKER_URL=redis://127.0.0.9 DATABASE_URL=postgres://127.0.0.9/x DJANGO_SETTINGS_MODULE=none.settings \
    HOST=0.0.0.0 ADDRESS=0.0.0.0 BIND=0.0.0.0:80 WORKERS=4 RELOAD=true DEBUG=1 ENV=production APP_ENV=production LOG_LEVEL=debug LOGURU_LEVEL=TRACE EVENTLET_HUB=poll GEVENT_LOOP=none \
    OTEL_SDK_DISABLED=false OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9 SENTRY_DSN=http://x@127.0.0.1:9/1 DD_TRACE_ENABLED=1 NEW_RELIC_LICENSE_KEY=none \
    SQLALCHEMY_WARN_20=1 SQLALCHEMY_SILENCE_UBER_WARNING=0 ALEMBIC_CONFIG=/nowhere HTTPX_LOG_LEVEL=trace WEBSOCKETS_MAX_LOG_SIZE=1 ANYIO_BACKEND=trio \
    RICH_THEME=none LOGFIRE_TOKEN=none PYDANTIC_DISABLE_PLUGINS=__none__ PYDANTIC_ERRORS_INCLUDE_URL=true
  for name in HOST PORT UDS FD RELOAD WORKERS LOG_LEVEL LOG_CONFIG PROXY_HEADERS ROOT_PATH APP_DIR LIMIT_CONCURRENCY SSL_KEYFILE SSL_CERTFILE FACTORY HTTP WS LIFESPAN; do echo "UVICORN_$name=0"; done
  for name in APP DEBUG ENV RUN_HOST RUN_PORT RUN_CERT RUN_KEY RUN_RELOAD RUN_DEBUGGER SKIP_DOTENV; do echo "FLASK_$name=0"; done
  for name in PATH HOME STARTUP OPTIMIZE DEBUG INSPECT VERBOSE WARNINGS ASYNCIODEBUG TRACEMALLOC PROFILEIMPORTTIME MALLOC; do echo "PYTHON$name=1"; done
}

# COMMAND... -> what it prints
said() {
  try "$@"
  printf '$ %s\n%s\n[exit %s]\n' "$*" "$output" "$status"
}
# What was said, without what differs from run to run: ids, pids, times and figures, who waits for a moment on
# a busy machine, and how often a line comes. That counts for what children() says, for three of the same process differ
# in nothing else.
normal() { sed -E "s/[0-9a-f]{8}-[0-9a-f-]{27}/ID/g; s/(port|:)($PREFECT_PORT|$WEB_PORT)/\1PORT/g; s/[0-9]+(\.[0-9]+)?/N/g; /^waiting |[Tt]he Prefect API is (unreachable|back)/d" | LC_ALL=C sort | awk '/^child: / || !seen[$0]++'; }
# -> the commands of all processes of this kit, and where they listen, each behind "child: "
children() {
  within 30 settled
  sed 's/^/child: /' "$BATS_TEST_TMPDIR/running"
}
# None of them came or went since it was asked last: an example that is ready may still start one, or end it.
settled() {
  touch "$BATS_TEST_TMPDIR/running"
  mv "$BATS_TEST_TMPDIR/running" "$BATS_TEST_TMPDIR/before"
  running >"$BATS_TEST_TMPDIR/running"
  cmp -s "$BATS_TEST_TMPDIR/running" "$BATS_TEST_TMPDIR/before"
}
running() {
  # shellcheck disable=SC2009 # pgrep cannot look at the environment
  ps axeww -o command= | grep -F "WORKSHOP_HOME=$WORKSHOP_HOME " | grep -F ' WORKSHOP_SETS=' | grep -v 'grep\|^ps ' | sed 's/ [A-Za-z_]*=.*//' | LC_ALL=C sort
  listens_on "$PREFECT_PORT" && listens_on "$WEB_PORT"
}
# NAME=VALUE... -> all of it, in a shell that carries these
everything() {
  local ex
  said env "$@" make ex1
  for ex in 2 3 5; do
    start stack env "$@" LLM=canned make "ex$ex" SERVERS=2
    within 60 grep -q '^ready' "$stack_log" || fail_with "$(cat "$stack_log")"
    if [ "$ex" != 5 ]; then said env "$@" make submit; fi
    children
    said env "$@" make status
    said env "$@" make check
    said env "$@" make stop
    grep -v '^[a-z_.0-9]* *|' "$stack_log"
  done
}

@test "what is compared has as many Prefect servers as there are" {
  is "$(printf 'child: uvicorn --port %s\nsaid %s\n' 1 1 2 2 3 3 | normal | sort | uniq -c | tr -s ' ' | paste -sd ,)" ' 3 child: uvicorn --port N, 1 said N' 'lines'
}

# bats test_tags=long,slow
@test "a hundred variables of a shell change nothing in what ex1, ex2, ex3, ex5, submit, status and check say, start and open" {
  local line carried=()
  while IFS= read -r line; do carried+=("$line"); done < <(hundred)
  compare "${#carried[@]}" -ge 100 'variables'
  everything A_SHELL=1 >"$BATS_TEST_TMPDIR/raw"
  normal <"$BATS_TEST_TMPDIR/raw" >"$BATS_TEST_TMPDIR/without"
  grep -q 'Hello, Marvin!' "$BATS_TEST_TMPDIR/without"
  ok make clean
  everything "${carried[@]}" >"$BATS_TEST_TMPDIR/raw"
  sed -E "s/env .* make/env A_SHELL=1 make/" "$BATS_TEST_TMPDIR/raw" | normal >"$BATS_TEST_TMPDIR/with"
  diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

# PID NAME -> its value in the environment of that process; nothing if it has none
variable_of() { tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"; }

@test "a task server gets the person's variables, but for what steers the tools; the Prefect server and keep get what is listed" {
  if [ ! -r /proc/self/environ ]; then not_here 'there is no /proc here'; fi
  local pid
  start stack env THEIR_KEY='a b$c' UVICORN_HOST=0.0.0.0 HTTPS_PROXY=http://127.0.0.1:9 TZ=Asia/Kathmandu PASS_ENV='PASSED_*' PASSED_ON=1 make ex2 SERVERS=1
  within 60 grep -q '^ready' "$stack_log"
  pid=$(child_of task_server.1)
  is "$(variable_of "$pid" THEIR_KEY)" 'a b$c' 'the task server'
  is "$(variable_of "$pid" HTTPS_PROXY)" http://127.0.0.1:9 'the task server'
  is "$(variable_of "$pid" UVICORN_HOST)" '' 'the task server'
  for pid in "$(child_of server.1)" "$(keeper_pid task_server.1)" "$(launcher)"; do
    is "$(variable_of "$pid" THEIR_KEY)$(variable_of "$pid" HTTPS_PROXY)$(variable_of "$pid" UVICORN_HOST)" '' 'a process of the kit'
    is "$(variable_of "$pid" TZ)" Asia/Kathmandu 'a process of the kit'
    is "$(variable_of "$pid" PASSED_ON)" 1 'a process of the kit'
  done
}

@test "make shell has the person's variables; make env prints none of them, and unsets what steers the tools" {
  export THEIR_KEY=secret WEB_CONCURRENCY=3
  in_make_shell 'echo "[$THEIR_KEY$WEB_CONCURRENCY]"'
  has '[secret]'
  ok make env
  has_not secret
  has 'unset WEB_CONCURRENCY'
}

@test "make doctor names what is left out, and PASS_ENV passes it; certificates that are not there are one line where they are needed" {
  local name
  export WEB_CONCURRENCY=3 THEIR_KEY=1 SSL_CERT_FILE=/nowhere/bundle.pem
  for name in $(compgen -e PYTHON) PIP_USER; do unset "$name"; done # of make test
  try make doctor
  has "steers the kit's own tools: WEB_CONCURRENCY"
  has 'SSL_CERT_FILE names certificates that are not there: /nowhere/bundle.pem'
  grep -q 'only your code and make shell get:.*THEIR_KEY' <<<"$output"
  refused 'unset SSL_CERT_FILE' make runs REMOTE=1 PREFECT_API_URL=http://127.0.0.1:9/api
  try make doctor PASS_ENV=WEB_*
  has_not "steers the kit's own tools"
  refused "make doctor PASS_ENV='AWS_* PGSSLMODE'" make doctor PASS_ENV='$(id)'
}

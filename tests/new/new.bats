#!/usr/bin/env bats
# make new: a project of one's own, which stands without the kit. What it refuses, what it writes, and the project's own tests,
# in a folder with a space and without the kit's environment; with Prefect's own serve in its place these must fail.
# bats file_tags=new

load ../helpers/base
load ../helpers/new

setup() { own_kit; }
teardown() {
  end_project
  stop_and_check
}

@test "make new refuses in one line what it cannot write to, and writes nothing" {
  local name before=$BATS_TEST_TMPDIR/there
  refused 'make new DIR=../shop' make new
  mkdir "$before" && touch "$before/mine"
  refused 'not an empty folder' make new DIR="$before"
  refused 'not an empty folder' make new DIR="$before/mine"
  is "$(ls -A "$before")" mine 'what is in that folder'
  refused 'in a folder that is not there' make new DIR="$BATS_TEST_TMPDIR/none/shop"
  for name in docs/shop template examples/../shop; do
    refused 'inside the kit' make new DIR="$name"
    not_there "$KIT/docs/shop" "$KIT/shop"
  done
  refused 'not the name of a new folder' make new DIR=.
  ln -s "$KIT" "$BATS_TEST_TMPDIR/kit"
  refused 'inside the kit' make new DIR="$BATS_TEST_TMPDIR/kit/shop"
  for name in my-shop Shop 2shop 'my shop' 'shop$(touch x)' é; do
    refused 'NAME=shop' make new DIR="$BATS_TEST_TMPDIR/$name"
    not_there "$BATS_TEST_TMPDIR/$name"
  done
  refused "'class' is a word of Python's own" make new DIR="$BATS_TEST_TMPDIR/class"
  refused "'queue' is a module of Python's own" make new DIR="$BATS_TEST_TMPDIR/queue"
  for name in prefect durable tests dateutil pydantic_core pytest; do
    refused "'$name' is a module that the project itself uses. Try: make new DIR=… NAME=my_$name" make new DIR="$BATS_TEST_TMPDIR/$name"
  done
  refused "'' is not a name" make new DIR="$BATS_TEST_TMPDIR/shop" NAME=
  is "$(cd "$BATS_TEST_TMPDIR" && find . -mindepth 1 -maxdepth 1 ! -name home ! -name user ! -name there ! -name kit)" '' 'other files'
}

@test "what make new writes: some 20 files and 800 lines without the locks, no word of the kit but one, and a wheel with its hash" {
  local folder="$BATS_TEST_TMPDIR/a folder/My Shop" wheel sum
  mkdir -p "$folder"
  ok make new DIR="$folder" NAME=shop
  has "cd '$folder' && make test"
  compare "$(find "$folder" -type f ! -name 'requirements*.txt' | wc -l)" -le 22 files
  compare "$(find "$folder" -type f ! -name 'requirements*.txt' ! -name '*.whl' -exec cat {} + | wc -l)" -le 850 lines
  is "$(grep -rIil 'workshop\|my_service\|WORKSHOP_HOME' "$folder")" "$folder/README.md" 'files that name the kit'
  is "$(grep -ci workshop "$folder/README.md")" 1 'lines that name the kit'
  never grep -rqF "$KIT" "$folder"
  there "$folder/src/shop/tasks.py"
  wheel=$(cd "$folder" && echo vendor/durable*.whl)
  sum=$("$PYTHON_OF_TESTS" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$folder/$wheel")
  is "$(tail -n 1 "$folder/requirements.txt")" "./$wheel --hash=sha256:$sum" 'last line of the lock'
  ok "$PYTHON_OF_TESTS" -m compileall -q "$folder/src" "$folder/tests"
  ok make new DIR="$BATS_TEST_TMPDIR/my_service" # the template's own name
  there "$BATS_TEST_TMPDIR/my_service/src/my_service/tasks.py"
}

@test "the project's locks have the versions that the kit is tested with" {
  versions() { sed -n 's/^\([a-zA-Z0-9._-]*==[^ ]*\).*/\1/p' "$@" | sort -u; }
  is "$(awk -F== 'NR == FNR { kit[$1] = $2; next } $1 in kit && kit[$1] != $2' <(versions requirements/core.txt requirements/dev.txt) <(versions template/requirements*.txt))" '' 'other versions'
  compare "$(versions template/requirements.txt | wc -l)" -gt 50 'packages of the project'
}

# bats test_tags=long
@test "in an empty folder with a space, without the kit's environment: make test; with Prefect's own serve runs are lost, and it says so" {
  new_project
  LIMIT_S=300 ok "$IN_PROJECT" make test
  has '12 passed'
  sed -i.kept 's/^from durable import json_only, keyed, serve$/from durable import json_only\
from prefect.task_worker import serve as stock\
keyed, serve = lambda *_, **__: lambda job: job, lambda *jobs, limit, **_: stock(*jobs, limit=limit)/' "$PROJECT/src/shop/tasks.py"
  is "$(grep -c stock "$PROJECT/src/shop/tasks.py")" 2 'lines with the serve of Prefect'
  LIMIT_S=250 try "$IN_PROJECT" .venv/bin/python -m pytest -q tests/test_nothing_lost.py tests/test_service.py -k 'nothing or lost or refused'
  is "$status" 1 'exit code'
  grep -qE 'AssertionError: [1-9][0-9]? of 201 runs are lost' <<<"$output" # and the others were run
  has '1 failed'
}

# bats test_tags=long
@test "make dev: curl, what is refused, saved code, a kill -9, old runs deleted, a port in use; Ctrl-C ends it all" {
  local first port
  new_project
  start dev "$IN_PROJECT" env WEB_CONCURRENCY=3 UVICORN_HOST=0.0.0.0 PREFECT_SERVER_API_HOST=0.0.0.0 make dev
  within 90 grep -q "^ready: $WEB/docs" "$dev_log"
  for port in "$PREFECT_PORT" "$WEB_PORT"; do is "$(listens_on "$port")" "127.0.0.1:$port" 'what listens'; done
  is "$(sign_up ford)" 201 'answer'
  within 20 states_are Completed
  first=$(runs)
  is "$(sign_up ford)" 409 'answer for an address that is taken'
  is "$(sign_up 'no address')" 422 'answer for what is no address'
  refused "APP_PORT=$((WEB_PORT + 10)) make dev" "$IN_PROJECT" make dev
  # A Prefect server that does not answer is said at once, and leaves no user behind.
  kill -STOP "$(pids_of 'prefect server')"
  is "$(sign_up zaphod)" 503 'answer while the Prefect server is away'
  kill -CONT "$(pids_of 'prefect server')"
  within 20 eval '[ "$(sign_up zaphod)" = 201 ]'
  within 20 states_are Completed
  # Saved code is taken up, beside an editor's lock and whatever its time is, and what dies is started again.
  ln -s me@host.1:1 "$PROJECT/src/shop/.#api.py"
  sed -i.kept 's/"%s %s", what/"saved: %s %s", what/' "$PROJECT/src/shop/tasks.py"
  touch -t 202001010000 "$PROJECT/src/shop/tasks.py"
  within 20 eval '[ "$(grep -c "^task-server-. ended with 0" "$dev_log")" -eq 2 ]'
  within 20 eval '[ "$(task_servers)" -eq 2 ]'
  kill -KILL "$(pids_of shop.tasks | head -n 1)"
  within 20 grep -q '^task-server-. ended with -9' "$dev_log"
  within 20 curl -sf "$WEB/health"
  is "$(sign_up trillian)" 201 'answer'
  within 20 states_are Completed
  within 10 grep -q '"message": "saved: welcome' "$dev_log"
  # Every line of ours is JSON.
  sed -n '/^ready/,$p' "$dev_log" | grep -v ' ended with \|^ready' | "$PYTHON_OF_TESTS" -c 'import json, sys; [json.loads(line)["message"] for line in sys.stdin]'
  # Of two sign-ups the one is made to have been 40 days ago, with its files.
  make_old "$first"
  "$IN_PROJECT" env PYTHONPATH=src PREFECT_API_URL="$API" .venv/bin/python -c 'import asyncio; from shop.housekeeper import delete_old; print(asyncio.run(delete_old(30)))' | grep -qx 3
  is "$(api /task_runs/count '{}')" 6 'runs left'
  is "$(find "$PROJECT/data/runs" -type f | wc -l | tr -d ' ')" 12 'files of these: parameters and results'
  kill -INT -- "-$dev_pid"
  within 30 eval '[ -z "$(pids_of shop.)" ]'
}

@test "the project's .venv is made again when its Python is gone, is another version, or PYTHON= is" {
  local folder=$BATS_TEST_TMPDIR/shop packages
  mkdir -p "$folder" && cp template/Makefile "$folder" && cd "$folder"
  touch requirements.txt requirements-dev.txt
  "$PYTHON_OF_TESTS" -m venv --without-pip .venv
  packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  mkdir "$packages/prefect"
  touch .venv/ready
  ok make -n dev
  has_not '-m venv'
  ok make -n dev PYTHON="$PYTHON_OF_TESTS"
  has_not '-m venv'
  printf '#!/bin/sh\necho "(3, 99)"\n' >other-python && chmod +x other-python
  ok make -n dev PYTHON=./other-python
  has '"./other-python" -m venv'
  mv "$packages/prefect" "$BATS_TEST_TMPDIR" # as where the same link leads to another version by now
  ok make -n dev
  has '-m venv'
  mv "$BATS_TEST_TMPDIR/prefect" "$packages" && rm .venv/bin/python* && ln -s /gone/python3 .venv/bin/python
  ok make -n dev
  has '-m venv'
  cd "$KIT"
}

@test "the page of the project's commands: each in it is one of its Makefile" {
  local word
  while read -r word; do
    grep -q "^$word:" template/Makefile || fail_with "make $word"
  done < <(grep -ohE '(^|`)make [a-z]+' template/*.md template/compose.yaml | sed 's/.*make //' | sort -u)
}

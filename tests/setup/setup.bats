#!/usr/bin/env bats
# The set-up: from nothing, again, half-way, changed, elsewhere, without a network.
# Each test works in a copy of the kit in a folder with a space, with an environment of its own.
# bats file_tags=setup

load ../helpers/base

setup() {
  own_kit
  COPY="$BATS_TEST_TMPDIR/a kit"
  copy_kit "$COPY"
  cd "$COPY" || return 1
  KIT=$COPY
  # Each copy unpacks a quarter of a gigabyte; what uv downloaded once serves them all.
  export UV_CACHE_DIR=$BATS_RUN_TMPDIR/uv-cache PIP_CACHE_DIR=$BATS_RUN_TMPDIR/pip-cache
}
teardown() {
  stop_and_check
  rm -rf "$BATS_TEST_TMPDIR/a kit"
}

# bats test_tags=long
@test "make setup on a bare PATH with python3 and make; the second time it is silent and takes a tenth of the time" {
  only "$BATS_TEST_TMPDIR/bin" "${BASICS[@]}"
  ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$BATS_TEST_TMPDIR/bin/python3"
  PATH=$BATS_TEST_TMPDIR/bin LIMIT_S=170 timed ok make setup # 18 s on a quiet machine; beside a build of images it took 138
  local first=$took
  has 'setup 1/3'
  has 'setup done'
  # Without linters and test tools, and under 250 MB: 245 with the large letters of make room.
  not_there .venv/bin/bats
  not_there .venv/bin/ruff
  compare "$(du -sm .venv | cut -f1)" -lt 250 'MB of .venv'
  # Bytecode is compiled.
  compare "$(find .venv/lib/python3*/site-packages/prefect/__pycache__ -name 'tasks.*.pyc')" != '' 'compiled files'

  timed ok make -s setup # 0.3 s
  is "$output" '' 'what it says'
  is "$(awk "BEGIN { print ($took < $first / 10) ? \"quick\" : $took }")" quick "after $first s for the first"

  # And it runs, on that PATH, with a conda environment active and PYTHONPATH and the like in the way.
  ok env CONDA_PREFIX=/opt/conda VIRTUAL_ENV=/some/venv PYTHONPATH=/nonsense PYTHONHOME=/nonsense \
    PATH="$BATS_TEST_TMPDIR/bin" make ex1 NAME=Ford
  has 'Hello, Ford!'

  # A changed lock installs again; what was half done is fixed; a moved folder too.
  echo '# changed' >>requirements/core.txt
  LIMIT_S=170 ok make setup
  has 'setup done'
  rm -rf .venv/lib/python3*/site-packages/rich .venv/workshop/core
  LIMIT_S=170 ok make setup
  .venv/bin/python -c 'import rich.table'
  ok make stop
  mv "$COPY" "$COPY moved"
  cd "$COPY moved"
  LIMIT_S=170 ok make setup
  head -n 3 .venv/bin/prefect | grep 'moved'
  cd .. && mv "$COPY moved" "$COPY"
}

# bats test_tags=long,slow
@test "interrupted half-way, the next run fixes it" {
  start first make setup
  within 60 test -d .venv/lib
  kill -KILL -- "-$first_pid"
  within 30 gone "$first_pid"
  not_there .venv/workshop/core
  LIMIT_S=170 ok make setup
  has 'setup done'
  .venv/bin/python -c 'import prefect'
}

# bats test_tags=long
@test "two terminals at once: the second waits for the first" {
  start first make setup
  within 30 test -s .venv.lock
  LIMIT_S=170 ok make setup
  has 'waiting for the set-up that runs in another terminal'
  within 30 gone "$first_pid"
  grep -q 'setup done' "$first_log"
}

# Stands in the place of a set-up: takes the lock, and holds it until it is killed.
hold_lock() { # FILE-TO-WRITE-WHEN-HELD
  start holder bash -c 'exec 9>>.venv.lock; "$0" -c "import fcntl; fcntl.flock(9, fcntl.LOCK_EX)"; printf 4242 >.venv.lock; touch "$1"; sleep 100' \
    "$PYTHON_OF_TESTS" "$1"
  within 10 test -e "$1"
}
@test "a set-up that is killed leaves no lock: those that wait for it go on" {
  local name
  KIT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P) lend_packages "$COPY"
  mv .venv/workshop/database stamp # so that there is something to do
  hold_lock "$BATS_TEST_TMPDIR/held"
  for name in one two three; do start "$name" make setup; done
  for name in one_log two_log three_log; do within 10 grep -q 'waiting for the set-up that runs in another terminal (pid 4242)' "${!name}"; done
  mv stamp .venv/workshop/database
  kill -KILL -- "-$holder_pid"
  for name in one_pid two_pid three_pid; do within 20 gone "${!name}"; done
  never grep -q 'setup 1/3' "$one_log" "$two_log" "$three_log"
  ok make setup
}

# bats test_tags=long
@test "a lock of an earlier kit, whose set-up was killed before it wrote its pid, holds nobody up" {
  need_unshare
  mkdir .venv.lock
  PIP_CACHE_DIR=$BATS_TEST_TMPDIR/none PIP_RETRIES=0 PIP_FIND_LINKS='' LIMIT_S=60 try unshare -rn make setup
  has 'setup 1/3'
}

# bats test_tags=long
@test "without a network it says so in one line, after three tries" {
  need_unshare
  UV_CACHE_DIR=$BATS_TEST_TMPDIR/none PIP_CACHE_DIR=$BATS_TEST_TMPDIR/none PIP_RETRIES=0 PIP_FIND_LINKS='' \
    LIMIT_S=170 try unshare -rn make setup
  is "$status" 2 'exit code'
  has 'trying again (3 of 3)'
  has 'could not be fetched. Try: connect to the network'
}

@test "make setup is all that make room, make learn and the speaker's notes need: they ask for nothing without a network" {
  need_unshare
  KIT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P) lend_packages "$COPY"
  for stamp in .venv/workshop/*; do
    case $stamp in */core | */database | *.db | *.pem) ;; *) rm "$stamp" ;; esac
  done
  refused 'make room' unshare -rn make room ONCE=1
  ok unshare -rn make demo EX=2 NOTES=1
  ok unshare -rn make learn
  has_not setup
}

@test "no Python, one that is too old, one without venv, a shim that does not work, and PYTHON=" {
  only "$BATS_TEST_TMPDIR/bin" "${BASICS[@]}"
  PATH=$BATS_TEST_TMPDIR/bin refused 'python3' make setup
  has 'no Python 3.11 to 3.14 with the venv module on the PATH'

  printf '#!/bin/sh\necho "shim: command not found" >&2; exit 127\n' >"$BATS_TEST_TMPDIR/bin/python3.13"
  chmod +x "$BATS_TEST_TMPDIR/bin/python3.13"
  PATH=$BATS_TEST_TMPDIR/bin refused 'python3' make setup

  # A Python whose venv module lacks ensurepip, as Debian ships it.
  printf '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; *) exec "%s" "$@" ;; esac\n' "$(python3 -c 'import sys; print(sys.executable)')" \
    >"$BATS_TEST_TMPDIR/bin/python3"
  chmod +x "$BATS_TEST_TMPDIR/bin/python3"
  PATH=$BATS_TEST_TMPDIR/bin refused 'python3' make setup

  refused 'PYTHON=python3' make setup PYTHON=python9
  refused 'Python 3.11 to 3.14' make setup PYTHON=true
  refused 'WHEELS=wheels' make setup WHEELS=/nowhere
}

@test "help, doctor, status, stop and clean work without the set-up and never trigger it" {
  only "$BATS_TEST_TMPDIR/bin" "${BASICS[@]}"
  local command
  for command in help 'help ALL=1' stop clean; do
    # shellcheck disable=SC2086
    PATH=$BATS_TEST_TMPDIR/bin ok make $command
  done
  try make status
  has 'nothing runs'
  ok make doctor
  has 'not set up yet'
  has 'this machine is ready'
  not_there .venv
}

@test "make distclean deletes the set-up" {
  mkdir -p .venv/workshop
  ok make distclean
  not_there .venv
}

@test "variables: the command line wins, then the environment, then .env, then the default" {
  unset PREFECT_PORT
  ok make -s env
  has 'export PREFECT_PORT=4200'
  printf 'PREFECT_PORT=4301 # mine\n' >.env
  ok make -s env
  has 'export PREFECT_PORT=4301'
  PREFECT_PORT=4302 ok make -s env
  has 'export PREFECT_PORT=4302'
  PREFECT_PORT=4302 ok make -s env PREFECT_PORT=4303
  has 'export PREFECT_PORT=4303'
}

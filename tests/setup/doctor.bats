#!/usr/bin/env bats
# make doctor: what it finds on a machine that lacks something, and with which remedy. What the machine has comes from
# a PATH of links and small stand-ins; ports, processes, files and the full disk are real.
# bats file_tags=doctor

load ../helpers/base

setup() {
  own_kit
  COPY="$BATS_TEST_TMPDIR/a kit"
  BIN=$BATS_TEST_TMPDIR/bin
  copy_kit "$COPY"
  only "$BIN" "${BASICS[@]}" dirname
  ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$BIN/python3"
}
teardown() { stop_and_check; }

# [VARIABLE=VALUE...] -> make doctor in the copy, on the trimmed machine
doctor() {
  cd "$COPY" || return 1
  PATH=$BIN try env "$@" make doctor
  cd "$KIT" || return 1
}
healthy() {
  doctor "$@"
  is "$status" 0 'exit code'
  has 'this machine is ready'
}
ill() { # TEXT REMEDY [VARIABLE=VALUE...] -> this finding must be fixed, and that is how
  local text=$1 remedy=$2
  shift 2
  doctor "$@"
  is "$status" 2 'exit code' # make's; the script's is 1
  has "✗ $text"
  grep -A1 -F "✗ $text" <<<"$output" | grep -qF -- "    $remedy"
  has 'must be fixed'
}
noted() { # TEXT REMEDY [VARIABLE=VALUE...] -> worth knowing, and no reason to fail
  local text=$1 remedy=$2
  shift 2
  healthy "$@"
  grep -A1 -F "! $text" <<<"$output" | grep -qF -- "    $remedy"
}
# -> the code that the last doctor printed
code() { sed -n 's/^code: \([^ ]*\) .*/\1/p' <<<"$output"; }
without_venv() { # PYTHON -> the trimmed machine's Python is a real one, without the module
  mkdir -p "$BATS_TEST_TMPDIR/none"
  printf 'raise ImportError("no venv")\n' >"$BATS_TEST_TMPDIR/none/venv.py"
  stand_in python3 "PYTHONPATH='$BATS_TEST_TMPDIR/none':\$PYTHONPATH exec '$1' \"\$@\""
}
stand_in() { # NAME SCRIPT -> a command of the trimmed machine
  rm -f "$BIN/$1"
  printf '#!/bin/sh\n%s\n' "$2" >"$BIN/$1"
  chmod +x "$BIN/$1"
}

@test "a bare machine is ready: one screen, in no time, and nothing is changed" {
  local before
  before=$(find "$COPY" "$BATS_TEST_TMPDIR/user" | sort)
  takes_at_most 6 'PATH=$BIN try make -C "$COPY" help' healthy
  compare "$(wc -l <<<"$output")" -le 25 'lines of make doctor'
  has '✓ GNU Make'
  has '! not set up yet'
  has '! no Docker'
  has '✓ file locks work'
  has '! example 5 has no key and no local model'
  has "$PREFECT_PORT $WEB_PORT $((WEB_PORT + 1)) $((WEB_PORT + 2)) $((WEB_PORT + 3)) $((WEB_PORT + 4))"
  is "$(find "$COPY" "$BATS_TEST_TMPDIR/user" | sort)" "$before" 'files in the kit and at home'
  not_there "$WORKSHOP_HOME"
}

# bats test_tags=long
@test "no Python, an old one, one without venv; no make, an old one, another one" {
  local real version
  real=$(python3 -c 'import sys; print(sys.executable)')
  version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  rm "$BIN/python3"
  ill 'no Python 3.11 to 3.14 on the PATH' 'sudo apt install python3 python3-venv'
  has 'the rest was not looked at'
  is "$(code)" 0000-0101 'the code of a machine without Python'
  stand_in python3 'echo 3.9'
  ill 'no Python 3.11 to 3.14 on the PATH' 'sudo apt install python3 python3-venv'
  stand_in python3 "case \"\$*\" in *'%d.%d'*) echo 3.15 ;; *) exec '$real' \"\$@\" ;; esac" # one that can run the rest
  ill 'no Python 3.11 to 3.14 on the PATH' 'sudo apt install python3 python3-venv'
  has '! no Docker'
  healthy PYTHON="$real"
  without_venv "$real"
  ill "Python $version has no venv module" 'sudo apt install python3-venv'
  has '! no Docker'

  local make=$BIN/make
  rm "$make"
  PATH=$BIN try "$COPY/scripts/doctor.sh"
  is "$status" 1 'exit code'
  has '✗ no make on the PATH'
  stand_in make 'echo GNU Make 3.80'
  PATH=$BIN try "$COPY/scripts/doctor.sh"
  has '✗ make is not GNU make 3.81 or newer (GNU Make 3.80)'
  stand_in make 'echo "usage: make [-BeikNnqrstWwX]" >&2; exit 2' # as a BSD's
  PATH=$BIN try "$COPY/scripts/doctor.sh"
  has '✗ make is not GNU make 3.81 or newer (no version)'
}

# bats test_tags=long
@test "Docker: an engine that refuses, one that is silent, Compose 1, no image yet, all there" {
  stand_in docker 'exit 1'
  noted 'Docker is installed, but its engine does not answer' 'start Docker Desktop'
  stand_in docker 'exec sleep 600'
  local begin=$SECONDS
  noted 'Docker is installed, but its engine does not answer' 'start Docker Desktop'
  compare $((SECONDS - begin)) -lt 60 'seconds taken' # it is 5 on a quiet machine
  stand_in docker 'case $1 in compose) echo "docker: unknown command: compose" >&2; exit 1 ;; esac'
  noted 'Docker runs, but Compose is missing or version 1' 'install the docker-compose-plugin'
  stand_in docker 'case "$*" in *"compose version"*) echo 1.29.2 ;; esac'
  noted 'Docker runs, but Compose is missing or version 1' 'install the docker-compose-plugin'
  stand_in docker 'case "$*" in *"compose version"*) echo v2.30.1 ;; "image inspect"*) exit 1 ;; esac'
  noted "Docker with Compose v2.30.1 runs, but the kit's image is not built" 'make prefetch'
  stand_in docker 'case "$*" in *"compose version"*) echo v2.30.1 ;; *Server.Version*) echo 28.0.0 ;; esac'
  healthy
  has "✓ Docker 28.0.0 with Compose v2.30.1, and the kit's image is built"
}

@test "ports: who holds that of Prefect, of the web app, and of a service of example 4, which is no reason to fail" {
  start one "$PYTHON_OF_TESTS" -m http.server --bind 127.0.0.1 "$PREFECT_PORT"
  start two "$PYTHON_OF_TESTS" -m http.server --bind 127.0.0.1 "$WEB_PORT"
  start three "$PYTHON_OF_TESTS" -m http.server --bind 127.0.0.1 $((WEB_PORT + 2))
  local port
  for port in "$PREFECT_PORT" "$WEB_PORT" $((WEB_PORT + 2)); do within 30 curl -sf "http://127.0.0.1:$port"; done
  ill "port $PREFECT_PORT (PREFECT_PORT) is in use by" "stop that, or another port: make ex2 PREFECT_PORT=$((PREFECT_PORT + 100))"
  has "(pid $one_pid)"
  has "✗ port $WEB_PORT (WEB_PORT) is in use by"
  has "(pid $two_pid)"
  kill "$one_pid" "$two_pid"
  within 30 gone "$one_pid"
  within 30 gone "$two_pid"
  noted "port $((WEB_PORT + 2)) (INBOX_PORT, example 4) is in use by" 'stop that, or another port: make ex4 INBOX_PORT='
  has "(pid $three_pid)"
  kill "$three_pid"
  within 30 gone "$three_pid"
}

# bats test_tags=long
@test "what is the kit's own is no finding, until it is stale" {
  start_example 2 SERVERS=1
  ok make doctor
  has "ports that the kit itself uses now: $PREFECT_PORT"
  has '✓ example 2 is running'
  # What runs it dies, and its processes cannot notice.
  local keepers keeper
  keepers=$(for name in server.1 task_server.1; do keeper_pid "$name"; done)
  for keeper in $keepers; do kill -STOP "$keeper"; done
  kill -KILL "$(launcher)"
  within 10 eval 'make doctor | grep -q "stale process(es) of an example that was killed"'
  try make doctor
  grep -A1 -F '✗ ' <<<"$output" | grep -qF '    make stop'
  for keeper in $keepers; do kill -CONT "$keeper"; done
  ok make stop
  ok make doctor
  has 'no stale processes'
}

@test "a full disk; a file system without locks" {
  need_small_disk "$(mkdir -p "$BATS_TEST_TMPDIR/full" && echo "$BATS_TEST_TMPDIR/full")" 1m
  ill 'only 1 MB of disk are free at' 'free some: the kit needs 2 GB' WORKSHOP_HOME="$BATS_TEST_TMPDIR/full/home"
  umount "$BATS_TEST_TMPDIR/full"
  local real
  real=$(python3 -c 'import sys; print(sys.executable)')
  stand_in python3 "case \"\$*\" in *fcntl*) exit 1 ;; *) exec '$real' \"\$@\" ;; esac"
  noted 'the file system of' 'make ex2 WORKSHOP_HOME=/a/folder/on/this/machine'
}

@test "settings: what is ignored, a .env that loses or is no settings; a key is named, never shown, and kept to oneself" {
  printf 'PREFECT_PORT=%s\nGRACE=7\n' "$PREFECT_PORT" >"$COPY/.env"
  chmod 600 "$COPY/.env"
  mkdir -p "$HOME/.prefect"
  printf '[profiles.prod]\nPREFECT_API_URL = "https://cloud.example"\n' >"$HOME/.prefect/profiles.toml"
  healthy GRACE=9 PREFECT_API_KEY=secret-1 OPENAI_API_KEY=secret-2
  has '! ignored from your shell or .env: PREFECT_API_KEY'
  has '! set in .env and, differently, in your shell: GRACE'
  has "! ignored: the Prefect profiles in $HOME/.prefect/profiles.toml"
  has '✓ example 5 asks OpenAI: OPENAI_API_KEY is set'
  has_not 'secret'
  has_not 'can be read by others'

  local key=$COPY/examples/ex5_marvin/.openai.env
  echo 'OPENAI_API_KEY=secret-3' >"$key"
  chmod 644 "$key"
  noted "$key can be read by others" "chmod 600 '$key'"
  has '✓ example 5 asks the model that .openai.env names'
  has_not 'secret'
  chmod 600 "$key"
  ln -s "$(command -v git)" "$BIN/git"
  git -C "$COPY" init --quiet
  healthy
  has_not 'read by others'
  has_not 'tracked by git'
  git -C "$COPY" add --force "$key"
  noted "$key is tracked by git" 'git rm --cached'

  mkdir -p "$COPY/.venv/workshop"
  rm "$key"
  touch "$COPY/.venv/workshop/local-llm" "$COPY/.venv/workshop/core" "$COPY/.venv/workshop/ex4"
  healthy
  has '✓ example 5 asks the local model'
  has '! the packages of example 5 are not installed'
  has_not 'packages of example 4'

  echo 'what is this' >"$COPY/.env"
  doctor
  is "$status" 2 'exit code'
  has ".env has a line that is not NAME=value: 'what is this'. Try:"
}

# bats test_tags=long
@test "its code says the same on the instructor's machine; a mistyped one is refused, and so are two exchanged characters" {
  local codes=$BATS_TEST_TMPDIR/codes ford arthur zaphod good i digit real
  real=$(python3 -c 'import sys; print(sys.executable)')
  rm "$BIN/python3"
  doctor
  has '1 finding(s) must be fixed'
  zaphod=$(code)
  without_venv "$real"
  doctor
  has '1 finding(s) must be fixed'
  ford=$(code)
  ln -sf "$real" "$BIN/python3"
  healthy
  arthur=$(code)
  never grep -q "$ford" <<<"$arthur"

  printf 'Ford, row 3: %s\n\nZaphod %s\nArthur\t%s\r\n' "$ford" "$zaphod" "$(tr '[:upper:]' '[:lower:]' <<<"$arthur" | tr 0 o)" >"$codes"
  CODES=$codes try scripts/doctor.sh
  is "$status" 1 'exit code'
  has '✗ Ford, row 3 is not ready'
  has '✗ Python … has no venv module'
  has 'sudo apt install python3-venv'
  has '✗ Zaphod is not ready'
  has '✗ no Python 3.11 to 3.14 on the PATH'
  has 'sudo apt install python3 python3-venv'
  has '! 2 of 3: no Docker'
  has '1 of 3 are ready'
  has_not 'Arthur'
  echo "Arthur $arthur" >"$codes"
  ok make doctor CODES="$codes"
  has '1 of 1 are ready'

  good=${ford/-/}
  for i in 0 1 2 3 4 5 6 7; do
    for digit in 0 1 2 3 4 5 6 7 8 9 A B C D E F G H J K M N P Q R S T V W X Y Z; do
      echo "x ${good:0:i}$digit${good:i+1}"
    done
    echo "x ${good:0:i}${good:i+1:1}${good:i:1}${good:i+2}"
  done | grep -v "$good\$" >"$codes"
  CODES=$codes try scripts/doctor.sh
  is "$status" 2 'exit code'
  is "$(grep -c "^error: 'x .*' does not end with a code of make doctor. Try: ask for it again" <<<"$output")" "$(wc -l <"$codes")" 'refused'
  has '0 of 0 are ready'
  refused 'make doctor CODES=FILE' make doctor CODES=/nowhere
  refused 'make doctor CODES=FILE' make doctor CODES=.
}

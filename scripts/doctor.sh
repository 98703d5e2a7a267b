#!/usr/bin/env bash
# Checks this machine, a line each with the remedy. Exit 1 if something must be fixed. Needs no set-up, changes nothing.
# ✓ fine   ! worth knowing, or needed by a later example only   ✗ must be fixed
set -euo pipefail
# A file that cannot be read as settings is a finding here, and an error everywhere else.
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
PATH=$SYSTEM_PATH
broken=0
good() { printf '✓ %s\n' "$1"; }
note() { printf '! %s\n    %s\n' "$1" "$2"; }
bad() {
  printf '✗ %s\n    %s\n' "$1" "$2"
  broken=$((broken + 1))
}

python='' # a suitable one, for check_locks
check_python() {
  local name found='' without_venv='' version
  for name in ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3.11 python3; do
    command -v "$name" >/dev/null 2>&1 || continue
    # Run it: a pyenv shim may stand on the PATH and still not work.
    version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in 3.11 | 3.12 | 3.13 | 3.14) ;; *) continue ;; esac
    if "$name" -c 'import venv, ensurepip' 2>/dev/null; then
      found="$version ($(command -v "$name"))" python=$name
      break
    fi
    without_venv=$version
  done
  if [ -n "$found" ]; then
    good "Python $found with the venv module"
  elif [ -n "$without_venv" ]; then
    bad "Python $without_venv has no venv module" "sudo apt install python3-venv (or your system's package of that name)"
  elif [ "$(uname -s)" = Darwin ]; then
    bad 'no Python 3.11 to 3.14 on the PATH' 'brew install python@3.13, or the installer of python.org'
  else
    bad 'no Python 3.11 to 3.14 on the PATH' 'sudo apt install python3 python3-venv, or PYTHON=/path/to/python3.x'
  fi
}

check_make_and_bash() {
  if command -v make >/dev/null 2>&1; then
    local version
    read -r version < <(make --version 2>/dev/null) || version='' # not through a pipe: make would die of it
    case $version in
      'GNU Make 3.8'[1-9]* | 'GNU Make '[4-9]*) good "$version; bash $BASH_VERSION" ;;
      *) bad "make is not GNU make 3.81 or newer (${version:-no version})" 'sudo apt install make; on macOS: xcode-select --install' ;;
    esac
  else
    bad 'no make on the PATH' 'sudo apt install make; on macOS: xcode-select --install'
  fi
}

check_setup() {
  if [ -x "$VENV/bin/python" ] && [ -f "$VENV/workshop/core" ]; then
    if [ "$(cat "$VENV/workshop/core")" = "$(cksum <"$KIT/requirements/core.txt") $KIT" ]; then
      good 'set up (.venv agrees with its lock)'
    else
      note '.venv is older than its lock, or the folder was moved' 'make setup (any command that needs it does it)'
    fi
  else
    note 'not set up yet' 'make setup (any command that needs it does it)'
  fi
}

check_later_groups() {
  local ex group missing=''
  [ -f "$VENV/workshop/core" ] || return 0
  for ex in $(examples); do
    group=$(example "$ex" PACKAGES)
    [ -f "$VENV/workshop/$group" ] || {
      missing=yes
      note "the packages of example $ex are not installed" "make setup EX=$ex (make ex$ex does it too; both want the network)"
    }
  done
  [ -n "$missing" ] || good 'the packages of all examples are installed'
}

check_ports() {
  local port name holder pid free='' ours=''
  while read -r port name; do
    holder=$(port_holder "$port")
    pid=${holder%% *}
    if [ -z "$holder" ]; then
      free="$free $port"
    elif is_ours "$pid"; then
      ours="$ours $port"
    else
      case $name in
        PREFECT_PORT | WEB_PORT) bad "port $port ($name) is in use by ${holder#* } (pid $pid)" "stop that, or another port: make ex2 $name=$((port + 100))" ;;
        *) note "port $port ($name, example 4) is in use by ${holder#* } (pid $pid)" "stop that, or another port: make ex4 $name=$((port + 100))" ;;
      esac
    fi
  done < <(ports_of 0)
  [ -z "$ours" ] || good "ports that the kit itself uses now:$ours"
  [ -z "$free" ] || good "ports that are free:$free"
}
parent_of() { # PID -> its parent's, with or without ps
  if [ -r "/proc/$1/stat" ]; then
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    stat=${stat##*) }
    cut -d ' ' -f 2 <<<"$stat"
  else
    ps -o ppid= -p "$1" 2>/dev/null | tr -d ' '
  fi
}
is_ours() { # PID -> true if an ancestor of it is kept by this kit (uvicorn --reload has a child that listens)
  local pid=$1 ours
  ours=$'\n'$(kept_processes)
  while [ "${pid:-0}" -gt 1 ] 2>/dev/null; do
    case $ours in *$'\n'"$pid "*) return 0 ;; esac
    pid=$(parent_of "$pid")
  done
  return 1
}

check_processes() {
  local count
  if [ ! -r /proc/self/stat ] && ! command -v ps >/dev/null 2>&1; then
    bad 'there is neither /proc nor ps, so the kit cannot tell whether a process lives' 'sudo apt install procps'
    return 0
  fi
  if read_example; then
    good "example $running_ex is running (pid $running_pid)"
  else
    count=$(leftovers | wc -l | tr -d ' ')
    if [ "$count" = 0 ]; then good 'no stale processes of the kit'; else bad "$count stale process(es) of an example that was killed" 'make stop'; fi
  fi
}

check_disk() {
  local free folder=$WORKSHOP_HOME
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
  if [ "$free" -lt 2048 ]; then
    bad "only $free MB of disk are free at $folder" 'free some: the kit needs 2 GB; or make ex2 WORKSHOP_HOME=/a/larger/disk'
  else
    good "disk: $((free / 1024)) GB free"
  fi
  [ -w "$folder" ] || bad "cannot write to $folder" 'make ex2 WORKSHOP_HOME=/a/folder/of/yours'
}

check_locks() { # example 6 tells by locks who is dead; a network drive may have none
  local folder=$WORKSHOP_HOME
  [ -n "$python" ] || return 0
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  [ -w "$folder" ] || return 0
  # The file has no name and is gone with its process. The child must not get the lock that its parent has.
  "$python" -c '
import fcntl, os, sys, tempfile
with tempfile.TemporaryFile(dir=sys.argv[1]) as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if os.fork() == 0:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os._exit(0)
        os._exit(1)
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))' "$folder" 2>/dev/null && good 'file locks work there (examples 4 to 6)' ||
    note "the file system of $folder has no working locks (fcntl): examples 4 to 6 cannot rescue runs there" \
      'make ex2 WORKSHOP_HOME=/a/folder/on/this/machine'
}

check_model() { # who would answer in example 5; never the key itself
  local file=${OPENAI_ENV_FILE:-$KIT/examples/ex5_marvin/.openai.env} secret mode
  for secret in "$file" "$KIT/.env"; do
    [ -f "$secret" ] || continue
    mode=$(ls -ld "$secret")
    case ${mode:4:6} in *r*) note "$secret can be read by others on this machine, and may hold a key" "chmod 600 '$secret'" ;; esac
    if command -v git >/dev/null 2>&1 && git -C "$KIT" ls-files --error-unmatch "$secret" >/dev/null 2>&1; then
      note "$secret is tracked by git, and may hold a key" "git rm --cached '$secret'; and a new key, if it was pushed"
    fi
  done
  if [ -n "${OPENAI_API_KEY:-}" ]; then
    good 'example 5 asks OpenAI: OPENAI_API_KEY is set'
  elif [ -f "$file" ] && grep -qE "^($BOM)?(export )?OPENAI_(API_KEY|BASE_URL)=." "$file"; then
    good 'example 5 asks the model that .openai.env names'
  elif [ -f "$VENV/workshop/local-llm" ]; then
    good 'example 5 asks the local model: it is installed, and there is no key'
  else
    note 'example 5 has no key and no local model: a stand-in answers' "make setup-local-llm, or a key in $file"
  fi
}

in_time() { # SECONDS COMMAND... -> runs it without its output; false if it fails or takes longer
  local end=$((SECONDS + $1)) pid
  shift
  "$@" >/dev/null 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$SECONDS" -gt "$end" ]; then
      kill -KILL "$pid" 2>/dev/null
      return 1
    fi
    sleep 0.05
  done
  wait "$pid"
}

check_docker() {
  local version image
  if ! command -v docker >/dev/null 2>&1; then
    note 'no Docker (only DOCKER=1 of examples 4 and 5 needs it)' 'docs.docker.com/get-docker, or run them without DOCKER=1'
    return 0
  elif ! in_time 3 docker info; then
    note 'Docker is installed, but its engine does not answer (only DOCKER=1 needs it)' 'start Docker Desktop, or: sudo systemctl start docker'
    return 0
  fi
  version=$(docker compose version --short 2>/dev/null) || version=''
  case ${version#v} in
    [2-9]* | [1-9][0-9]*) ;;
    *)
      note 'Docker runs, but Compose is missing or version 1 (only DOCKER=1 needs it)' 'install the docker-compose-plugin package'
      return 0
      ;;
  esac
  image=$(compose_settings 4 && printf '%s-kit' "$COMPOSE_PROJECT_NAME")
  if docker image inspect "$image" >/dev/null 2>&1; then
    good "Docker $(docker version --format '{{.Server.Version}}' 2>/dev/null) with Compose $version, and the kit's image is built"
  else
    note "Docker with Compose $version runs, but the kit's image is not built" 'make prefetch (the first DOCKER=1 does it too; both want the network)'
  fi
}

check_settings() {
  if [ -n "$WORKSHOP_IGNORED" ]; then
    note "ignored from your shell or .env:$WORKSHOP_IGNORED" 'REMOTE=1 uses them; unset them if they surprise you'
  fi
  if [ "$REMOTE" = 0 ] && [ -r "$HOME/.prefect/profiles.toml" ]; then
    note "ignored: the Prefect profiles in $HOME/.prefect/profiles.toml" 'REMOTE=1 uses the active one'
  fi
  if [ -f "$KIT/.env" ]; then
    if [ -n "$DOTENV_LOSES" ]; then
      note "set in .env and, differently, in your shell:$DOTENV_LOSES" 'your shell wins; unset it there to use .env'
    else
      good '.env is readable, and nothing in your shell contradicts it'
    fi
  fi
}

check_wsl() {
  grep -qi microsoft /proc/version 2>/dev/null || return 0
  if on_windows_drive; then
    bad "this folder is on a Windows drive ($KIT): SQLite and file watching fail there" 'clone into your Linux home: cd ~ && git clone …'
  else
    good 'WSL, on a Linux file system'
  fi
}

check_python
check_make_and_bash
check_setup
check_later_groups
check_ports
check_processes
check_disk
check_locks
check_model
check_docker
check_settings
check_wsl
if [ "$broken" != 0 ]; then
  printf '%s finding(s) must be fixed\n' "$broken"
  exit 1
fi
printf 'this machine is ready\n'

#!/usr/bin/env bash
# Checks this machine, a line each with the remedy. Exit 1 if something must be fixed. Needs no set-up, changes nothing.
# ✓ fine   ! worth knowing, or needed by a later example only   ✗ must be fixed
# Its last line is a code of what it found. CODES=FILE reads such codes, a line `name code` each, and says who is not ready.
set -euo pipefail
# A file that cannot be read as settings is a finding here, and an error everywhere else.
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
PATH=$SYSTEM_PATH

# Everything that can be found: name, kind, text | remedy. A line is a bit of the code, so new ones go to the end, and none goes.
FINDINGS="\
no-python ✗ no Python 3.11 to 3.14 on the PATH | sudo apt install python3 python3-venv; on macOS: brew install python@3.13; or PYTHON=/path/to/python3.x
no-venv ✗ Python %s has no venv module | sudo apt install python3-venv (or your system's package of that name)
no-make ✗ no make on the PATH | sudo apt install make; on macOS: xcode-select --install
old-make ✗ make is not GNU make 3.81 or newer (%s) | sudo apt install make; on macOS: xcode-select --install
no-ps ✗ there is neither /proc nor ps, so the kit cannot tell whether a process lives | sudo apt install procps
old-setup ! .venv is older than its lock, or the folder was moved | make setup (any command that needs it does it)
no-setup ! not set up yet | make setup (any command that needs it does it)
no-packages ! the packages of example %s are not installed | make setup EX=%s (make ex%s does it too; both want the network)
port ✗ port %s (%s) is in use by %s (pid %s) | stop that, or another port: make ex2 %s=%s
later-port ! port %s (%s, example 4) is in use by %s (pid %s) | stop that, or another port: make ex4 %s=%s
stale ✗ %s stale process(es) of an example that was killed | make stop
disk ✗ only %s MB of disk are free at %s | free some: the kit needs 2 GB; or make ex2 WORKSHOP_HOME=/a/larger/disk
read-only ✗ cannot write to %s | make ex2 WORKSHOP_HOME=/a/folder/of/yours
no-locks ! the file system of %s has no working locks (fcntl): examples 4 to 6 cannot rescue runs there | make ex2 WORKSHOP_HOME=/a/folder/on/this/machine
open-secret ! %s can be read by others on this machine, and may hold a key | chmod 600 '%s'
tracked-secret ! %s is tracked by git, and may hold a key | git rm --cached '%s'; and a new key, if it was pushed
no-model ! example 5 has no key and no local model: a stand-in answers | make setup-local-llm, or a key in %s
no-docker ! no Docker (only DOCKER=1 of examples 4, 5 and 7 needs it) | docs.docker.com/get-docker, or run them without DOCKER=1
no-engine ! Docker is installed, but its engine does not answer (only DOCKER=1 needs it) | start Docker Desktop, or: sudo systemctl start docker
old-compose ! Docker runs, but Compose is missing or version 1 (only DOCKER=1 needs it) | install the docker-compose-plugin package
no-image ! Docker with Compose %s runs, but the kit's image is not built | make prefetch (the first DOCKER=1 does it too; both want the network)
ignored ! ignored from your shell or .env:%s | REMOTE=1 uses them; unset them if they surprise you
profiles ! ignored: the Prefect profiles in %s/.prefect/profiles.toml | REMOTE=1 uses the active one
dotenv-loses ! set in .env and, differently, in your shell:%s | your shell wins; unset it there to use .env
windows-disk ✗ this folder is on a Windows drive (%s): SQLite and file watching fail there | clone into your Linux home: cd ~ && git clone …"

broken=0
bits=0                          # one for each finding
first_broken=0 set_up=0 held='' # for a room: the number of the first ✗, and the names of those that are ✓
good() {                        # TEXT [NAME...] -> prints that all is well, and notes which findings are not so
  printf '✓ %s\n' "$1"
  shift
  held="$held $*"
}
found() { # NAME [WORD...] -> prints that finding, with the words in its text and its remedy, and notes it
  local line number
  line=$(grep -n "^$1 " <<<"$FINDINGS")
  number=${line%%:*}
  bits=$((bits | 1 << (number - 1))) line=${line#* }
  shift
  # shellcheck disable=SC2059 # the format is the table's
  printf "${line%% | *}\n    ${line#* | }\n" "$@"
  case $line in
    ✗*)
      broken=$((broken + 1))
      [ "$first_broken" != 0 ] || first_broken=$number
      ;;
    '! not set up'*) set_up=$number ;; # what a call is about where nothing else is wrong
  esac
}
numbers_of() { # NAME... -> their numbers
  local name
  for name in "$@"; do sed -n "/^$name /=" <<<"$FINDINGS"; done
}

# --- the code ---------------------------------------------------------------------------------------
# Base32 without look-alikes: six characters of bits, two of a checksum that finds any one wrong or exchanged character.

DIGITS=0123456789ABCDEFGHJKMNPQRSTVWXYZ
in_base_32() { # NUMBER LENGTH
  local number=$1 text=''
  while [ ${#text} -lt "$2" ]; do text=${DIGITS:number%32:1}$text number=$((number / 32)); done
  printf '%s' "$text"
}
code_of() { # BITS -> the code, as ABCD-EFGH
  local text
  text=$(in_base_32 "$1" 6)$(in_base_32 $(($1 % 1021)) 2)
  printf '%s-%s' "${text:0:4}" "${text:4}"
}
bits_of() { # CODE -> its bits; false if it is mistyped
  local text number=0 before digit
  text=$(tr -d - <<<"$1" | tr '[:lower:]' '[:upper:]' | tr OIL 011)
  [[ $text =~ ^[$DIGITS]{8}$ ]] || return 1
  for digit in 0 1 2 3 4 5; do
    before=${DIGITS%%"${text:digit:1}"*}
    number=$((number * 32 + ${#before}))
  done
  [ "$(code_of "$number")" = "${text:0:4}-${text:4}" ] || return 1
  printf '%s' "$number"
}

read_codes() { # FILE -> who is not ready, why, and the remedy; exit 0 if all are, 1 if not, 2 for a mistyped code
  local line code name bits finding number text kind ready=0 all=0 mistyped=0 notes=''
  { [ -r "$1" ] && [ ! -d "$1" ]; } || fail "there is no file $1 to read codes from" 'make doctor CODES=FILE, with a line `name code` for each laptop'
  while IFS= read -r line || [ -n "$line" ]; do
    line=$(tr '\t' ' ' <<<"$line" | tr -d '[:cntrl:]')
    code=${line##* } name=${line% *} name=${name%:}
    [ -n "$code" ] || continue # a blank line
    if ! bits=$(bits_of "$code"); then
      say "error: '$(one_line "$line")' does not end with a code of make doctor. Try: asking for it again"
      mistyped=$((mistyped + 1))
      continue
    fi
    all=$((all + 1)) number=0 text=''
    while IFS= read -r finding; do
      if [ $((bits >> number & 1)) = 1 ]; then
        finding=${finding#* } # its name
        kind=${finding%% *}
        finding=${finding//%s/…}
        case $kind in
          ✗) text="$text"$'\n'"    ${finding%% | *}"$'\n'"        ${finding#* | }" ;;
          *) notes="$notes$finding"$'\n' ;;
        esac
      fi
      number=$((number + 1))
    done <<<"$FINDINGS"
    [ $((bits >> number)) = 0 ] || text="$text"$'\n''    ✗ something that this kit does not know'$'\n''        the same version of the kit on both machines'
    if [ -n "$text" ]; then printf '✗ %s is not ready%s\n' "$name" "$text"; else ready=$((ready + 1)); fi
  done <"$1"
  sort <<<"$notes" | uniq -c | sort -rn | sed -n "s/^ *\([0-9]*\) ! \(.*\) | \(.*\)/! \1 of $all: \2\n    \3/p"
  printf '%s of %s are ready\n' "$ready" "$all"
  [ "$mistyped" = 0 ] || exit 2
  [ "$ready" = "$all" ] || exit 1
}
if [ -n "${CODES:-}" ]; then
  read_codes "$CODES"
  exit
fi

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
    good "Python $found with the venv module" no-python no-venv
  elif [ -n "$without_venv" ]; then
    found no-venv "$without_venv"
  else
    found no-python
  fi
}

check_make_and_bash() {
  if command -v make >/dev/null 2>&1; then
    local version
    read -r version < <(make --version 2>/dev/null) || version='' # not through a pipe: make would die of it
    case $version in
      'GNU Make 3.8'[1-9]* | 'GNU Make '[4-9]*) good "$version; bash $BASH_VERSION" no-make old-make ;;
      *) found old-make "${version:-no version}" ;;
    esac
  else
    found no-make
  fi
}

check_setup() {
  if [ -x "$VENV/bin/python" ] && [ -f "$VENV/workshop/core" ]; then
    if [ "$(cat "$VENV/workshop/core")" = "$(cksum <"$KIT/requirements/core.txt") $KIT" ]; then
      good 'set up (.venv agrees with its lock)' old-setup no-setup
    else
      found old-setup
    fi
  else
    found no-setup
  fi
}

check_later_groups() {
  local ex group missing=''
  [ -f "$VENV/workshop/core" ] || return 0
  for ex in $(examples); do
    group=$(example "$ex" PACKAGES)
    [ -f "$VENV/workshop/$group" ] || {
      missing=yes
      found no-packages "$ex" "$ex" "$ex"
    }
  done
  [ -n "$missing" ] || good 'the packages of all examples are installed' no-packages
}

check_ports() {
  local port name holder pid free='' ours='' taken=''
  while read -r port name; do
    holder=$(port_holder "$port")
    pid=${holder%% *}
    if [ -z "$holder" ]; then
      free="$free $port"
    elif is_ours "$pid"; then
      ours="$ours $port"
    else
      taken="$taken $name"
      case $name in
        PREFECT_PORT | WEB_PORT) found port "$port" "$name" "${holder#* }" "$pid" "$name" $((port + 100)) ;;
        *) found later-port "$port" "$name" "${holder#* }" "$pid" "$name" $((port + 100)) ;;
      esac
    fi
  done < <(ports_of 0)
  [ -z "$ours" ] || good "ports that the kit itself uses now:$ours"
  [ -z "$free" ] || good "ports that are free:$free"
  case $taken in *' PREFECT_PORT'* | *' WEB_PORT'*) ;; *) held="$held port" ;; esac
  [ -n "$taken" ] || held="$held later-port"
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
    found no-ps
    return 0
  fi
  if read_example; then
    good "example $running_ex is running (pid $running_pid)" stale
  else
    count=$(leftovers | wc -l | tr -d ' ')
    if [ "$count" = 0 ]; then good 'no stale processes of the kit' stale; else found stale "$count"; fi
  fi
}

check_disk() {
  local free folder=$WORKSHOP_HOME
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
  if [ "$free" -lt 2048 ]; then
    found disk "$free" "$folder"
  else
    good "disk: $((free / 1024)) GB free" disk
  fi
  if [ -w "$folder" ]; then held="$held read-only"; else found read-only "$folder"; fi
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
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))' "$folder" 2>/dev/null && good 'file locks work there (examples 4 to 6)' no-locks ||
    found no-locks "$folder"
}

check_model() { # who would answer in example 5; never the key itself
  local file=${OPENAI_ENV_FILE:-$KIT/examples/ex5_marvin/.openai.env} secret mode
  for secret in "$file" "$KIT/.env"; do
    [ -f "$secret" ] || continue
    mode=$(ls -ld "$secret")
    case ${mode:4:6} in *r*) found open-secret "$secret" "$secret" ;; esac
    if command -v git >/dev/null 2>&1 && git -C "$KIT" ls-files --error-unmatch "$secret" >/dev/null 2>&1; then
      found tracked-secret "$secret" "$secret"
    fi
  done
  if [ -n "${OPENAI_API_KEY:-}" ]; then
    good 'example 5 asks OpenAI: OPENAI_API_KEY is set' no-model
  elif [ -f "$file" ] && grep -qE "^($BOM)?(export )?OPENAI_(API_KEY|BASE_URL)=." "$file"; then
    good 'example 5 asks the model that .openai.env names' no-model
  elif [ -f "$VENV/workshop/local-llm" ]; then
    good 'example 5 asks the local model: it is installed, and there is no key' no-model
  else
    found no-model "$file"
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
    found no-docker
    return 0
  elif ! in_time 3 docker info; then
    found no-engine
    return 0
  fi
  version=$(docker compose version --short 2>/dev/null) || version=''
  case ${version#v} in
    [2-9]* | [1-9][0-9]*) ;;
    *)
      found old-compose
      return 0
      ;;
  esac
  image=$(compose_settings 4 && printf '%s-kit' "$COMPOSE_PROJECT_NAME")
  if docker image inspect "$image" >/dev/null 2>&1; then
    good "Docker $(docker version --format '{{.Server.Version}}' 2>/dev/null) with Compose $version, and the kit's image is built" no-docker no-engine old-compose no-image
  else
    found no-image "$version"
  fi
}

check_settings() {
  if [ -n "$WORKSHOP_IGNORED" ]; then
    found ignored "$WORKSHOP_IGNORED"
  fi
  if [ "$REMOTE" = 0 ] && [ -r "$HOME/.prefect/profiles.toml" ]; then
    found profiles "$HOME"
  fi
  if [ -f "$KIT/.env" ]; then
    if [ -n "$DOTENV_LOSES" ]; then
      found dotenv-loses "$DOTENV_LOSES"
    else
      good '.env is readable, and nothing in your shell contradicts it'
    fi
  fi
}

check_wsl() {
  grep -qi microsoft /proc/version 2>/dev/null || return 0
  if on_windows_drive; then
    found windows-disk "$KIT"
  else
    good 'WSL, on a Linux file system' windows-disk
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
if [ "$broken" = 0 ]; then printf 'this machine is ready\n'; else printf '%s finding(s) must be fixed\n' "$broken"; fi
printf 'code: %s (for the instructor: what was found, and nothing else)\n' "$(code_of "$bits")"
[ "$first_broken" != 0 ] || first_broken=$set_up
# shellcheck disable=SC2086 # names
tell_found "$first_broken" "$(numbers_of $held)"
[ "$broken" = 0 ] || exit 1

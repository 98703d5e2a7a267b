# shellcheck shell=bash
# What the kit's bash scripts share. Sourced by env.sh. Works in bash 3.2 (macOS) and without Python.

say() { printf '%s\n' "$*" >&2; }

fail() { # WHAT REMEDY -> one line on stderr, exit 2; "make …" in the remedy is the command that was typed
  local remedy=$2
  case $remedy in 'make … '*) remedy="make ${WORKSHOP_GOAL:-…} ${remedy#make … }" ;; esac
  printf 'error: %s. Try: %s\n' "$(one_line "$1")" "$remedy" >&2
  exit 2
}

one_line() { # TEXT -> the same on one line, at most 300 characters: it may quote what a person typed
  local text=${1//[$'\n\r\t']/ }
  [ ${#text} -le 300 ] || text="${text:0:299}…"
  printf '%s' "$text"
}

whole_number() { # NAME MIN MAX EXAMPLE -> fail unless $NAME is a whole number in that range
  local value=${!1}
  if [[ ! $value =~ ^[0-9]{1,9}$ ]] || [ "$((10#$value))" -lt "$2" ] || [ "$((10#$value))" -gt "$3" ]; then
    fail "$1='$value' is not a whole number from $2 to $3" "$4"
  fi
}

one_of() { # NAME VALUE... -> fail unless $NAME is one of them
  local name=$1 value
  shift
  for value in "$@"; do [ "${!name}" != "$value" ] || return 0; done
  fail "$name='${!name}' is none of: $*" "make … $name=$1"
}

help_if_asked() { # "$@" -> prints the script's own header comment for -h or --help, and exits
  case ${1:-} in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
  esac
}

name_ignored_settings() { # one line, only if the shell carried settings that the kit does not use
  if [ -n "${WORKSHOP_IGNORED:-}" ]; then
    say "note: ignored from your shell or .env:$WORKSHOP_IGNORED (REMOTE=1 uses them)"
  fi
}

name_ignored_profile() { # the same for a Prefect profile in the home folder; called by what starts something
  local profiles=$HOME/.prefect/profiles.toml line
  [ "$REMOTE" = 0 ] && [ -r "$profiles" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *PREFECT_API_URL*=* | *PREFECT_API_KEY*=*)
      say "note: ignored: your Prefect profile in $profiles (REMOTE=1 uses it)"
      return 0
      ;;
    esac
  done <"$profiles"
}

on_windows_drive() { # true in WSL below /mnt/c, where SQLite and file watching fail
  case $KIT/ in /mnt/[a-z]/*) grep -qi microsoft /proc/version 2>/dev/null ;; *) return 1 ;; esac
}

make_home() { # the state folder, or one line why not
  if ! { mkdir -p "$WORKSHOP_HOME/run" "$WORKSHOP_HOME/logs" "$RECORDS" "$PREFECT_HOME" &&
    : >"$WORKSHOP_HOME/run/.writable"; } 2>/dev/null; then
    fail "cannot write to $WORKSHOP_HOME" "make … WORKSHOP_HOME=/a/folder/of/yours"
  fi
}

# --- processes ----------------------------------------------------------------------------------
# A pid alone may belong to somebody else by now; with its start time it names one process for good.

started_at() { # PID -> a token that differs when the pid is used again; fails if there is no such process
  local stat
  if [ -r /proc/self/stat ]; then
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } # the name before it may hold spaces and parentheses
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s' "${20}"
  else
    stat=$(ps -o stat=,lstart= -p "$1" 2>/dev/null) || return 1
    case $stat in Z*) return 1 ;; esac
    stat=${stat#* }
    printf '%s' "${stat//[[:space:]]/}"
  fi
}

is_alive() { # PID STARTED -> true while that very process lives
  [ -n "${1:-}" ] && [ "$(started_at "$1")" = "$2" ]
}

read_example() { # sets running_ex, _pid, _started, _servers, _remote, _docker, _url, _code; fails if no example is running
  # shellcheck disable=SC2034 # for the callers
  running_ex='' running_pid='' running_started='' running_servers='' running_remote='' running_docker='' running_url='' running_llm='' running_code=''
  local key value
  [ -r "$WORKSHOP_HOME/run/example" ] || return 1
  while IFS='=' read -r key value; do
    case $key in ex | pid | started | servers | remote | docker | url | llm | code) printf -v "running_$key" '%s' "$value" ;; esac
  done <"$WORKSHOP_HOME/run/example"
  is_alive "$running_pid" "$running_started"
}

kept_processes() { # "PID NAME ROLE" a line, for every process of this WORKSHOP_HOME that lives
  local file name role pid started
  for file in "$WORKSHOP_HOME"/run/*.pids; do
    [ -r "$file" ] || continue
    name=${file##*/} name=${name%.pids}
    while read -r role pid started; do
      if is_alive "$pid" "$started"; then printf '%s %s %s\n' "$pid" "$name" "$role"; fi
    done <"$file"
  done
}

keeper_of() { # NAME -> the pid of the live process that keeps NAME running; fails if there is none
  local role pid started
  [ -r "$WORKSHOP_HOME/run/$1.pids" ] || return 1
  while read -r role pid started; do
    if [ "$role" = keeper ] && is_alive "$pid" "$started"; then
      printf '%s' "$pid"
      return 0
    fi
  done <"$WORKSHOP_HOME/run/$1.pids"
  return 1
}

wait_until_gone() { # SECONDS WHAT COMMAND... -> waits while COMMAND prints something; false after SECONDS
  local end=$((SECONDS + $1)) told=$((SECONDS + 2)) what=$2
  shift 2
  while [ -n "$("$@")" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    if [ "$SECONDS" -ge "$told" ]; then
      say "waiting for $what ($("$@" | wc -l | tr -d ' ') process(es) left)"
      told=$((SECONDS + 5))
    fi
    sleep 0.1
  done
}

sweep() { # stops processes that an example left behind when it was killed, and says so
  local left pid name role
  read_example && return 0
  rm -f "$WORKSHOP_HOME/run/example"
  left=$(leftovers)
  if [ -n "$(containers_left)" ]; then
    say 'cleaning up the containers that an example left when it was killed'
    remove_containers
  fi
  if [ -n "$left" ]; then
    say "cleaning up what an example left when it was killed: $(cut -d' ' -f2 <<<"$left" | sort -u | tr '\n' ' ')"
    while read -r pid name role; do [ "$role" != keeper ] || kill -TERM "$pid" 2>/dev/null || true; done <<<"$left"
    # A child whose keeper is dead has nobody else to tell it.
    while read -r pid name role; do
      if [ "$role" != keeper ] && ! keeper_of "$name" >/dev/null; then kill -TERM "$pid" 2>/dev/null || true; fi
    done <<<"$left"
    wait_until_gone $((GRACE + 10)) "runs in flight to finish" leftovers || kill_leftovers
  fi
  local file
  for file in "$WORKSHOP_HOME"/run/*.pids; do
    [ -e "$file" ] || continue
    [ -n "$(kept_processes | grep " $(basename "$file" .pids) " || true)" ] || rm -f "$file"
  done
}

kill_hard() { # "PID NAME ROLE" lines on standard input -> SIGKILL, to a child's whole process group
  local pid name role
  while read -r pid name role; do
    [ "$role" = keeper ] || kill -KILL -- "-$pid" 2>/dev/null || true
    kill -KILL "$pid" 2>/dev/null || true
  done
}

leftovers() { kept_processes | grep -v ' background-server ' || true; }

kill_leftovers() { leftovers | kill_hard; }

# --- ports and HTTP -------------------------------------------------------------------------------

ports_of() { # EX -> "PORT VARIABLE" a line: every port that the example opens (0: those of all examples)
  printf '%s PREFECT_PORT\n' "$PREFECT_PORT"
  case $1 in 0 | 3 | 4 | 5) printf '%s WEB_PORT\n' "$WEB_PORT" ;; esac
  case $1 in 0 | 4)
    printf '%s MARKETING_PORT\n%s INBOX_PORT\n%s SMTP_PORT\n' "$MARKETING_PORT" "$INBOX_PORT" "$SMTP_PORT"
    [ -z "$OWN_REDIS" ] || printf '%s REDIS_PORT\n' "$REDIS_PORT"
    ;;
  esac
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT -> true if something listens

port_holder() { # PORT -> "PID NAME" of what listens on it; "? unknown" if that is hidden; nothing if it is free
  local line pid name inode
  port_answers "$1" || return 0
  if command -v ss >/dev/null 2>&1; then
    line=$(ss -Hltnp "sport = :$1" 2>/dev/null | grep -m1 'pid=' || true)
    pid=${line##*pid=} pid=${pid%%,*}
  elif [ -r /proc/net/tcp ]; then
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
      awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' || true)
    # shellcheck disable=SC2012
    pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
      awk -v socket="socket:[$inode]" '/^\/proc/ { split($0, part, "/") } $NF == socket { print part[3]; exit }' || true)
  elif command -v lsof >/dev/null 2>&1; then
    pid=$(lsof -nP -t -iTCP:"$1" -sTCP:LISTEN 2>/dev/null | head -n 1 || true)
  fi
  if [ -n "${pid:-}" ]; then
    name=$(cat "/proc/$pid/comm" 2>/dev/null || ps -o comm= -p "$pid" 2>/dev/null || true)
    printf '%s %s' "$pid" "${name:-unknown}"
  else
    printf '? unknown'
  fi
}

need_free_ports() { # EX -> fail if a port of the example is taken, naming the holder and another port
  local port name holder other
  while read -r port name; do
    holder=$(port_holder "$port")
    [ -n "$holder" ] || continue
    other=$((port + 100))
    while port_answers "$other"; do other=$((other + 1)); done
    fail "port $port is in use by ${holder#* } (pid ${holder%% *})" "make ex$1 $name=$other"
  done < <(ports_of "$1")
  [ "$1" = 4 ] || return 0
  for port in "$WEB_PORT" "$MARKETING_PORT" "$INBOX_PORT"; do # these open both loopback addresses
    if (exec 3<>"/dev/tcp/::1/$port") 2>/dev/null; then
      fail "port $port is in use on ::1, which localhost may mean" "make ex4 WEB_PORT=$((10#$WEB_PORT + 100))"
    fi
  done
}

http() ( # METHOD PORT PATH [JSON] -> the body, if the status is 200; needs no curl. Fails otherwise.
  body=${4:-}
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
  printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
    "$1" "$3" "$2" "${#body}" "$body" >&3
  IFS= read -t 5 -r status <&3 || exit 1
  while IFS= read -t 5 -r line <&3 && [ "$line" != $'\r' ]; do :; done
  case $status in *' 200 '*) cat <&3 ;; *) exit 1 ;; esac
)

# --- Docker -----------------------------------------------------------------------------------------

# What the compose files read, besides secrets. As the example was started, so that `docker compose up --scale` by hand
# changes nothing else.
COMPOSE_READS='REMOTE REMOTE_URL TUNED LIMIT GRACE WORK_SECONDS FAIL_RATE RESCUE MAX_RESCUES PYTHON_IMAGE REDIS_IMAGE PREFECT_PORT WEB_PORT
  MARKETING_PORT INBOX_PORT SMTP_PORT LLM OPENAI_BASE_URL MARVIN_AGENT_MODEL ANSWER_SECONDS CACHE_SECONDS REQUIREMENTS
  COMPOSE_FILE'

compose_settings() { # EX -> what `docker compose` reads: which file, and a project of this WORKSHOP_HOME's own
  local name value
  export COMPOSE_FILE=$KIT/docker/compose.ex$1.yaml
  if [ -r "$WORKSHOP_HOME/run/compose" ]; then
    while IFS='=' read -r name value; do printf -v "$name" '%s' "$value"; done <"$WORKSHOP_HOME/run/compose"
  fi
  COMPOSE_PROJECT_NAME=workshop-$(printf '%s' "$WORKSHOP_HOME" | cksum | cut -d ' ' -f 1)
  for name in $COMPOSE_READS; do [ -z "${!name:-}" ] || export "${name?}"; done
  export COMPOSE_PROJECT_NAME COMPOSE_PREFECTS=$((1 - REMOTE)) COMPOSE_RESCUERS=1
  if [ "$REMOTE" = 1 ] || [ "${RESCUE:-1}" = 0 ]; then COMPOSE_RESCUERS=0; fi
  # What may hold a password travels as a secret; all must be set, if only to nothing.
  export SECRET_DB=${DB:-} SECRET_API_KEY='' SECRET_API_AUTH_STRING='' SECRET_REDIS_URL='' SECRET_SMTP_URL=''
  if [ "$REMOTE" = 1 ]; then SECRET_API_KEY=${PREFECT_API_KEY:-} SECRET_API_AUTH_STRING=${PREFECT_API_AUTH_STRING:-}; fi
  export SECRET_OPENAI_API_KEY=''
  case $COMPOSE_FILE in *.ex5.yaml) SECRET_OPENAI_API_KEY=$(openai_settings && printf '%s' "${OPENAI_API_KEY:-}") ;; esac
  case " $WORKSHOP_DERIVED " in *' REDIS_URL='*) ;; *) SECRET_REDIS_URL=$REDIS_URL ;; esac
  case " $WORKSHOP_DERIVED " in *' SMTP_URL='*) ;; *) SECRET_SMTP_URL=$SMTP_URL ;; esac
}

mark_containers() { # remember what compose_settings found: containers may be there from now on
  local name
  for name in $COMPOSE_READS; do printf '%s=%s\n' "$name" "${!name:-}"; done >"$WORKSHOP_HOME/run/compose"
}

need_docker() { # EX -> fail unless Docker, its engine and Compose 2 are there
  local native="make ex$1 without DOCKER=1, which does the same without Docker" version
  command -v docker >/dev/null 2>&1 || fail 'Docker is not installed' "docs.docker.com/get-docker; or $native"
  docker info >/dev/null 2>&1 || fail 'the Docker engine does not answer' "starting Docker Desktop, or: sudo systemctl start docker; or $native"
  version=$(docker compose version --short 2>/dev/null) || version=missing
  case ${version#v} in [2-9]* | [1-9][0-9]*) ;; *) fail "Docker Compose 2 is needed, and it is $version here" "installing docker-compose-plugin; or $native" ;; esac
}

containers_left() { # a line for each container of this WORKSHOP_HOME, running or not; nothing where there is no Docker
  [ -r "$WORKSHOP_HOME/run/compose" ] || return 0
  compose_settings 4
  docker compose ps --all --quiet 2>/dev/null || true
}

remove_containers() { # stops them in good order (the task servers finish their runs); the volumes stay
  compose_settings 4
  docker compose down --remove-orphans --timeout $((GRACE + 10)) >/dev/null 2>&1 ||
    fail 'the containers could not be stopped' "docker compose --project-name $COMPOSE_PROJECT_NAME down"
  rm -f "$WORKSHOP_HOME/run/compose"
}

server_is_healthy() { [ "$(http GET "$PREFECT_PORT" /api/health)" = true ]; }

subscribed() { # -> how many task servers the Prefect server has now
  http POST "$PREFECT_PORT" /api/task_workers/filter '{}' | tr '{' '\n' | grep -c '"identifier"' || true
}

# --- stopping ---------------------------------------------------------------------------------------

stop_kept() { # NAME -> stops one kept process (background-server, task_server.3, …), for sure
  local pid
  pid=$(keeper_of "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait_until_gone $((GRACE + 20)) "$1" alive_named "$1" || kill_named "$1"
  rm -f "$WORKSHOP_HOME/run/$1.pids"
}
alive_named() { kept_processes | grep " $1 " || true; }
kill_named() {
  alive_named "$1" | kill_hard
}

need_remote() { # with REMOTE=1: fail unless there is an API to use and it answers; sets REMOTE_URL
  REMOTE_URL=$("$VENV/bin/python" "$KIT/scripts/remote.py") || exit 2
  export REMOTE_URL
}

same_server() { # fail if the example that runs uses a server of the user's and this command would not
  [ "${running_remote:-0}" = 0 ] || [ "$REMOTE" = 1 ] ||
    fail "example $running_ex uses a Prefect server of yours" 'the same command with REMOTE=1, and the same PREFECT_API_URL'
}

same_port() { # fail if the example that runs has its Prefect server on another port than this command would ask
  [ "${running_remote:-0}" = 1 ] || [ -z "${running_url:-}" ] || [ "$running_url" = "http://127.0.0.1:$PREFECT_PORT" ] ||
    fail "example $running_ex has its Prefect server at $running_url, and this command asks port $PREFECT_PORT" "the same command with PREFECT_PORT=${running_url##*:}"
}

still_starting() { server_is_healthy || printf 'it\n'; }

# --- example 5 ----------------------------------------------------------------------------------------

check_mind() { # fail if LLM is none of the three, or a key stands in make's command line, which every process list shows
  [ -z "$KEY_WAS_TYPED" ] ||
    fail 'a key in the command line shows in the process list' 'export OPENAI_API_KEY=…, or examples/ex5_marvin/.openai.env'
  [ -z "${LLM:-}" ] || one_of LLM openai local canned
}

openai_settings() { # what the environment does not say, from .openai.env, as minds.py does it
  local file=${OPENAI_ENV_FILE:-$KIT/examples/ex5_marvin/.openai.env}
  if [ -f "$file" ]; then read_dotenv "$file"; fi
}

choose_mind_in_docker() { # the same as choose_mind for containers: what this machine has installed does not count
  openai_settings
  if [ -z "${LLM:-}" ]; then LLM=canned && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ] || LLM=openai; fi
  if [ "$LLM" = openai ] && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ]; then
    fail 'LLM=openai needs a key or an address' 'export OPENAI_API_KEY=… (or OPENAI_BASE_URL=…)'
  fi
  case ${OPENAI_BASE_URL:-} in *//127.0.0.1* | *//localhost*)
    fail 'in a container, the host in OPENAI_BASE_URL means the container itself' 'the same with host.docker.internal for this machine'
    ;;
  esac
  export REQUIREMENTS=ex5 # for the image
  [ "$LLM" != local ] || REQUIREMENTS='ex5 local-llm'
  say "LLM=$LLM in the containers (LLM=openai, local or canned; local makes the image 200 MB larger)"
  unset OPENAI_API_KEY # from here on it is a secret of the task servers
}

choose_mind() { # which mind answers in example 5, for all its task servers: says so, and exports LLM
  export LLM
  LLM=$("$VENV/bin/python" "$KIT/examples/ex5_marvin/minds.py") || exit 2
}

# --- code along ---------------------------------------------------------------------------------------

finished_folder() { # EX -> where its finished files are
  set -- "$KIT/examples/ex$1"_*
  printf '%s' "$1"
}

task_file() { # EX -> the file that has its task; but for example 1, what a task server runs
  case $1 in
    1) printf greeter.py ;;
    2 | 6) printf task_server.py ;;
    3) printf first_fastapi_task_server.py ;;
    4) printf signup_tasks.py ;;
    5) printf marvin_task_server.py ;;
  esac
}

choose_code() { # EX -> CODE: the folder whose files run, physical, for a task's key is made from the path of its file.
  # OWN_CODE is EX when that is a folder of the learner's, named by CODE, and empty when it is the example's own.
  local file files given=${CODE:-} finished
  finished=$(finished_folder "$1")
  OWN_CODE=
  case $given in
    '') given=$finished ;;
    "~"/*) given=$HOME/${given#??} ;;
    /*) ;;
    *) given=$KIT/$given ;;
  esac
  [ -d "$given" ] || fail "CODE='$CODE' is no folder" "make code EX=$1, then make ex$1 CODE=my/ex$1"
  given=$(cd "$given" && pwd -P)
  case $given in *[$':\n\r']*) fail "CODE='$CODE' has a ':' or a line break in its path" "make ex$1 CODE=my/ex$1" ;; esac
  if [ "$given" != "$finished" ]; then
    OWN_CODE=$1
    [ "${DOCKER:-0}" = 0 ] || fail 'the containers run the finished files, so CODE and DOCKER=1 do not go together' "make ex$1 CODE=… without DOCKER=1"
    files=$(task_file "$1")
    case $1 in
      3) files="$files first_fastapi.py" ;;
      4) files="$files inbox.py marketing.py page.py" ;;
      5) files="$files marvin_app.py" ;;
    esac
    for file in $files; do
      [ -f "$given/$file" ] || fail "CODE='$CODE' lacks $file, which example $1 starts" "make code EX=$1 (the skeleton has it)"
    done
    # Example 5's key is beside the example; a folder of one's own may have another.
    if [ "$1" = 5 ] && [ -z "${OPENAI_ENV_FILE:-}" ]; then
      export OPENAI_ENV_FILE=$finished/.openai.env
      [ ! -f "$given/.openai.env" ] || OPENAI_ENV_FILE=$given/.openai.env
    fi
  fi
  CODE=$given
  export CODE OWN_CODE
}

refuse_mistakes() { # EX -> with code of the learner's: exit 2 with one line if it has a mistake that the kit knows
  [ -n "$OWN_CODE" ] || return 0
  "$VENV/bin/python" "$KIT/scripts/mistakes.py" "$1" "$CODE" || exit 2
}

# shellcheck shell=bash
# The one place that sets the environment: the Makefile's scripts, `make shell`, `make env`, the tests
# and the Docker images all read it. Source it; it starts nothing.
#
# Values come from make's command line, else the environment, else .env, else the defaults here. What a person may set stands
# in a line `## NAME=default: what it does`, which make help shows; `#:` below it is what docs/COMMANDS.md says besides.
# Ends with: every variable below exported, and WORKSHOP_IGNORED naming what the shell carried in vain.

# --- what the person's shell carries, and must not count here ------------------------------------
# Exported functions may hide a command; options that are exported (SHELLOPTS) change what bash does.
while read -r _ _ name; do unset -f "$name"; done < <(declare -Fx)
set +o noclobber +o noglob +o posix
export -n SHELLOPTS BASHOPTS 2>/dev/null
unset CDPATH BASH_ENV ENV GREP_OPTIONS GREP_COLOR GREP_COLORS
# An unknown language makes every bash warn. LANG stays; Python writes UTF-8 anyway (PYTHONUTF8 below).
unset LC_ALL
[ -n "${HOME:-}" ] || HOME=$(unset HOME && cd ~ && pwd)
export HOME

KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export KIT
# shellcheck disable=SC1090 # each is checked by itself
for file in "$KIT"/scripts/lib/*.sh; do . "$file"; done

# What is typed at make's command line travels in these to every process below: a password has no business there.
case " ${MAKEFLAGS:-} " in *' OPENAI_API_KEY='*)
  file=$(folder_with_model)/.openai.env
  fail 'a key in the command line shows in the process list' "export OPENAI_API_KEY=…, or write it to ${file#"$KIT/"}"
  ;;
esac
case " ${MAKEFLAGS:-} " in *' JOIN_CODE='*)
  fail 'a code in the command line shows in the process list' "leave it out: the command asks for it; or export JOIN_CODE=…"
  ;;
esac
unset MAKEFLAGS MFLAGS MAKEOVERRIDES

read_dotenv() { # KEY=VALUE lines, `export` and quotes allowed; data, never executed. Set variables win.
  local line key value
  no_utf_16 "$1"
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line#"$BOM"} line=${line%$'\r'}
    line=${line#"${line%%[![:space:]]*}"}
    line=${line#export }
    case $line in '' | '#'*) continue ;; esac
    key=${line%%=*}
    value=${line#*=}
    if [[ ! $key =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || [ "$key" = "$line" ]; then
      fail "${1##*/} has a line that is not NAME=value: '$line'" "fix or delete that line"
    fi
    case $value in
      \"*\"*) value=${value#\"} value=${value%%\"*} ;;
      \'*\'*) value=${value#\'} value=${value%%\'*} ;;
      *) value=${value%%[[:space:]]#*} value=${value%"${value##*[![:space:]]}"} ;;
    esac
    if [ -z "${!key+set}" ]; then
      export "$key=$value"
    elif [ "${!key}" != "$value" ]; then
      DOTENV_LOSES="$DOTENV_LOSES $key" # for make doctor
    fi
  done <"$1"
}

plain_url() { # URL -> the same, written one way, so that two spellings of one address compare equal
  local url=${1%/}
  printf '%s' "${url/:\/\/localhost:/://127.0.0.1:}"
}

DOTENV_LOSES=
if [ -f "$KIT/.env" ]; then read_dotenv "$KIT/.env"; fi

## PASS_ENV=none: variables of your shell for the kit too, as 'AWS_* PGSSLMODE'
#: What they get, and what only your code gets, is listed in `scripts/environment.txt`; `make doctor` names what is left out.
read_lists
if [ -f "$KIT/Makefile" ]; then sort_environment; fi # a container has none, and its environment was made for it
export PIP_USER=0                                    # whatever a pip.conf says: a .venv has no user's packages

# --- colours ------------------------------------------------------------------------------------
# What the kit prints has the terminal's own foreground, and some of it is bold: no colour is readable on black and on white.
# With NO_COLOR (anything but empty), and on a dumb terminal, it prints no escape sequence at all: the one is taken for the other,
# because rich, readline, uv and Python know both. WORKSHOP_TERM: what the terminal really is, for make shell.
unset FORCE_COLOR CLICOLOR_FORCE PY_COLORS TTY_COMPATIBLE TTY_INTERACTIVE # escape sequences in a file
if [ -n "${NO_COLOR:-}" ] || [ "${TERM:-dumb}" = dumb ]; then
  export WORKSHOP_TERM=${WORKSHOP_TERM:-${TERM:-dumb}} NO_COLOR=1 TERM=dumb
  # rich takes a dumb terminal for one of 80 columns, unless it is told.
  size=$(stty size 2>/dev/null) || size='0 0'
  if [ "${size#* }" -gt 0 ]; then export LINES=${size% *} COLUMNS=${size#* }; fi
fi

# --- where things are -------------------------------------------------------------------------
## WORKSHOP_HOME=.workshop: where state lives: the database, results, logs, records
WORKSHOP_HOME=${WORKSHOP_HOME:-$KIT/.workshop}
case $WORKSHOP_HOME in
  /*) ;;
  "~" | "~"/*) WORKSHOP_HOME=$HOME${WORKSHOP_HOME#?} ;; # of .env, or of a shell that leaves it
  *) WORKSHOP_HOME=$PWD/$WORKSHOP_HOME ;;
esac
# A ':' ends a folder in PATH. For Prefect a '?' ends the file in SQLite's address, and %20 there is a blank.
case $KIT in *[:?]* | *%[0-9A-Fa-f][0-9A-Fa-f]*)
  fail "the kit cannot work in a folder with a ':', a '?' or a '%20' in its path: $KIT" 'move the kit to another folder'
  ;;
esac
case $WORKSHOP_HOME in *\?* | *%[0-9A-Fa-f][0-9A-Fa-f]*)
  fail "WORKSHOP_HOME cannot have a '?' or a '%20' in its path: $WORKSHOP_HOME" 'make … WORKSHOP_HOME=/a/folder/of/yours'
  ;;
esac
VENV=$KIT/.venv
## PREFECT_PORT=4200: the port of the Prefect server and its UI
PREFECT_PORT=${PREFECT_PORT:-4200}
## WEB_PORT=8000: the port of the web app; later examples count up from it
WEB_PORT=${WEB_PORT:-8000}
whole_number PREFECT_PORT 1 65535 "make … PREFECT_PORT=4200"
whole_number WEB_PORT 1 65500 "make … WEB_PORT=8000" # the later examples' services count up from it
## REMOTE=0: 1: your own Prefect server or Prefect Cloud
#: See [other servers](OTHER_SERVERS.md).
REMOTE=${REMOTE:-0}
one_of REMOTE 0 1
## OURS=1: 0: nothing of ours: no patch, and Prefect's stock serve
#: For an example whose files know nothing of durable: it loses runs, and waiting may not end.
OURS=${OURS:-1}
one_of OURS 0 1
## TUNED=1: 0: without the patches that make Prefect faster
#: See [how fast it is](PERFORMANCE.md).
TUNED=${TUNED:-1}
one_of TUNED 0 1
[ "$OURS" = 1 ] || TUNED=0
## GRACE=30: seconds a task server may finish in when it is stopped
GRACE=${GRACE:-30}
whole_number GRACE 0 3600 "make … GRACE=30"
## DB=SQLite: postgresql://user:password@host/name, for Prefect's runs
#: It holds a password: see below.
case ${DB:-} in # launch/start.py gives it to the Prefect server alone, and no message may quote it: it holds a password
  '' | sqlite) unset DB ;;
  postgresql://?* | postgres://?*)
    [ "$REMOTE" = 0 ] || fail "DB is for the kit's own server, and REMOTE=1 uses another" 'leave out DB'
    export DB
    ;;
  *) fail 'DB is not the address of a PostgreSQL server' 'make … DB=postgresql://user:password@host/name (none: SQLite)' ;;
esac
## WORK_SECONDS=0.3: how long the examples' tasks work
#: It stands for real work.
WORK_SECONDS=${WORK_SECONDS:-0.3}
[[ $WORK_SECONDS =~ ^[0-9]+(\.[0-9]+)?$ ]] ||
  fail "WORK_SECONDS='$WORK_SECONDS' is not a number of seconds" "make … WORK_SECONDS=0.3"
derive() { # NAME VALUE -> NAME is the value, unless a person gave one. What an outer shell of the kit derived is forgotten.
  case " ${WORKSHOP_DERIVED:-} " in *" $1=${!1:-} "*) unset "$1" ;; esac
  if [ -z "${!1:-}" ]; then printf -v "$1" '%s' "$2" && derived="$derived $1=$2"; fi
  export "${1?}"
}
derived=
# The examples' own ports, each counted from one of the two above.
while read -r ex name base more; do
  derive "$name" $((10#${!base} + more))
  whole_number "$name" 1 65534 "make ex$ex $name=$((10#${!base} + more))"
done < <(own_ports)
# And the settings of its own that an example has.
for file in "$KIT"/examples/ex[0-9]*_*/settings.sh; do
  # shellcheck disable=SC1090 # each is checked by itself
  if [ -r "$file" ]; then . "$file"; fi
done
## ROOM_PORT=PREFECT_PORT + 100: the port of make room for the learners' kits
derive ROOM_PORT $((10#$PREFECT_PORT + 100))
## LISTEN=asks: the address where example 7 and make room listen
#: In a script it is the one of the default route. Behind a comma, more names of this machine for its certificate.
## JOIN_CODE=asks: the code for make server AT=… and make join
#: In the environment or in `.env`.
unset JOIN_AT JOIN_NAMES JOINED
export WORKSHOP_DERIVED=$derived
RECORDS=$WORKSHOP_HOME/task-servers # who ran what: see durable/
## MAX_RESCUES=3: how often a run that a task server died with is started again
#: After that it is `Crashed`.
MAX_RESCUES=${MAX_RESCUES:-3} # how often a run may take a task server with it before it is Crashed
whole_number MAX_RESCUES 0 1000 "make … MAX_RESCUES=3"
export WORKSHOP_HOME VENV PREFECT_PORT WEB_PORT REMOTE OURS TUNED GRACE WORK_SECONDS RECORDS MAX_RESCUES

# --- Prefect's settings -----------------------------------------------------------------------
# Whatever PREFECT_* the shell carries is dropped and named, so that a forgotten Cloud profile cannot
# receive the room's runs. REMOTE=1 keeps it. PREFECT_LOGGING_LEVEL is harmless and useful.
WORKSHOP_IGNORED=
kit_sets=" ${WORKSHOP_SETS:-} " # inside `make shell`: these came from here
own_url=${PREFECT_API_URL:-}
if [ "$REMOTE" = 0 ]; then
  for name in $(compgen -e PREFECT_); do
    case $name in PREFECT_PORT | PREFECT_LOGGING_LEVEL) continue ;; esac
    case $kit_sets in *" $name "*) ;; *) WORKSHOP_IGNORED="$WORKSHOP_IGNORED $name" ;; esac
    unset "$name"
  done
  export PREFECT_API_URL=http://127.0.0.1:$PREFECT_PORT/api # never "localhost": it may mean IPv6 first
  export WORKSHOP_API_URL=$PREFECT_API_URL
  if [ "$(plain_url "$own_url")" = "$PREFECT_API_URL" ]; then
    WORKSHOP_IGNORED=${WORKSHOP_IGNORED/ PREFECT_API_URL/}
  fi
  export PREFECT_PROFILES_PATH=$WORKSHOP_HOME/prefect/profiles.toml
  export PREFECT_SERVER_API_HOST=127.0.0.1
  export PREFECT_SERVER_API_PORT=$PREFECT_PORT
else
  # Inside `make shell` the address may be the kit's, not the user's.
  if [ "$own_url" = "${WORKSHOP_API_URL:-}" ]; then unset PREFECT_API_URL; fi
  export PREFECT_PROFILES_PATH=${PREFECT_PROFILES_PATH:-$HOME/.prefect/profiles.toml}
fi
export PREFECT_HOME=$WORKSHOP_HOME/prefect
# Parameters and results are files here, not in the API: every process must see the same folder.
export PREFECT_LOCAL_STORAGE_PATH=$WORKSHOP_HOME/prefect/storage
# Prefect copies the pages of its UI to where this says, at the first start (0.25 s).
export PREFECT_UI_STATIC_DIRECTORY=$WORKSHOP_HOME/ui
# The pages ask the API at the address that the browser has, which may be another than here: ssh -L, Codespaces.
export PREFECT_UI_API_URL=/api
# A task server that cannot read a run's parameters must not delete the run (Prefect's default).
export PREFECT_TASKS_SCHEDULING_DELETE_FAILED_SUBMISSIONS=false
# Background runs have no flow; without this each prints a warning that its logs go nowhere.
export PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW=ignore
# Analytics and promotions fetch from the network; offline they log errors.
export PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
export PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT=false
export PREFECT_CLI_PROMPT=false
# Words say it, as above: its green "Completed" is not to be read on white.
export PREFECT_LOGGING_COLORS=false
if [ "$TUNED" = 1 ]; then
  # A queue holds 1,000 runs of a task; the next submit would wait, with the database locked, for a task server.
  export PREFECT_SERVER_TASKS_SCHEDULING_MAX_SCHEDULED_QUEUE_SIZE=100000
  if [ "$REMOTE" = 0 ]; then
    # Each submit makes a new HTTP client, and each client reads the machine's CA certificates: 50 ms of CPU, for plain
    # http to this machine. One certificate is read in 1 ms. Never for somebody else's server.
    export PREFECT_API_SSL_CERT_FILE=$VENV/workshop/one-certificate.pem
    # The local server does not ask for CSRF tokens; without this each client asks it for one.
    export PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=false
  fi
fi
WORKSHOP_SETS=$(compgen -e PREFECT_ | tr '\n' ' ')
export WORKSHOP_SETS

# --- Python -----------------------------------------------------------------------------------
# SYSTEM_PATH: without what `make shell` put in front, to find a Python that .venv can be made from.
SYSTEM_PATH=:$PATH: SYSTEM_PATH=${SYSTEM_PATH//":$VENV/bin:"/:} SYSTEM_PATH=${SYSTEM_PATH//":$KIT/scripts/bin:"/:}
SYSTEM_PATH=${SYSTEM_PATH#:} SYSTEM_PATH=${SYSTEM_PATH%:}
PATH=$VENV/bin:$KIT/scripts/bin:$SYSTEM_PATH
export PATH VIRTUAL_ENV=$VENV
# Task servers that drain: see sitecustomize.py in the first, and the package in the second.
export PYTHONPATH=$KIT/scripts/pythonpath:$KIT/durable/src
export PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONNOUSERSITE=1 PYTHON_COLORS=0
# The packages are compiled at the set-up. The examples must not be: bytecode is told from its source by the second and
# the size, so two quick saves could leave an old task, with an old key, whose runs wait without end.
export PYTHONDONTWRITEBYTECODE=1
unset CONDA_PREFIX
# A company's HTTP proxy must not get the requests to this machine. Programs read either spelling, so both say the same.
case ${NO_PROXY:-} in
  '127.0.0.1,localhost'*) ;;
  *) NO_PROXY=127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}${no_proxy:+,$no_proxy} ;;
esac
export NO_PROXY no_proxy=$NO_PROXY
if [ "$REMOTE" = 1 ] || [ -n "${DB:-}${STORAGE:-}" ]; then pass_outside; fi

# Without a Python nothing is looked at: make doctor is to say that first.
if [ -n "${WORKSHOP_TYPED:-}" ] && find_any_python >/dev/null; then kit typed variables || exit; fi
case ${WORKSHOP_GOALS:-} in *' '*) if find_any_python >/dev/null; then kit typed commands || exit; fi ;; esac

report_to_room

# shellcheck shell=bash
# What the suites share. Every test (or file, where a stack is shared) has a WORKSHOP_HOME and ports of its own, runs
# the very commands that a person types, each under a time limit, and leaves nothing behind: see tests/README.md.

KIT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
# shellcheck disable=SC2034 # for the suites
KIT_PYTHONPATH=$KIT/scripts/pythonpath:$KIT/durable/src
PYTHON_OF_TESTS=$KIT/.venv/bin/python # by its path: some tests have a PATH without one
PROCESS=("$PYTHON_OF_TESTS" "$KIT/tests/helpers/process.py")
TERMINAL=("$PYTHON_OF_TESTS" "$KIT/tests/helpers/terminal.py")
# How many ports the examples count from WEB_PORT, at the most.
WEB_PORTS=$(cat "$KIT"/examples/ex*/example.env | grep -o 'WEB_PORT+[0-9]*' | cut -d + -f 2 | sort -n | tail -n 1)
# --- a kit of its own ---------------------------------------------------------------------------

# Chooses ports that are free now, as many in a row as the examples need, and a new home below bats' temporary folder.
# Exports WORKSHOP_HOME, PREFECT_PORT, WEB_PORT; HOME is empty, so that nothing of the tester's counts.
own_kit() {
  local root=${1:-$BATS_TEST_TMPDIR}
  export WORKSHOP_HOME=$root/home HOME=$root/user
  mkdir -p "$HOME"
  PREFECT_PORT=$(free_ports)
  WEB_PORT=$(free_ports $((PREFECT_PORT + WEB_PORTS + 1)))
  export PREFECT_PORT WEB_PORT
  API=http://127.0.0.1:$PREFECT_PORT/api
  WEB=http://127.0.0.1:$WEB_PORT
  export API WEB
  cd "$KIT" || return 1
}

# -> the numbers of all examples
every_example() {
  local folder
  for folder in "$KIT"/examples/ex*_*; do folder=${folder##*/ex} && echo "${folder%%_*}"; done
}

# FOLDER [EXTRA...] -> a copy of the kit's commands and examples there, with no set-up of its own; and of these files too
copy_kit() {
  local folder=$1
  shift
  mkdir -p "$folder"
  (cd "$KIT" && cp -R Makefile Procfile.* scripts durable examples requirements "$@" "$folder/")
}

# FOLDER -> the copy of the kit there has this kit's packages, and takes them for its own: the set-up is not tested there.
# (A link to .venv would not do: the set-up in the copy would find that the folder was moved, and install all of it again, here.)
lend_packages() {
  local venv=$1/.venv part stamp
  mkdir "$venv"
  for part in bin lib include; do ln -s "$KIT/.venv/$part" "$venv/$part"; done
  cp "$KIT/.venv/pyvenv.cfg" "$venv/"
  cp -R "$KIT/.venv/workshop" "$venv/workshop"
  for stamp in "$venv"/workshop/*; do
    case $stamp in *.db | *.pem) ;; *) "$PYTHON_OF_TESTS" -c 'import pathlib, sys
path, old, new = sys.argv[1:]
path = pathlib.Path(path)
path.write_text(path.read_text().replace(old, new))' "$stamp" "$KIT" "$(cd "$1" && pwd -P)" ;; esac
  done
}

# FIRST -> the first of five ports in a row that are free; outside the range that systems give to clients.
free_ports() {
  local port=${1:-$((10000 + ($(sh -c 'echo $PPID') * 7 + RANDOM) % 20000))} busy i
  while :; do
    busy=
    for ((i = 0; i <= WEB_PORTS; i++)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$((port + i))") 2>/dev/null; then busy=yes; fi
    done
    [ -n "$busy" ] || break
    port=$((port + 7))
  done
  echo "$port"
}

# FOLDER COMMAND... -> links to these commands, as the whole PATH of a trimmed machine
only() {
  local folder=$1 name
  shift
  mkdir -p "$folder"
  for name in "$@"; do ln -sf "$(command -v "$name")" "$folder/$name"; done
}
# shellcheck disable=SC2034
BASICS=(bash sh env make awk sed grep cut tr sort head tail cat cp mv rm rmdir mkdir mktemp basename dirname uname cksum df ls ps sleep wc du find touch chmod xargs id)

# What the kit left: processes that name this WORKSHOP_HOME in their environment, and listening ports.
# Prints them; prints nothing when all is well.
leaks() {
  local i port
  # The test's own shells carry WORKSHOP_HOME too; what the kit's env.sh has set up carries this as well.
  # shellcheck disable=SC2009 # pgrep cannot look at the environment
  ps axeww -o pid=,command= | grep -F "WORKSHOP_HOME=$WORKSHOP_HOME " | grep -F ' WORKSHOP_SETS=' | grep -v grep | cut -c 1-150
  for ((i = -1; i <= WEB_PORTS; i++)); do
    port=$((i < 0 ? PREFECT_PORT : WEB_PORT + i))
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "port $port still listens"; fi
  done
}

# Of a test that failed, the ends of the logs of what it, or its file, started in the background: what went wrong shows
# there, and nobody can look at them later. The teardown of files that have none of their own.
show_failure() {
  local log
  [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -n "${BATS_TEST_NAME:-}" ] || return 0
  for log in "$BATS_TEST_TMPDIR"/*.log "${LOG_DIR:-$BATS_TEST_TMPDIR/none}"/*.log; do
    [ -s "$log" ] || continue
    printf -- '--- the end of %s\n' "${log##*/}"
    tail -n 30 "$log" | cut -c 1-200 | tr -d '\033' # which no report of bats may hold
  done
}
teardown() { show_failure; }

no_leaks() {
  within 15 eval '[ -z "$(leaks)" ]' || {
    echo "left behind:"
    leaks
    return 1
  }
}

# For teardown: stop whatever runs, and fail the test if anything stays.
stop_and_check() {
  show_failure
  GRACE=5 "${PROCESS[@]}" limit 60 make -C "$KIT" stop >"$BATS_TEST_TMPDIR/stop.log" 2>&1 </dev/null || cat "$BATS_TEST_TMPDIR/stop.log"
  no_leaks
}

# --- running and waiting ---------------------------------------------------------------------------

# COMMAND... -> runs it under a time limit (LIMIT_S, default 120 s) with no terminal; sets $status and $output.
try() {
  echo "\$ $*"
  run "${PROCESS[@]}" limit "${LIMIT_S:-120}" "$@" </dev/null
  echo "$output"
  echo "[exit $status]"
}

# The same; the command must succeed.
ok() {
  try "$@"
  is "$status" 0 "exit code of $*"
}

# LINE... -> typed in make shell; sets $status and $output.
in_make_shell() { try bash -c 'printf "%s\n" "$@" | make -s shell' _ "$@"; }

# NAME=VALUE COMMAND... -> ok in a terminal, with NO_COLOR=1 or TERM=dumb: it must print no escape sequence
ok_without_escapes() {
  ok env TERM=xterm-256color COLUMNS=150 LINES=50 "$1" "${TERMINAL[@]}" "${@:2}"
  is "$(escapes <<<"$output")" '' "escape sequences of ${*:2}"
}
# WHAT -> what is on standard input has no character but the end of a line that steers a terminal or that nobody sees
is_plain() {
  "$PYTHON_OF_TESTS" -c '
import sys, unicodedata
text = sys.stdin.buffer.read().decode()
found = sorted({ascii(c) for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"})
sys.exit(f"{sys.argv[1]}: {found}" if found else 0)' "$1"
}
# -> the escape sequences on standard input, without their first character
escapes() { { grep -aoE $'\033[^a-zA-Z]*[a-zA-Z]?' || true; } | tr -d '\033' | sort -u; }

# REMEDY COMMAND... -> the command must fail as bad input: exit 2 and one line, which names the remedy.
refused() {
  local remedy=$1
  shift
  try "$@"
  is "$status" 2 "exit code of $*"
  # make adds a line of its own.
  local lines
  lines=$(grep -cv '^make: ' <<<"$output")
  is "$lines" 1 'lines of the refusal'
  has "$remedy"
  never grep -q Traceback <<<"$output"
}

# ACTUAL EXPECTED WHAT -> the two must be the same text; says what was found, which a bare `[ … ]` does not. Nor does bash
# take notice of a `[ … ]` that fails before an `&&`, so make lint allows none at the beginning of a test's line.
is() { [ "$1" = "$2" ] || fail_with "$3: found '$1', expected '$2'"; }
# ACTUAL OPERATOR EXPECTED WHAT -> the same with an operator of `test`: -le, -gt, -ne, !=
compare() { test "$1" "$2" "$3" || fail_with "$4: found '$1', expected $2 '$3'"; }
# FILE... -> each must be there, as a file
there() {
  local file
  for file in "$@"; do [ -f "$file" ] || fail_with "no such file: $file" || return; done
}
# PATH... -> none of them may be there
not_there() {
  local path
  for path in "$@"; do [ ! -e "$path" ] || fail_with "is there, and should not be: $path" || return; done
}

# TEXT -> it must be in the last output.
has() { grep -qF -- "$1" <<<"$output" || fail_with "not in the output: $1"; }
has_not() { ! grep -qF -- "$1" <<<"$output" || fail_with "in the output, and should not be: $1"; }

# COMMAND... -> it must fail. (bats takes no notice of a line that begins with `!`.)
never() { if "$@"; then fail_with "succeeded, and should not: $*"; fi; }

fail_with() {
  echo "$1"
  return 1
}

# SECONDS COMMAND... -> waits until the command succeeds, looking five times a second; false after twice that, for the seconds
# are those of an idle machine, and three files run at a time. (PATIENCE=1: after exactly that.)
within() {
  local end=$((SECONDS + $1 * ${PATIENCE:-2}))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# COMMAND... -> the seconds that it takes in $took, with three decimals
timed() {
  local TIMEFORMAT=%3R
  { time "$@" 2>&1; } 2>"$BATS_TEST_TMPDIR/took"
  took=$(cat "$BATS_TEST_TMPDIR/took")
}
# TIMES LINE COMMAND... -> the command takes at the most so many times as long as the line of bash just before it: a machine that
# is busy lengthens both, as no limit of seconds knows. Once of three tries it must (TRIES=1: at once).
takes_at_most() {
  local times=$1 line=$2 beside try
  shift 2
  for ((try = 0; try < ${TRIES:-3}; try++)); do
    timed eval "$line"
    beside=$took
    timed "$@"
    if awk "BEGIN { exit $took > $times * $beside }"; then return 0; fi
  done
  fail_with "$*: took $took s, and expected is at the most $times times the $beside s of: $line"
}

# NAME COMMAND... -> starts it in the background, in a process group of its own; log in $NAME_log, pid in $NAME_pid.
start() {
  local name=$1
  shift
  local log=${LOG_DIR:-$BATS_TEST_TMPDIR}/$name.log
  : >"$log" # now, not when the background shell gets there: nobody may read the "ready" of the one before
  "${PROCESS[@]}" session "$@" >"$log" 2>&1 </dev/null 3>&- &
  printf -v "${name}_pid" %s $!
  printf -v "${name}_log" %s "$log"
  export "${name}_pid" "${name}_log"
}

# EX [VARIABLE=VALUE...] -> make exN, in the background, and ready. Sets $stack_pid and $stack_log.
start_example() {
  local ex=$1
  shift
  start stack make "ex$ex" "$@"
  within 90 grep -q '^ready' "$stack_log" || {
    cat "$stack_log"
    return 1
  }
}

# The same in a terminal: `press_ctrl_c` and `close_terminal` work on it. The names before the lines there are bold.
start_example_in_terminal() {
  local ex=$1
  shift
  start stack "${TERMINAL[@]}" make "ex$ex" "$@"
  within 90 grep -q '^ready' "$stack_log" || {
    cat "$stack_log"
    return 1
  }
}
press_ctrl_c() { kill -USR1 "$stack_pid"; }
close_terminal() { kill -TERM "$stack_pid"; }

# --- asking Prefect ------------------------------------------------------------------------------------

# PATH [JSON] -> the answer of Prefect's API (POST when there is JSON)
api() { curl -sf --max-time 10 ${2:+-H 'Content-Type: application/json' -d "$2"} "$API$1"; }
# PYTHON-EXPRESSION -> its value for the JSON on standard input, as `d`
json() { "$PYTHON_OF_TESTS" -c "import json, sys; d = json.load(sys.stdin); print($1)"; }
# RUN-ID TYPE -> whether its state is of that type
is_in_state() { api "/task_runs/$1" | grep -q "\"state_type\":\"$2\""; }
# -> how many task servers are subscribed
task_servers() { api /task_workers/filter '{}' | { grep -o '"identifier"' || true; } | wc -l | tr -d ' '; }
# OUTPUT of make submit on standard input -> the run's id
run_id() { sed -n 's/^submitted  task run //p'; }
# how many runs are in this state
count_in_state() { api /task_runs/count "{\"task_runs\": {\"state\": {\"type\": {\"any_\": [\"$1\"]}}}}"; }

# NAME -> the pid of the process that `keep` runs under that name (its newest child)
child_of() { sed -n 's/^child \([0-9]*\) .*/\1/p' "$WORKSHOP_HOME/run/$1.pids" | head -n 1; }
keeper_pid() { sed -n 's/^keeper \([0-9]*\) .*/\1/p' "$WORKSHOP_HOME/run/$1.pids" | head -n 1; }
# -> the pid of what runs the example in its terminal
launcher() { sed -n 's/^pid=//p' "$WORKSHOP_HOME/run/example"; }
# PID -> its command and environment, on one line
environment_of() { ps eww -o command= -p "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# PORT -> the addresses that listen on it
listens_on() {
  if command -v ss >/dev/null; then ss -Hltn "sport = :$1" | awk '{ print $4 }'; else lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fn | sed -n 's/^n//p'; fi
}

# WHY -> the test is left out on a machine that lacks something; in CI that is a failure (.ci/run installs what is wanted)
not_here() {
  if [ "${CI:-}" = true ]; then fail_with "in CI no test may be left out: $1"; else skip "$1"; fi
}
need_chromium() { command -v chromium >/dev/null || not_here 'no chromium here (sudo apt install chromium)'; }
need_tmux() { command -v tmux >/dev/null || not_here 'no tmux here (sudo apt install tmux)'; }
need_prometheus() { command -v promtool >/dev/null || not_here 'no prometheus here (sudo apt install prometheus)'; }
need_unshare() { unshare -rn true 2>/dev/null || not_here 'unshare -n is not allowed here'; }

pages=0
# URL TEXT... -> the page shows these texts, once what `click:SELECTOR` names is clicked; its picture is kept in $SHOTS, if that is set
shows() {
  local url=$1
  shift
  LIMIT_S=90 ok "$PYTHON_OF_TESTS" tests/helpers/browser.py "$url" "${SHOTS:-$BATS_TEST_TMPDIR}/$BATS_TEST_NUMBER-$((++pages)).png" "$@"
}

# FOLDER SIZE -> a file system of that size is mounted there; .ci/run makes sure that it can be
need_small_disk() { mount -t tmpfs -o "size=$2" tmpfs "$1" 2>/dev/null || not_here 'only a root that may mount can fill a disk'; }

#!/usr/bin/env bash
# Sets up what is missing: .venv from the locked requirements, and Prefect's database, migrated.
#
#   scripts/setup.sh [GROUP [packages]]     core (default), dev, …: requirements/GROUP.txt on top of core; ex4, …: an
#                                           example's own; packages: without the database
#
# EX=4       what that example needs as well (without it the example's first start installs it); EX=all: what all need
# PYTHON=…   the interpreter to use (else the newest suitable python3.x on the PATH)
# WHEELS=…   a folder or URL with wheels (made by `make bundle`): the network is not touched
# Silent and quick when there is nothing to do. Exit 2 with one line when it cannot be done.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
group=${1:-} only=${2:-}
if [ -z "$group" ]; then
  group=core
  if [ "${EX:-}" = all ]; then
    for ex in $(examples); do "$0" "$(example "$ex" PACKAGES)"; done
    exit 0
  elif [ -n "${EX:-}" ]; then
    need_example "$EX" 'make setup EX=all' EX
    group=$(example "$EX" PACKAGES)
  fi
fi
lock=$(lock_of "$group")
[ -f "$lock" ] || fail "there is no ${lock#"$KIT/"}" "scripts/setup.sh core"
PATH=$SYSTEM_PATH
is_ready() { has_packages "$group" && { [ "$only" = packages ] || database_is_made; }; }
if is_ready; then exit 0; fi

if on_windows_drive; then
  fail "this folder is on a Windows drive ($KIT), where SQLite and file watching fail" 'clone into your Linux home: cd ~'
fi

# --- a Python ----------------------------------------------------------------------------------
suitable() { # COMMAND -> true if it runs (a pyenv shim may not), has a suitable version and the venv module
  [ "$("$1" -c 'import sys, venv, ensurepip; print((3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null)" = True ]
}
find_python() {
  local name
  for name in python3.14 python3.13 python3.12 python3.11 python3; do
    # An active virtual or conda environment does not matter: .venv is made from its Python, not in it.
    if command -v "$name" >/dev/null 2>&1 && suitable "$name"; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}
how_to_install() {
  case $(uname -s) in
    Darwin) printf 'brew install python@3.13 (or python.org), then make setup' ;;
    *) printf 'sudo apt install python3 python3-venv (or your system'\''s Python 3.11 to 3.14), then make setup' ;;
  esac
}
if [ -n "${PYTHON:-}" ]; then
  command -v "$PYTHON" >/dev/null 2>&1 || fail "PYTHON='$PYTHON' is not a command here" "make setup PYTHON=python3"
  suitable "$PYTHON" ||
    fail "PYTHON='$PYTHON' is not a Python 3.11 to 3.14 with the venv module" "$(how_to_install)"
  python=$(command -v "$PYTHON")
else
  python=$(find_python) || fail 'no Python 3.11 to 3.14 with the venv module on the PATH' "$(how_to_install)"
fi

# --- one at a time: a second terminal waits for the first --------------------------------------
# The system's own lock, which is gone at the moment when its holder is, however that ended: bash has the file open, and Python,
# which knows how, locks it for bash. Where a file system knows no locks it goes on without.
lock=$KIT/.venv.lock
[ ! -d "$lock" ] || rm -rf "$lock" # of an earlier kit, whose set-up was killed
mkdir -p "$KIT" 2>/dev/null && [ -w "$KIT" ] || fail "cannot write to $KIT" "clone the kit into a folder of your own"
exec 9>>"$lock"
"$python" -c 'import fcntl, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print(f"waiting for the set-up that runs in another terminal (pid {open(sys.argv[1]).read()})", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass' "$lock"
printf '%s' $$ >"$lock"
tools=''
trap '[ -z "$tools" ] || rm -rf "$tools"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if is_ready; then exit 0; fi

pass_outside
if [ -n "${WORKSHOP_SOCKS:-}" ]; then export ALL_PROXY=$WORKSHOP_SOCKS; fi

# --- from where ----------------------------------------------------------------------------------
wheels=() trusted=() # empty for the registry
if [ -n "${WHEELS:-}" ]; then
  case $WHEELS in
    https://*) ;;
    http://*)
      # Plain http on the room's network: pip must be told. The hashes of the lock still decide what is installed.
      host=${WHEELS#http://} host=${host%%/*}
      trusted=(--trusted-host "$host")
      ;;
    *) [ -d "$WHEELS" ] || fail "WHEELS='$WHEELS' is neither a folder nor a URL" "make setup WHEELS=wheels" ;;
  esac
  wheels=(--no-index --find-links "$WHEELS")
fi

patiently() { # COMMAND... -> up to three tries: venue Wi-Fi
  local try
  for try in 1 2 3; do
    "$@" && return 0
    [ "$try" = 3 ] || say "that failed; trying again ($((try + 1)) of 3)"
  done
  return 1
}

begin=$SECONDS
tools=$(mktemp -d)
install() { # without the line for each of a hundred packages
  "$uv" pip sync --python "$VENV/bin/python" --require-hashes --compile-bytecode \
    ${wheels[@]+"${wheels[@]}"} "${files[@]}" 2>&1 | grep --line-buffered -v '^ [-+~] ' >&2
}
if ! has_packages "$group"; then
  say "setup 1/3: the installer, for $("$python" --version) ($python)"
  if ! uv=$(command -v uv); then
    # uv is fetched, used and thrown away: it is a quarter of what the kit itself needs.
    "$python" -m venv "$tools/venv"
    patiently "$tools/venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes \
      ${wheels[@]+"${wheels[@]}"} ${trusted[@]+"${trusted[@]}"} -r "$KIT/requirements/uv.txt" ||
      fail 'the installer (uv) could not be fetched' 'connect to the network, then make setup; or make setup WHEELS=dir-or-URL'
    uv=$tools/venv/bin/uv
  fi

  say "setup 2/3: packages of: $group"
  # Hard links from uv's cache are not possible everywhere, and the warning helps nobody.
  export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
  # The certificates that this machine trusts, as pip uses them: a company's proxy may have one of its own.
  export UV_SYSTEM_CERTS=1
  unset PYTHONDONTWRITEBYTECODE # uv compiles: without bytecode every import of Prefect takes 6 s instead of 2
  if [ ! -x "$VENV/bin/python" ] || ! same_python || [ "$(cut -d' ' -f3- "$STAMPS/core" 2>/dev/null)" != "$KIT" ]; then
    "$uv" venv --quiet --clear --no-project --python "$python" "$VENV"
  fi
  groups=core
  for stamp in "$STAMPS"/*; do # what was installed before stays, brought up to its lock
    name=$(basename "$stamp")
    case " $groups $group " in *" $name "*) ;; *) [ ! -f "$(lock_of "$name")" ] || groups="$groups $name" ;; esac
  done
  case " $groups " in *" $group "*) ;; *) groups="$groups $group" ;; esac
  files=()
  for name in $groups; do files+=("$(lock_of "$name")"); done
  rm -f "$STAMPS"/core "$STAMPS/$group"
  patiently install ||
    fail 'the packages could not be installed' 'connect to the network, then make setup; or make setup WHEELS=dir-or-URL'
  mkdir -p "$STAMPS"
  # The kit's own bytecode, checked against the source by its hash: by time and size, two quick saves could leave an old one.
  # A kit that is read-only runs without it.
  "$VENV/bin/python" -P -m compileall -q --invalidation-mode checked-hash "$KIT/scripts/pythonpath" "$KIT/durable/src" || true
  bundle=$("$VENV/bin/python" -P -c 'import certifi; print(certifi.where())') # the first certificate of the locked bundle
  sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p;/END CERTIFICATE/q' "$bundle" >"$CERTIFICATE"
  for name in $groups; do stamp_of "$name" >"$STAMPS/$name"; done
fi

if [ "$only" != packages ] && ! database_is_made; then
  say 'setup 3/3: the database'
  rm -f "$STAMPS"/new.db*
  PREFECT_HOME=$tools "$VENV/bin/python" -P "$KIT/scripts/pythonpath/workshop_kit/launch/prepare_database.py" "$STAMPS/new.db" >"$tools/log" 2>&1 ||
    fail "Prefect's database could not be prepared: $(tail -n 1 "$tools/log")" 'make distclean, then make setup'
  mv "$STAMPS/new.db" "$DATABASE_TEMPLATE"
  stamp_of_database >"$STAMPS/database"
fi
say "setup done in $((SECONDS - begin)) s"

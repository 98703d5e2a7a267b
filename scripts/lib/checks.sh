# shellcheck shell=bash
# Whether what was typed, this machine and what runs allow a command: each ends with one line and exit 2 if not.

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
  fail "$name='${!name}' is not one of: $*" "make … $name=$1"
}

name_ignored_settings() { # one line, only if the shell carried settings that the kit does not use
  if [ -n "${WORKSHOP_IGNORED:-}" ]; then
    say "note: ignored from your shell or .env:$WORKSHOP_IGNORED (REMOTE=1 uses them)"
  fi
}

on_windows_drive() { # true in WSL below /mnt/c, where SQLite and file watching fail
  case $KIT/ in /mnt/[a-z]/*) uname -r | grep -qi microsoft ;; *) return 1 ;; esac
}

make_home() { # the state folder, or one line why not
  # Others on this machine read no parameters, and no key that a submitter's settings carry.
  # shellcheck disable=SC2174 # the folders above it are as their owner wants them
  if ! { mkdir -p -m 700 "$WORKSHOP_HOME" "$PREFECT_HOME" && mkdir -p "$WORKSHOP_HOME/run" "$WORKSHOP_HOME/logs" "$RECORDS" &&
    : >"$WORKSHOP_HOME/run/.writable"; } 2>/dev/null; then
    fail "cannot write to $WORKSHOP_HOME" "make … WORKSHOP_HOME=/a/folder/of/yours"
  fi
}

refuse_remote() { # COMMAND [INSTEAD] -> fail with REMOTE=1: the command is for the kit's own server
  [ "$REMOTE" = 0 ] || fail "$1 is for the kit's own server, and REMOTE=1 means one of yours" "${2:-$1 (without REMOTE=1)}"
}

need_remote() { # with REMOTE=1: fail unless there is an API to use and it answers; sets REMOTE_URL
  REMOTE_URL=$("$VENV/bin/python" -P -m workshop_kit.remote) || exit 2
  export REMOTE_URL
}

# shellcheck disable=SC2034 # env.sh: what some editors write in front of UTF-8
BOM=$'\xef\xbb\xbf'

no_utf_16() { # FILE -> fail if an editor has saved it as UTF-16, of which bash reads nothing
  local start=
  IFS= LC_ALL=C read -r -n 2 start <"$1" || true
  case $start in $'\xff\xfe' | $'\xfe\xff') fail "${1##*/} is saved as UTF-16" "save it as UTF-8: $1" ;; esac
}

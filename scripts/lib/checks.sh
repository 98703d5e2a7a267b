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

need_memory() { # fail where the shell lets no process have the 2 GB of addresses that a Prefect server maps (it uses a tenth)
  local limit
  limit=$(ulimit -v)
  [ "$limit" = unlimited ] || [ "$limit" -ge 2000000 ] ||
    fail "this terminal lets a process map only $((limit / 1000)) MB, and a Prefect server maps 2,000" 'another terminal, or ulimit -v unlimited before it'
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

refuse_remote() { # COMMAND [INSTEAD] -> fail with REMOTE=1: the command is for the kit's own server
  [ "$REMOTE" = 0 ] || fail "$1 is for the kit's own server, and REMOTE=1 means one of yours" "${2:-$1 (without REMOTE=1)}"
}

need_remote() { # with REMOTE=1: fail unless there is an API to use and it answers; sets REMOTE_URL
  REMOTE_URL=$("$VENV/bin/python" -P -m workshop_kit.remote) || exit 2
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

# shellcheck disable=SC2034 # env.sh and doctor.sh: what some editors write in front of UTF-8
BOM=$'\xef\xbb\xbf'

no_utf_16() { # FILE -> fail if an editor has saved it as UTF-16, of which bash reads nothing
  local start=
  IFS= LC_ALL=C read -r -n 2 start <"$1" || true
  case $start in $'\xff\xfe' | $'\xfe\xff') fail "${1##*/} is saved as UTF-16" "saving it as UTF-8: $1" ;; esac
}

# shellcheck shell=bash
# What the kit's bash scripts say, and how: sourced by env.sh. Works in bash 3.2 (macOS) and without Python.

say() { printf '%s\n' "$*" >&2; }

fail() { # WHAT REMEDY -> one line on stderr, exit 2; "make …" in the remedy is the command that was typed
  local remedy=$2
  case $remedy in 'make … '*) remedy="make ${WORKSHOP_GOAL:-…} ${remedy#make … }" ;; esac
  printf 'error: %s. Try: %s\n' "$(one_line "$1")" "$remedy" >&2
  exit 2
}

one_line() { # TEXT -> the same on one line, at most 300 characters: it may quote what a person typed
  local text=${1//[$'\n\r\t']/ }
  text=${text//[[:cntrl:]]/�} # as durable's printable() does
  [ ${#text} -le 300 ] || text="${text:0:299}…"
  printf '%s' "$text"
}

help_if_asked() { # "$@" -> prints the script's own header comment for -h or --help, and exits
  case ${1:-} in
    -h | --help)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
  esac
}

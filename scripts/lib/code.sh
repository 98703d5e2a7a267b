# shellcheck shell=bash
# Code along: where an example's files are, and a learner's own in their place.

choose_code() { # EX -> CODE: the folder whose files run, physical, for a task's key is made from the path of its file.
  # OWN_CODE is EX when that is a folder of the learner's, named by CODE, and empty when it is the example's own.
  local file given=${CODE:-} finished
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
    for file in $(files_started "$1"); do
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
  "$VENV/bin/python" -P -m workshop_kit.learners.mistakes "$1" "$CODE" || exit 2
}

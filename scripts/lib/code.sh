# shellcheck shell=bash
# Code along: where an example's files are, and a learner's own in their place.

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
  "$VENV/bin/python" -P -m workshop_kit.learners.mistakes "$1" "$CODE" || exit 2
}

# shellcheck shell=bash
# What each example is: examples/exN_name/example.env, lines of EXAMPLE_NAME=value, read as data. No variable of the
# environment counts, and none is set. workshop_kit/examples.py reads the same; docs/ARCHITECTURE.md explains the lines.

examples() { # -> their numbers, a line each
  local file number
  for file in "$KIT"/examples/ex[0-9]*_*/example.env; do
    number=${file%/*} number=${number##*/ex}
    printf '%s\n' "${number%%_*}"
  done | sort -n
}

finished_folder() { # EX -> where its finished files are
  set -- "$KIT/examples/ex$1"_*
  printf '%s' "$1"
}

example() { # EX NAME -> what the line EXAMPLE_NAME= says; nothing if there is no such line
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "EXAMPLE_$2="*)
      line=${line#*=}
      printf '%s\n' "${line%$'\r'}"
      return 0
      ;;
    esac
  done <"$(finished_folder "$1")/example.env"
}

variables_of() { # EX -> the variables of `make exN` with their defaults, each after a space
  local servers
  servers=$(example "$1" SERVERS)
  [ -z "$servers" ] || printf ' SERVERS=%s LIMIT=%s' "$servers" "$(example "$1" LIMIT)"
  [ "$(example "$1" DOCKER)" != 1 ] || printf ' DOCKER=1'
  printf ' %s' "$(example "$1" VARIABLES)" | sed 's/ $//'
}

need_example() { # EX REMEDY [VARIABLE] -> fail unless there is such an example; the remedy names a command with one
  local known
  if [[ $1 =~ ^[1-9][0-9]*$ ]] && [ -f "$(finished_folder "$1")/example.env" ]; then return 0; fi
  known=$(examples | tr '\n' ' ')
  known=${known% }
  [ -n "$1" ] || fail "which example? ${3:-EX} is missing (there are ${known// /, })" "$2"
  fail "there is no example ${3:+$3=}'$1' (there are ${known// /, })" "$2"
}

procfile() { # EX -> the path of its Procfile; example 1 has none
  printf '%s' "$KIT/Procfile.ex$1"
}

files_started() { # EX -> the files of its folder that it runs, a line each: its task's, and what its Procfile names
  {
    printf '%s\n' "$(example "$1" TASK_FILE)"
    [ ! -f "$(procfile "$1")" ] || grep -v '^#' "$(procfile "$1")" | grep -oE '[a-z_0-9]+(\.py|:app)' | sed 's/:app$/.py/'
  } | sort -u
}

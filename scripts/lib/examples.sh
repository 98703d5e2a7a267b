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

own_ports() { # -> "4 INBOX_PORT WEB_PORT 2" a line: each port of its own that an example opens, and what it is counted from
  local file line ex each name base
  for file in "$KIT"/examples/ex[0-9]*_*/example.env; do
    [ -r "$file" ] || continue
    ex=${file%/*} ex=${ex##*/ex} ex=${ex%%_*}
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in EXAMPLE_OWN_PORTS=*)
        line=${line%$'\r'}
        for each in ${line#*=}; do
          name=${each%%=*} base=${each#*=}
          printf '%s %s %s %s\n' "$ex" "$name" "${base%%+*}" "${base#*+}"
        done
        ;;
      esac
    done <"$file"
  done
}

lock_of() { # GROUP -> the lock of these packages: that of the group exN is in the example's folder
  case $1 in
    ex[0-9]*) printf '%s/requirements.txt' "$(finished_folder "${1#ex}")" ;;
    *) printf '%s/requirements/%s.txt' "$KIT" "$1" ;;
  esac
}

packages_of_examples() { # -> the groups of packages that they need beside core, on one line
  local ex
  for ex in $(examples); do example "$ex" PACKAGES; done | sort -u | sed '/^core$/d' | tr '\n' ' '
}

examples_with() { # NAME [WORD] -> the numbers of those that have a line EXAMPLE_NAME= with something (that word) in it, a line each
  local ex said
  for ex in $(examples); do
    said=" $(example "$ex" "$1") "
    case $said in '  ') ;; *" ${2:-}"*) printf '%s\n' "$ex" ;; esac
  done
}

first_example_with() { # NAME [WORD] -> the number of the first of them
  local found
  found=$(examples_with "$@")
  printf '%s' "${found%%$'\n'*}"
}

in_words() { # "4 5 7" or lines -> 4, 5 and 7
  tr '\n' ' ' | sed 's/ *$//; s/ /, /g; s/\(.*\), /\1 and /'
}

listed() { # NAME [WORD] -> for people: "example 6", or "examples 4, 5 and 7": those that have that line
  local numbers
  numbers=$(examples_with "$@" | in_words)
  case $numbers in *' '*) printf 'examples %s' "$numbers" ;; *) printf 'example %s' "$numbers" ;; esac
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

# shellcheck shell=bash
# What was typed at make that nobody reads: the variable or the command that was meant, before anything starts. make itself
# takes any NAME=value, and would run the first command before it stops at the second that it does not know.

nearest() { # WORD CANDIDATE... -> the candidate that is a slip away: one letter, or two of five and more; else nothing
  printf '%s\n' "$@" | awk '
    NR == 1 { word = $0; best = length(word) < 5 ? 1 : 2; if (length(word) < 3) exit; next }
    { # the number of letters to insert, delete or replace
      for (j = 0; j <= length($0); j++) above[j] = j
      for (i = 1; i <= length(word); i++) {
        left = i
        for (j = 1; j <= length($0); j++) {
          cost = above[j - 1] + (substr(word, i, 1) != substr($0, j, 1))
          if (above[j] + 1 < cost) cost = above[j] + 1
          if (left + 1 < cost) cost = left + 1
          above[j - 1] = left
          left = cost
        }
        above[length($0)] = left
      }
      if (above[length($0)] <= best && above[length($0)] < length($0)) { best = above[length($0)] - 1; found = $0 }
    }
    END { print found }'
}

meant_variable() { # NAME -> the variable that somebody meant who typed NAME=…; nothing if it may be one of another program
  local name known
  name=$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')
  known="$(settings) $(variables_of_one_command)"
  case " $known " in *" $name "*) printf '%s' "$name" && return ;; esac
  case $name in
    NUMBER | COUNT | RUNS) printf N && return ;;
    EXAMPLE) printf EX && return ;;
    QUESTION) printf Q && return ;;
    WORKERS) printf SERVERS && return ;;
  esac
  # shellcheck disable=SC2086
  nearest "$name" $known
}

commands() { # -> every command of the Makefile, on one line
  local ex
  for ex in $(examples); do printf 'ex%s ' "$ex"; done
  sed -n 's/^\.PHONY: \([a-z]\)/\1/p' "$KIT/Makefile" | tr '\n' ' '
}

check_variables() { # fail at the first variable that was typed for another
  local name meant names
  IFS=' ' read -r -a names <<<"$WORKSHOP_TYPED"
  for name in ${names[@]+"${names[@]}"}; do
    meant=$(meant_variable "$name")
    [ -z "$meant" ] || fail "there is no variable $name" "make … $meant=…"
  done
}

check_commands() { # fail at the first command that there is not, and at one behind another that stays until Ctrl-C
  local goals goal variable lower meant known
  known=" $(commands)"
  IFS=' ' read -r -a goals <<<"$WORKSHOP_GOALS"
  case $WORKSHOP_GOALS in [eE][xX]' '[0-9]*) fail "there is no command '${goals[0]}'" "make ex${goals[1]}" ;; esac
  for goal in "${goals[@]}"; do
    case $known in *" $goal "*) continue ;; esac
    for variable in $( # SERVERS= 2
      settings
    ) $(variables_of_one_command); do
      [ "${!variable-unset}" != '' ] ||
        fail "'$goal' is not a command, and $variable is empty" "make ${goals[0]} $variable=$goal (without a blank)"
    done
    case $goal in ex?*) continue ;; esac # example.sh says which there are
    lower=$(printf '%s' "$goal" | tr '[:upper:]' '[:lower:]')
    # shellcheck disable=SC2086
    meant=$(nearest "$lower" $known)
    fail "there is no command '$goal'" "make ${meant:-help}"
  done
  case ${goals[0]} in
    ex1) ;;
    ex[0-9]* | server | watch | shell | room)
      [ ${#goals[@]} = 1 ] ||
        fail "make ${goals[0]} stays until Ctrl-C, and ${goals[1]} would wait for that" "make ${goals[1]} in another terminal"
      ;;
  esac
}

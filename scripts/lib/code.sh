# shellcheck shell=bash
# What a command that starts an example was asked for, and a learner's files in the place of the example's.

asked_for() { # WORD ARGUMENT... -> exports what workshop_kit/launch/asked_for.py prints in capitals, and sets the rest
  local said name value
  said=$(kit launch.asked_for "$@") || exit
  while IFS='=' read -r name value; do
    printf -v "$name" '%s' "$value"
    case $name in [[:upper:]]*) export "${name?}" ;; esac
  done <<<"$said"
}

refuse_mistakes() { # EX -> with code of the learner's: exit 2 with one line if it has a mistake that the kit knows
  [ -n "$OWN_CODE" ] || return 0
  "$VENV/bin/python" -P -m workshop_kit.learners.mistakes "$1" "$CODE" || exit 2
}

#!/usr/bin/env bash
# Prints the commands of the Makefile: those of the room, or with ALL=1 every one and every variable.
# The text is the `##` comments of the Makefile, env.sh and example.sh, and the examples' example.env: it cannot differ from them.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ALL=${ALL:-0}
one_of ALL 0 1

lines_of_examples() { # as the Makefile would say them: `ex2: ## example 2: title [SERVERS=2] [LIMIT=1]`
  local ex
  for ex in $(examples); do
    printf 'ex%s: ## example %s: %s%s\n' "$ex" "$ex" "$(example "$ex" TITLE)" "$(variables_of "$ex" | sed 's/[^ ]*=[^ ]*/[&]/g')"
  done
}

work_of_their_own() { # of the examples that have a command of their own for it:  3: make task, for 4: make signup
  local ex command found=''
  for ex in $(examples); do
    command=$(example "$ex" SUBMIT)
    command=${command%%,*} command=${command%% [A-Z]*}
    case $command in 'make submit' | "make ex$ex") ;; *) found="$found, for $ex: $command" ;; esac
  done
  printf '%s' "${found#, for}"
}

{
  printf '##@ The room\n'
  lines_of_examples
  cat "$KIT/Makefile"
} | awk -v all="$ALL" '
  /^##@ / && substr($0, 5) == section { next }
  /^##@ / { section = substr($0, 5); if (all) printf "\n%s\n", section; next }
  /^[a-z][a-z0-9-]*:.*## / {
    if (!all && section != "The room") next
    name = $0; sub(/:.*/, "", name)
    text = $0; sub(/^[^#]*## /, "", text)
    options = ""
    if (match(text, / \[.*\]$/)) { options = substr(text, RSTART + 1); text = substr(text, 1, RSTART - 1) }
    line = sprintf("  make %-11s %s", name, text)
    # Behind the text where both fit a projector, else on a line of their own.
    if (options != "") line = line (length(line options) < 100 ? "  " : sprintf("\n  %16s ", "")) options
    print line
  }'
if [ "$ALL" = 1 ]; then
  printf '\nVariables of every command that runs something\n'
  awk '/^## [A-Z_, ]+=.*: / {
    text = substr($0, 4); at = index(text, ": ")
    name = substr(text, 1, at - 1); text = substr(text, at + 2)
    printf (length(name) < 36 ? "  %-35s %s\n" : "  %s\n  %35s %s\n"), name, (length(name) < 36 ? text : ""), text
  }' "$KIT/scripts/env.sh" "$KIT"/examples/ex*/{example.env,settings.sh} "$KIT/scripts/example.sh"
else
  printf '\nWork for example%s. For %s: make chaos too.\n' "$(work_of_their_own)" "$(examples_with CHAOS | in_words)"
  cat <<'TEXT'
First time? make ex2 sets everything up. Is this machine ready? make doctor
Write the code yourself: make code EX=2. Show it: make demo EX=2. All commands: make help ALL=1
TEXT
fi

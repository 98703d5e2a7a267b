#!/usr/bin/env bash
# Prints the commands of the Makefile: those of the room, or with ALL=1 every one and every variable.
# The text is the Makefile's own `##` comments and the examples' example.env, so it cannot differ from what is there.
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
  cat <<'TEXT'

Variables of every command that runs something
  PREFECT_PORT=4200  WEB_PORT=8000   the ports; everything binds 127.0.0.1
  WORKSHOP_HOME=.workshop            where state lives: the database, results, logs
  CODE=                              ex1 to ex6: your own files, as my/ex2 (make code EX=2)
  LIMIT=10 (1 in ex2, 4 in ex6)      runs at once per task server
  WORK_SECONDS=0.3                   how long the tasks of examples 2, 3, 4 and 6 work
  GRACE=30                           seconds a task server may finish in
  TUNED=1                            0: Prefect exactly as it ships
  DB=                                postgresql://user:password@host/name, not SQLite (best in .env)
  DOCKER=0                           1: examples 4 and 5 in containers (Compose 2)
  FAIL_RATE=0.2                      the share of requests that example 4's services fail
  REDIS_URL=  SMTP_URL=              example 4: another user store, mail server (best in .env)
  MARKETING_PORT INBOX_PORT SMTP_PORT REDIS_PORT   example 4's services: WEB_PORT + 1, 2, 3, 4
  PYTHON_IMAGE=  REDIS_IMAGE=        the base images of the Docker way
  OPENAI_API_KEY=                    example 5 asks OpenAI; best in examples/ex5_marvin/.openai.env
  REMOTE=0                           1: your own PREFECT_API_URL, key or profile (as Prefect Cloud)
  FORCE=0                            1: more than 32 task servers
TEXT
else
  cat <<'TEXT'

Work for example 3: make task, for 4: make signup, for 5: make ask. For example 6: make chaos too.
First time? make ex2 sets everything up. Is this machine ready? make doctor
Write the code yourself: make code EX=2. Show it: make demo EX=2. All commands: make help ALL=1
TEXT
fi

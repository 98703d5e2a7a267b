#!/usr/bin/env bash
# Runs an example in this terminal: checks what was typed and the ports, sets up what is missing, starts honcho.
#
#   scripts/example.sh EX      (make ex2, make ex3, …; SERVERS, LIMIT, … from the environment, else from its example.env)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ex=$1

## SERVERS=per example: how many task servers start
## LIMIT=per example: how many runs a task server runs at once
## RESCUE=1: 0: without the rescuer, in an example that has one
## FORCE=0: 1: allows more than 32 task servers
## LLM=what there is: who answers in example 5: openai, local or canned
#: OpenAI's with a key, else the small model if it is installed, else the stand-in.
## OPENAI_API_KEY, OPENAI_BASE_URL, MARVIN_AGENT_MODEL=none: which model LLM=openai asks
#: Best in `examples/ex5_marvin/.openai.env`: a key in make's command line is refused.
## DOCKER=0: 1: in Docker containers (Compose 2), where an example can
## PYTHON_IMAGE, REDIS_IMAGE, POSTGRES_IMAGE=python:3.13-slim, redis:8-alpine, postgres:17-alpine: the base images there
## CODE=the example's own folder: your own files, as my/ex2
#: From the kit's folder or with its full path: [code along](CODE_ALONG.md).
asked_for example "$ex" # exports CODE, LIMIT and the like; sets servers, docker, packages, model, joinable
[ "$docker" = 0 ] || need_docker "$ex"

name_ignored_settings
make_home
printf '%s %s\n' "$$" "$(kit state_files started $$)" >"$WORKSHOP_HOME/run/starting" # for make stop, until launch/start.py has claimed the example
sweep
if [ -n "$OWN_CODE" ]; then # before anything that runs is stopped
  set_up "$packages"
  refuse_mistakes "$ex"
fi
if keeper_of background-server >/dev/null; then
  say "taking over the Prefect server that make ex1 left in the background; its runs are kept"
  stop_kept background-server
fi
need_free_ports "$ex"
set_up "$packages"
if [ "$REMOTE" = 1 ]; then
  need_remote
  say "REMOTE=1: using $REMOTE_URL"
fi
if [ "$joinable" = 1 ]; then
  where=$("$VENV/bin/python" -P -m workshop_kit.launch.listen) || exit 2
  export JOIN_AT=${where%% *} JOIN_NAMES=${where#* }
fi
if [ "$docker" = 1 ]; then
  [ "$model" = 0 ] || choose_model_in_docker
  compose_settings "$ex"
  mark_containers
  exec "$VENV/bin/python" -P -m workshop_kit.launch.containers "$ex" "$servers"
fi
[ "$model" = 0 ] || choose_model
cd "$KIT"
[ -z "$OWN_CODE" ] || say "running your code in ${CODE#"$KIT/"}"
exec "$VENV/bin/python" -P -m workshop_kit.launch.start "$ex" "$servers"

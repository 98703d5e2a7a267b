#!/usr/bin/env bash
# Runs an example in this terminal: checks what was typed and the ports, sets up what is missing, starts honcho.
#
#   scripts/example.sh EX      (make ex2, make ex3, …; SERVERS, LIMIT, … from the environment, else from its example.env)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ex=$1

need_example "$ex" 'make ex2'
[ -f "$(procfile "$ex")" ] || fail "example $ex has no Procfile" "make ex$ex"
## SERVERS=per example: how many task servers start
## LIMIT=per example: how many runs a task server runs at once
SERVERS=${SERVERS:-$(example "$ex" SERVERS)} LIMIT=${LIMIT:-$(example "$ex" LIMIT)}
## RESCUE=1: 0: examples 4 to 6 without their rescuer
RESCUE=${RESCUE:-1}
one_of RESCUE 1 0
export RESCUE
## FORCE=0: 1: allows more than 32 task servers
FORCE=${FORCE:-0}
one_of FORCE 0 1
if [ "$FORCE" = 1 ]; then
  whole_number SERVERS 1 999 "make ex$ex SERVERS=2"
else
  whole_number SERVERS 1 32 "make ex$ex SERVERS=2 (FORCE=1 for more than 32)"
fi
whole_number LIMIT 1 1000 "make ex$ex LIMIT=1"
export LIMIT
## LLM=what there is: who answers in example 5: openai, local or canned
#: OpenAI's with a key, else the small model if it is installed, else the stand-in.
## OPENAI_API_KEY, OPENAI_BASE_URL, MARVIN_AGENT_MODEL=none: which model LLM=openai asks
#: Best in `examples/ex5_marvin/.openai.env`: a key in make's command line is refused.
if [ "$ex" = 5 ]; then check_model; fi
case " $(example "$ex" PORTS) " in *' JOIN_PORT '*) refuse_remote "make ex$ex" ;; esac # others join what runs here

## DOCKER=0: 1: examples 4, 5 and 7 in Docker containers (Compose 2)
## PYTHON_IMAGE, REDIS_IMAGE, POSTGRES_IMAGE=python:3.13-slim, redis:8-alpine, postgres:17-alpine: the base images there
DOCKER=${DOCKER:-0}
one_of DOCKER 0 1
## CODE=the example's own folder: ex1 to ex7: your own files, as my/ex2
#: From the kit's folder or with its full path: [code along](CODE_ALONG.md).
choose_code "$ex"
if [ "$OURS" = 0 ] && grep -qsE '^(from|import) durable' "$CODE"/*.py; then
  fail "what example $ex shows is made of durable, and OURS=0 is Prefect alone" 'make ex2 OURS=0'
fi
if [ "$DOCKER" = 1 ]; then
  [ "$(example "$ex" DOCKER)" = 1 ] || fail "example $ex has no Docker way" "make ex$ex (without DOCKER=1)"
  case ${DB:-} in *@127.0.0.1* | *@localhost* | *//127.0.0.1* | *//localhost*)
    fail 'in a container, the host in DB means the container itself' 'the same with host.docker.internal for this machine'
    ;;
  esac
  need_docker "$ex"
fi

case " $(example "$ex" PORTS) " in *' JOIN_PORT '*) refuse_remote "make ex$ex" ;; esac
need_different_ports "$ex"
[ "$DOCKER" = 1 ] || need_memory

name_ignored_settings
name_ignored_profile
make_home
if read_example; then
  fail "example $running_ex is running already in another terminal (pid $running_pid)" "$(example "$running_ex" SUBMIT) (from any terminal), or make stop"
fi
printf '%s %s\n' "$$" "$(started_at $$)" >"$WORKSHOP_HOME/run/starting" # for make stop, until launch/start.py has claimed the example
sweep
group=core
# In Docker the example's packages are in the image.
[ "$DOCKER" = 1 ] || group=$(example "$ex" PACKAGES)
if [ -n "$OWN_CODE" ]; then # before anything that runs is stopped
  "$KIT/scripts/setup.sh" "$group"
  refuse_mistakes "$ex"
fi
if keeper_of background-server >/dev/null; then
  say "taking over the Prefect server that make ex1 left in the background; its runs are kept"
  stop_kept background-server
fi
need_free_ports "$ex"
"$KIT/scripts/setup.sh" "$group"
if [ "$ex" = 5 ] && [ "$DOCKER" = 0 ]; then choose_model; fi
if [ "$REMOTE" = 1 ]; then
  need_remote
  say "REMOTE=1: using $REMOTE_URL"
fi
case " $(example "$ex" PORTS) " in *' JOIN_PORT '*)
  where=$("$VENV/bin/python" -P -m workshop_kit.launch.listen) || exit 2
  export JOIN_AT=${where%% *} JOIN_NAMES=${where#* }
  ;;
esac
if [ "$DOCKER" = 1 ]; then
  if [ "$ex" = 5 ]; then choose_model_in_docker; fi
  compose_settings "$ex"
  mark_containers
  exec "$VENV/bin/python" -P -m workshop_kit.launch.containers "$ex" "$((10#$SERVERS))"
fi
cd "$KIT"
[ -z "$OWN_CODE" ] || say "running your code in ${CODE#"$KIT/"}"
exec "$VENV/bin/python" -P -m workshop_kit.launch.start "$ex" "$((10#$SERVERS))"

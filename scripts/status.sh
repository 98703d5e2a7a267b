#!/usr/bin/env bash
# Says what runs in this WORKSHOP_HOME and whether it is ready. Exit 0: ready; 3: nothing runs; 1: not yet healthy.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings

if has_joined; then
  printf 'this machine has joined %s (make leave forgets it)\n' "$(sed -n 's/.*"at": "https:..\([^"]*\)".*/\1/p' "$WORKSHOP_HOME/joined/joined.json")"
  mine=$(kept_processes | grep -c ' task_server.* child$' || true)
  printf '  %-13s %s\n' 'task servers' "$mine of this machine"
  exec "$KIT/scripts/py.sh" commands.check_there
fi
if ! read_example; then
  if keeper_of background-server >/dev/null; then
    if server_is_healthy; then
      printf 'the Prefect server of example 1 runs in the background: http://127.0.0.1:%s (make stop ends it)\n' "$PREFECT_PORT"
      exit 0
    fi
    printf 'the Prefect server of example 1 is starting, or not healthy: see %s/logs/server.log\n' "$WORKSHOP_HOME"
    exit 1
  fi
  left=$({ leftovers && containers_left; } | wc -l | tr -d ' ')
  if [ "$left" != 0 ]; then
    printf 'an example was killed and left %s process(es) or container(s): make stop\n' "$left"
    exit 1
  fi
  printf 'nothing runs: make ex2\n'
  exit 3
fi

how=
[ "${running_docker:-0}" = 0 ] || how=' in Docker'
[ "$running_code" = "$(finished_folder "$running_ex")" ] || [ -z "$running_code" ] || how=" with your code in ${running_code#"$KIT/"}"
printf 'example %s runs%s (pid %s)\n' "$running_ex" "$how" "$running_pid"
if [ "$running_remote" = 1 ]; then
  printf '  Prefect       REMOTE=1: %s, a server of yours\n' "$running_url"
  if [ -e "$WORKSHOP_HOME/run/ready" ]; then
    printf 'ready\n'
    exit 0
  fi
  printf 'not ready yet\n'
  exit 1
fi
ready=yes
line() { # WHAT TEXT GOOD
  printf '  %-13s %s\n' "$1" "$2"
  [ "$3" = yes ] || ready=no
}
if server_is_healthy; then
  line 'Prefect' "healthy: http://127.0.0.1:$PREFECT_PORT" yes
  servers=$(subscribed)
  # One whose slots are all taken may have left the queue to others: that stands in its record.
  [ "$servers" -ge "$running_servers" ] || servers=$("$VENV/bin/python" -P -m workshop_kit.commands.example_records)
  [ "$servers" -ge "$running_servers" ] && enough=yes || enough=no
  line 'task servers' "$servers subscribed, $running_servers wanted" "$enough"
else
  line 'Prefect' "does not answer on port $PREFECT_PORT" no
fi
service() { # WHAT PORT PATH
  if http GET "$2" "$3" >/dev/null; then
    line "$1" "answers: http://127.0.0.1:$2" yes
  else
    line "$1" "does not answer properly on port $2" no
  fi
}
while IFS=: read -r name where; do
  [ -n "$where" ] || continue
  port=${where%%/*}
  service "${name#the }" "${!port}" "/${where#*/}"
done < <(example "$running_ex" SERVICES | sed 's/, /\
/g')
[ -z "$running_llm" ] || printf '  %-13s LLM=%s\n' 'model' "$running_llm"
code=$WORKSHOP_HOME/port/code
[ "$running_docker" = 0 ] || code=$WORKSHOP_HOME/run/port/code # a copy of the container's
if [ -n "$running_at" ] && [ -r "$code" ]; then
  line 'others join' "make server AT=$running_at, with the code $(cat "$code")" yes
fi
if [ "$ready" = yes ]; then
  printf 'ready\n'
else
  printf 'not ready yet\n'
  exit 1
fi

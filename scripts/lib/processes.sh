# shellcheck shell=bash
# The processes that the kit started. Python alone knows who lives, waits and stops: workshop_kit/state_files.py and
# commands/stop.py, before the set-up, too. Where no state file is, and so nothing runs, nobody waits for a Python.

ask_state() { # WORD ARGUMENT... -> what state_files.py says; false without a Python: then nothing of the kit's runs
  local python
  python=$(find_any_python) && "$python" -S -P -m workshop_kit.state_files "$@"
}

read_example() { # sets running_ex, _pid, _started, _servers, _remote, _docker, _url, _llm, _code, _at; fails if no example is running
  # shellcheck disable=SC2034 # for the callers
  running_ex='' running_pid='' running_started='' running_servers='' running_remote='' running_docker='' running_url='' running_llm='' running_code='' running_at=''
  local key value
  [ -e "$WORKSHOP_HOME/run/example" ] || return 1
  while IFS='=' read -r key value; do
    case $key in ex | pid | started | servers | remote | docker | url | llm | code | at) printf -v "running_$key" '%s' "$value" ;; esac
  done < <(ask_state)
  [ -n "$running_pid" ]
}

keeps_some() { # true if there is a pids' file: some process is kept, or was until it was killed
  local file
  for file in "$WORKSHOP_HOME"/run/*.pids; do [ ! -e "$file" ] || return 0; done
  return 1
}

keeper_of() { # NAME -> the pid of the live process that keeps NAME running; fails if there is no such process
  [ -e "$WORKSHOP_HOME/run/$1.pids" ] && ask_state kept "$1" | sed -n 's/ [^ ]* keeper$//p' | grep .
}

sweep() ( # stops processes that an example left behind when it was killed, and says so
  keeps_some || [ -e "$WORKSHOP_HOME/run/example" ] || [ -e "$WORKSHOP_HOME/run/compose" ] || return 0
  settings_of_containers
  kit commands.stop sweep
)

stop_kept() { kit commands.stop kept "$1"; } # NAME -> stops what is kept under it (background-server), or under NAME.1, NAME.2 …, for sure

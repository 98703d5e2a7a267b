# shellcheck shell=bash
# The processes that the kit started: who lives, and how they are stopped.

# A pid alone may belong to somebody else by now; with its start time it names one process for good.

started_at() { # PID -> a token that differs when the pid is used again; fails if there is no such process
  local stat
  if [ -r /proc/self/stat ]; then
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } # the name before it may hold spaces and parentheses
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s' "${20}"
  else
    # Another terminal may have another language, or time zone.
    stat=$(LC_ALL=C TZ=UTC0 ps -o stat=,lstart= -p "$1" 2>/dev/null) || return 1
    case $stat in Z*) return 1 ;; esac
    stat=${stat#* }
    printf '%s' "${stat//[[:space:]]/}"
  fi
}

is_alive() { # PID STARTED -> true while that very process lives
  [ -n "${2:-}" ] && [ "$(started_at "$1")" = "$2" ]
}

read_example() { # sets running_ex, _pid, _started, _servers, _remote, _docker, _url, _code, _at; fails if no example is running
  # shellcheck disable=SC2034 # for the callers
  running_ex='' running_pid='' running_started='' running_servers='' running_remote='' running_docker='' running_url='' running_llm='' running_code='' running_at=''
  local key value
  [ -r "$WORKSHOP_HOME/run/example" ] || return 1
  while IFS='=' read -r key value; do
    case $key in ex | pid | started | servers | remote | docker | url | llm | code | at) printf -v "running_$key" '%s' "$value" ;; esac
  done <"$WORKSHOP_HOME/run/example"
  is_alive "$running_pid" "$running_started"
}

kept_as() { # NAME -> "PID NAME ROLE" a line, for its keeper and its children that live (run/NAME.pids; keep writes it)
  local role pid started
  [ -r "$WORKSHOP_HOME/run/$1.pids" ] || return 0
  while read -r role pid started; do
    if is_alive "$pid" "$started"; then printf '%s %s %s\n' "$pid" "$1" "$role"; fi
  done <"$WORKSHOP_HOME/run/$1.pids"
}

kept_names() { # a line for each NAME that has a keeper, or had one that was killed
  local file name
  for file in "$WORKSHOP_HOME"/run/*.pids; do
    name=${file##*/}
    [ ! -e "$file" ] || printf '%s\n' "${name%.pids}"
  done
}

kept_processes() { # the same as kept_as, of every NAME of this WORKSHOP_HOME
  local name
  while read -r name; do kept_as "$name"; done < <(kept_names)
}

keeper_of() { # NAME -> the pid of the live process that keeps NAME running; fails if there is no such process
  local pid name role
  while read -r pid name role; do
    if [ "$role" = keeper ]; then
      printf '%s' "$pid"
      return 0
    fi
  done < <(kept_as "$1")
  return 1
}

wait_until_gone() { # SECONDS WHAT COMMAND... -> waits while COMMAND prints something; false after SECONDS
  local end=$((SECONDS + $1)) told=$((SECONDS + 2)) what=$2
  shift 2
  while [ -n "$("$@")" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    if [ "$SECONDS" -ge "$told" ]; then
      say "waiting for $what ($("$@" | wc -l | tr -d ' ') process(es) left)"
      told=$((SECONDS + 5))
    fi
    sleep 0.1
  done
}

sweep() { # stops processes that an example left behind when it was killed, and says so
  local left pid name role
  read_example && return 0
  rm -f "$WORKSHOP_HOME/run/example"
  left=$(leftovers)
  if [ -n "$(containers_left)" ]; then
    say 'cleaning up the containers that an example left when it was killed'
    remove_containers
  fi
  if [ -n "$left" ]; then
    say "cleaning up what an example left when it was killed: $(cut -d' ' -f2 <<<"$left" | sort -u | tr '\n' ' ')"
    while read -r pid name role; do [ "$role" != keeper ] || kill -TERM "$pid" 2>/dev/null || true; done <<<"$left"
    # A child whose keeper is dead has nobody else to tell it.
    while read -r pid name role; do
      if [ "$role" != keeper ] && ! keeper_of "$name" >/dev/null; then kill -TERM "$pid" 2>/dev/null || true; fi
    done <<<"$left"
    wait_until_gone $((GRACE + 10)) "runs in flight to finish" leftovers || kill_leftovers
  fi
  while read -r name; do
    [ -n "$(kept_as "$name")" ] || rm -f "$WORKSHOP_HOME/run/$name.pids"
  done < <(kept_names)
}

kill_hard() { # "PID NAME ROLE" lines on standard input -> SIGKILL, to a child's whole process group
  local pid name role
  while read -r pid name role; do
    [ "$role" = keeper ] || kill -KILL -- "-$pid" 2>/dev/null || true
    kill -KILL "$pid" 2>/dev/null || true
  done
}

leftovers() { kept_processes | grep -v ' background-server ' || true; }

kill_leftovers() { leftovers | kill_hard; }

stop_kept() { # NAME -> stops one kept process (background-server, task_server.3, …), for sure
  local pid
  pid=$(keeper_of "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait_until_gone $((GRACE + 20)) "$1" kept_as "$1" || kept_as "$1" | kill_hard
  rm -f "$WORKSHOP_HOME/run/$1.pids"
}

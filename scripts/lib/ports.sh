# shellcheck shell=bash
# Ports and plain HTTP to this machine, without curl. A container's health check reads this file alone.

ports_of() { # EX -> "PORT VARIABLE" a line: every port that the example opens (0: those of all examples)
  local ex name names=''
  for ex in $([ "$1" != 0 ] && printf '%s' "$1" || examples); do names="$names $(example "$ex" PORTS)"; done
  for name in $(tr ' ' '\n' <<<"$names" | awk 'NF && !seen[$0]++'); do
    [ "$name" = REDIS_PORT ] && [ -z "$OWN_REDIS" ] || printf '%s %s\n' "${!name}" "$name"
  done
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT -> true if something listens

port_holder() { # PORT -> "PID NAME" of what listens on it; "? unknown" if that is hidden; nothing if it is free
  local line pid name inode
  port_answers "$1" || return 0
  if command -v ss >/dev/null 2>&1; then
    line=$(ss -Hltnp "sport = :$1" 2>/dev/null | grep -m1 'pid=' || true)
    pid=${line##*pid=} pid=${pid%%,*}
  elif [ -r /proc/net/tcp ]; then
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
      awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' || true)
    # shellcheck disable=SC2012
    pid=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
      awk -v socket="socket:[$inode]" '/^\/proc/ { split($0, part, "/") } $NF == socket { print part[3]; exit }' || true)
  elif command -v lsof >/dev/null 2>&1; then
    pid=$(lsof -nP -t -iTCP:"$1" -sTCP:LISTEN 2>/dev/null | head -n 1 || true)
  fi
  if [ -n "${pid:-}" ]; then
    name=$(cat "/proc/$pid/comm" 2>/dev/null || ps -o comm= -p "$pid" 2>/dev/null || true)
    printf '%s %s' "$pid" "${name:-unknown}"
  else
    printf '? unknown'
  fi
}

need_different_ports() { # EX -> fail if two ports of the example are the same: the second process to come could not open it
  local port name seen=' '
  while read -r port name; do
    port=$((10#$port))
    case $seen in *" $port="*)
      seen=${seen#*" $port="}
      fail "$name and ${seen%% *} are both $port" "make ex$1 $name=$((port > 60000 ? port - 100 : port + 100))"
      ;;
    esac
    seen="$seen$port=$name "
  done < <(ports_of "$1")
}

need_free_ports() { # EX -> fail if a port of the example is taken, naming the holder and another port
  local port name holder other
  while read -r port name; do
    holder=$(port_holder "$port")
    [ -n "$holder" ] || continue
    other=$((port + 100))
    while port_answers "$other"; do other=$((other + 1)); done
    fail "port $port is in use by ${holder#* } (pid ${holder%% *})" "make ex$1 $name=$other"
  done < <(ports_of "$1")
  [ -f "$(procfile "$1")" ] || return 0
  # What `loopback` runs opens both loopback addresses.
  while read -r name; do
    if (exec 3<>"/dev/tcp/::1/${!name}") 2>/dev/null; then
      fail "port ${!name} is in use on ::1, which localhost may mean" "make ex$1 WEB_PORT=$((10#$WEB_PORT + 100))"
    fi
  done < <(sed -n 's/^[^#]*loopback .*\$\([A-Z_]*PORT\).*/\1/p' "$(procfile "$1")")
}

http() ( # METHOD PORT PATH [JSON] -> the body, if the status is 200; needs no curl. Fails otherwise.
  body=${4:-}
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
  printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
    "$1" "$3" "$2" "${#body}" "$body" >&3
  IFS= read -t 5 -r status <&3 || exit 1
  while IFS= read -t 5 -r line <&3 && [ "$line" != $'\r' ]; do :; done
  case $status in *' 200 '*) cat <&3 ;; *) exit 1 ;; esac
)

server_is_healthy() { [ "$(http GET "$PREFECT_PORT" /api/health)" = true ]; }

subscribed() { # -> how many task servers the Prefect server has now
  http POST "$PREFECT_PORT" /api/task_workers/filter '{}' | tr '{' '\n' | grep -c '"identifier"' || true
}

still_starting() { server_is_healthy || printf 'it\n'; }

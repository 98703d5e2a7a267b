# shellcheck shell=bash
# Ports and plain HTTP to this machine, without curl. A container's health check reads this file alone.

need_free_ports() { kit launch.free_ports "$1" || exit; } # EX -> fail if a port of the example is taken

# Bash, because a container is asked every second: a Python would cost a hundred times as much.
http() ( # METHOD PORT PATH [JSON] -> the body, if the status is 200; needs no curl. Fails otherwise.
  body=${4:-}
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
  printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
    "$1" "$3" "$2" "${#body}" "$body" >&3
  IFS= read -t 5 -r status <&3 || exit 1
  while IFS= read -t 5 -r line <&3 && [ "$line" != $'\r' ]; do :; done
  case $status in *' 200 '*) cat <&3 ;; *) exit 1 ;; esac
)

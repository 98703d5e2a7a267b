# shellcheck shell=bash
# What the files about several machines share, beyond base.bash. A machine is a network namespace on one switch, with a
# host name, a clone of the kit in a folder of its own, a WORKSHOP_HOME and a HOME. Needs root.

# NAME... -> machines of these names: 10.99.0.1, 10.99.0.2 and so on. `"$ON/NAME" COMMAND…` runs a command on one.
machines() {
  local name number=0
  ip netns add "probe-$$" 2>/dev/null && ip netns del "probe-$$" || not_here 'only root can make network namespaces'
  export ON=$BATS_FILE_TMPDIR/on LAN=lan$$
  mkdir -p "$ON"
  ip netns add "$LAN"
  ip -n "$LAN" link add name lan0 type bridge
  ip -n "$LAN" link set dev lan0 up
  for name in "$@"; do
    number=$((number + 1))
    ip netns add "$LAN-$name"
    ip -n "$LAN" link add name "to-$name" type veth peer name eth0 netns "$LAN-$name"
    ip -n "$LAN" link set dev "to-$name" master lan0 up
    ip -n "$LAN-$name" addr add "10.99.0.$number/24" dev eth0
    ip -n "$LAN-$name" link set dev lo up
    ip -n "$LAN-$name" link set dev eth0 up
    ip -n "$LAN-$name" route add default via 10.99.0.254
    copy_kit "$(folder_of "$name")"
    lend_packages "$(folder_of "$name")"
    cat >"$ON/$name" <<SCRIPT
#!/bin/bash
# Runs a command on machine $name.
unset PREFECT_PORT WEB_PORT API WEB
exec ip netns exec '$LAN-$name' unshare --uts bash -c 'hostname $name; cd "\$0"; exec env "\$@"' \\
  '$(folder_of "$name")' WORKSHOP_HOME='$(home_of "$name")' HOME='$BATS_FILE_TMPDIR/$name/user' "\$@"
SCRIPT
    chmod +x "$ON/$name"
    mkdir -p "$BATS_FILE_TMPDIR/$name/user"
  done
}

# NAME -> the clone of the kit there; its WORKSHOP_HOME
folder_of() { printf '%s/%s/clone of %s' "$BATS_FILE_TMPDIR" "$1" "$1"; }
home_of() { printf '%s/%s/home' "$BATS_FILE_TMPDIR" "$1"; }
# -> the code that machine a shows
code() { cat "$(home_of a)/port/code"; }

# [VARIABLE=VALUE...] -> make ex7 on machine a, and ready; sets $stack_pid and $stack_log
start_on_a() {
  start stack "$ON/a" make ex7 "$@"
  within 90 grep -q '^the code it asks for' "$stack_log" || {
    cat "$stack_log"
    return 1
  }
}
# NAME [VARIABLE=VALUE...] -> make server AT=… there (AT), and it serves; its log is $NAME_log
start_on() {
  local name=$1 log
  shift
  start "$name" env JOIN_CODE="$(code)" "$ON/$name" make server AT="${AT:-10.99.0.1:4243}" "$@"
  log=${name}_log
  within 60 grep -q 'serves greet' "${!log}" || {
    cat "${!log}"
    return 1
  }
  within 20 eval 'grep -q "task_server.1 on '"$name"' serves" "$stack_log"'
}
# PATH [JSON] -> the answer of Prefect's API on machine a (POST when there is JSON)
api() { "$ON/a" curl -sf --max-time 10 ${2:+-H 'Content-Type: application/json' -d "$2"} "http://127.0.0.1:4200/api$1"; }
# NAME -> the pid of its task server, and of what keeps it
task_server_of() { WORKSHOP_HOME=$(home_of "$1") child_of task_server.1; }
keeper_on() { WORKSHOP_HOME=$(home_of "$1") keeper_pid task_server.1; }

# For teardown_file: make stop everywhere; no process and no namespace is left.
stop_machines() {
  local name left=
  if [ -z "${LAN:-}" ]; then return 0; fi # this machine can make none
  for name in "$ON"/*; do
    [ -x "$name" ] || continue
    GRACE=5 "${PROCESS[@]}" limit 60 "$name" make stop >"$name.stop" 2>&1 </dev/null || cat "$name.stop"
    name=$LAN-${name##*/}
    within 15 eval '[ -z "$(ip netns pids "'"$name"'")" ]' || {
      left="$left $name"
      # shellcheck disable=SC2046
      ps -o pid,args -p $(ip netns pids "$name" | paste -sd , -)
      # shellcheck disable=SC2046
      kill -KILL $(ip netns pids "$name")
    }
    ip netns del "$name"
  done
  ip netns del "$LAN"
  is "$left" '' 'machines with processes that were left'
}

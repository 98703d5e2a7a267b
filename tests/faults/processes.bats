#!/usr/bin/env bats
# What the kit started, as its keepers write it down in run/NAME.pids: what the scripts are told of it.
# bats file_tags=life

load ../helpers/base

setup() {
  own_kit
  mkdir -p "$WORKSHOP_HOME/run"
}
teardown() { stop_and_check; }

# COMMANDS -> run in bash with what the scripts share
in_bash() { try bash -c '. scripts/env.sh; '"$1"; }

@test "the scripts are told who lives: no process that has ended, or has another one's pid" {
  local one two three now
  start one sleep 100
  start two sleep 100
  start three sleep 100
  in_bash "for pid in $one_pid $two_pid $three_pid; do ask_state started \$pid; done"
  { read -r one; read -r two; read -r three; } <<<"$output"
  cd "$WORKSHOP_HOME/run"
  printf 'keeper %s %s\nchild %s %s\nchild %s %s\n' "$one_pid" "$one" "$two_pid" "$two" "$three_pid" "$three" >task_server.1.pids
  printf 'keeper %s 1\nchild 999999999 1\nchild 999999999 \n' "$one_pid" >task_server.2.pids # ended; the pid is used again
  : >task_server.3.pids                                                                    # make server has claimed it
  printf 'keeper %s %s\n' "$three_pid" "$three" >background-server.pids
  cd "$KIT"
  now="$three_pid background-server keeper
$one_pid task_server.1 keeper
$two_pid task_server.1 child
$three_pid task_server.1 child"
  in_bash 'ask_state kept'
  is "$output" "$now" 'what lives'
  in_bash 'echo "$(keeper_of task_server.1) $?"; keeper_of task_server.2; echo "none: $?"; keeper_of nobody; echo "none: $?"'
  has "$one_pid 0"
  is "$(grep -c '^none: 1$' <<<"$output")" 2 'how many have no keeper'
  kill "$one_pid" "$two_pid" "$three_pid"
  within 5 gone "$three_pid"
  in_bash 'sweep; ls "$WORKSHOP_HOME/run"'
  has_not pids
}

# bats test_tags=long
@test "one WORKSHOP_HOME on two machines: the other one is told so, and stops, cleans and starts nothing" {
  unshare -m --uts true || not_here 'no namespaces here'
  # Another host, with the same files and, by chance, the same pids.
  local elsewhere=$BATS_TEST_TMPDIR/elsewhere
  echo 00000000-0000-0000-0000-000000000000 >"$BATS_TEST_TMPDIR/boot_id"
  printf '#!/bin/sh\nexec unshare -m --uts sh -c '\''hostname elsewhere; mount --bind "$0" /proc/sys/kernel/random/boot_id; exec "$@"'\'' "%s" "$@"\n' "$BATS_TEST_TMPDIR/boot_id" >"$elsewhere"
  chmod +x "$elsewhere"
  local command used
  used="$WORKSHOP_HOME is in use on another machine, $(hostname)"
  start_example 2 SERVERS=1
  for command in 'make ex2' 'make ex1' 'make server' 'make stop' 'make clean' 'make submit' 'make watch ONCE=1'; do
    # shellcheck disable=SC2086
    refused 'make stop there, or set another WORKSHOP_HOME here' "$elsewhere" $command
    has "$used"
  done
  try "$elsewhere" make status
  has "$used"
  ok make submit
  ok make status
  ok make stop
  within 10 gone "$stack_pid"
  # What is stopped is free for the other one, and then its own.
  start stack "$elsewhere" make ex2 SERVERS=1
  within 90 grep -q '^ready' "$stack_log" || fail_with "$(cat "$stack_log")"
  refused 'make stop there' make stop
  has 'is in use on another machine, elsewhere'
  ok "$elsewhere" make stop
  within 10 gone "$stack_pid"
}

# The kit as it is where there is no /proc, with a ps that notes each call: KIT is a copy of it.
kit_without_proc() {
  copy_kit "$BATS_TEST_TMPDIR/kit"
  lend_packages "$BATS_TEST_TMPDIR/kit"
  cd "$BATS_TEST_TMPDIR/kit" || return
  KIT=$PWD
  local file=scripts/pythonpath/workshop_kit/processes.py
  sed 's|Path("/proc")|Path("/no")|' "$OLDPWD/$file" >"$file"
  grep -q 'Path("/no")' "$file"
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "$*" >>"%s"\nexec %s "$@"\n' "$BATS_TEST_TMPDIR/ps.log" "$(command -v ps)" >"$BATS_TEST_TMPDIR/bin/ps"
  chmod +x "$BATS_TEST_TMPDIR/bin/ps"
  export PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "without /proc: a start time is the same text in any language and time zone" {
  kit_without_proc
  start one sleep 100
  local here
  in_bash "ask_state started $one_pid"
  here=$output
  grep -qE '^[A-Z][a-z]{2}[A-Z][a-z]{2}[0-9]+:[0-9]{2}:[0-9]{2}20[0-9]{2}$' <<<"$here"
  TZ=Asia/Kathmandu LC_ALL=C.UTF-8 in_bash "ask_state started $one_pid"
  is "$output" "$here" 'in another time zone'
  in_bash "ask_state started 999999999"
  is "$output" '' 'of nobody'
  kill "$one_pid"
}

# bats test_tags=long
@test "without /proc: an idle example 4 asks ps for next to nothing, and ends when its launcher is killed" {
  kit_without_proc
  start_example 4 SERVERS=1
  : >"$BATS_TEST_TMPDIR/ps.log"
  PATIENCE=1 never within 5 eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/ps.log")" -gt 10 ]'
  ok make status
  compare "$(wc -l <"$BATS_TEST_TMPDIR/ps.log")" -ge 1 'questions to ps'
  kill -KILL "$(launcher)"
  within 15 eval '[ -z "$(leaks)" ]'
}

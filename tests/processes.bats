#!/usr/bin/env bats
# What the kit started, as its keepers write it down in run/NAME.pids: read once in bash and once in Python, alike.
# bats file_tags=life

load helpers

setup() {
  own_kit
  mkdir -p "$WORKSHOP_HOME/run"
}
teardown() { stop_and_check; }

# COMMANDS -> run in bash with what the scripts share; PYTHON -> with what the modules share
in_bash() { try bash -c '. scripts/env.sh; '"$1"; }
in_python() { try bash -c '. scripts/env.sh; exec "$VENV/bin/python" -P -c "$1"' _ "from workshop_kit import workshop
$1"; }

@test "who lives is told alike by bash and Python: no process that has ended, or has another one's pid" {
  local one two three now
  start one sleep 100
  start two sleep 100
  start three sleep 100
  in_bash "for pid in $one_pid $two_pid $three_pid; do started_at \$pid; echo; done"
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
  in_bash kept_processes
  is "$output" "$now" 'what bash says'
  in_python 'for kept in workshop.kept_processes(): print(kept.pid, kept.name, kept.role)'
  is "$output" "$now" 'what Python says'
  # The newest child is the one that counts; the other one finishes its runs.
  in_python 'print(workshop.children(), workshop.children("task_server"), workshop.children("server"))'
  is "$output" "{'task_server.1': $two_pid} {'task_server.1': $two_pid} {}" 'the children'
  in_bash 'keeper_of task_server.1; echo " $?"; keeper_of task_server.2; echo "none: $?"; keeper_of nobody; echo "none: $?"'
  has "$one_pid 0"
  is "$(grep -c '^none: 1$' <<<"$output")" 2 'how many have no keeper'
  in_bash 'leftovers'
  has_not background-server
  kill "$one_pid" "$two_pid" "$three_pid"
  within 5 gone "$three_pid"
  in_bash 'sweep; kept_names'
  has_not task_server
}

# The kit as it is where there is no /proc, with a ps that notes each call: KIT is a copy of it.
kit_without_proc() {
  copy_kit "$BATS_TEST_TMPDIR/kit"
  lend_packages "$BATS_TEST_TMPDIR/kit"
  cd "$BATS_TEST_TMPDIR/kit" || return
  KIT=$PWD
  local file
  for file in scripts/lib/processes.sh scripts/pythonpath/workshop_kit/workshop.py; do
    sed 's|/proc/self/stat|/no/stat|' "$OLDPWD/$file" >"$file"
    grep -q /no/stat "$file"
  done
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\necho "$*" >>"%s"\nexec %s "$@"\n' "$BATS_TEST_TMPDIR/ps.log" "$(command -v ps)" >"$BATS_TEST_TMPDIR/bin/ps"
  chmod +x "$BATS_TEST_TMPDIR/bin/ps"
  export PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "without /proc: a start time is the same text in bash and Python, in any language and time zone" {
  kit_without_proc
  start one sleep 100
  local here
  in_bash "started_at $one_pid"
  here=$output
  grep -qE '^[A-Z][a-z]{2}[A-Z][a-z]{2}[0-9]+:[0-9]{2}:[0-9]{2}20[0-9]{2}$' <<<"$here"
  TZ=Asia/Kathmandu LC_ALL=C.UTF-8 in_bash "started_at $one_pid"
  is "$output" "$here" 'in another time zone'
  TZ=Asia/Kathmandu in_python "print(workshop.started_at($one_pid))"
  is "$output" "$here" 'in Python'
  in_python "print(workshop.started_at(999999999))"
  is "$output" '' 'of nobody'
  kill "$one_pid"
}

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

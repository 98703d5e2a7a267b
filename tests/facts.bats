#!/usr/bin/env bats
# What the help, the comments and the pages say about the kit is true.

load helpers

setup() { own_kit; }
teardown() { stop_and_check; }

# EX -> the lines of make help ALL=1 about make exN
help_of() { make -s help ALL=1 | awk -v target="ex$1" '$1 == "make" { here = $2 == target } here'; }

# EX... -> each of these examples, started without a variable, has as many task servers with as many places as its help says
defaults_hold() {
  local ex
  for ex in "$@"; do
    start_example "$ex"
    output=$(help_of "$ex")
    echo "example $ex: $(task_servers) task servers, $(cat "$WORKSHOP_HOME"/task-servers/*.jsonl | grep '"keys"' | grep -o '"limit": [0-9]*' | sort -u)"
    has "[SERVERS=$(task_servers)]"
    has "[LIMIT=$(cat "$WORKSHOP_HOME"/task-servers/*.jsonl | grep '"keys"' | grep -o '"limit": [0-9]*' | sort -u | cut -d ' ' -f 2)]"
    ok make clean
  done
}

@test "example 6 has by default the task servers and places that its help names" {
  defaults_hold 6
  ok make -s help ALL=1
  has 'LIMIT=10 (1 in ex2, 4 in ex6)'
}

# bats test_tags=long
@test "so have the other examples" { defaults_hold 2 3 4 5; }

@test "the help names the examples that read WORK_SECONDS" {
  diff <(make -s help ALL=1 | sed -n 's/^  WORK_SECONDS=[^ ]*//p' | grep -o '[0-9]') \
    <(grep -l WORK_SECONDS examples/ex*/*.py | grep -o 'ex[0-9]' | tr -d ex | sort -u)
}

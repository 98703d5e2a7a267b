#!/usr/bin/env bats
# make docs: docs/COMMANDS.md is made from the comments beside the code, and make lint notices when they differ. Links lead somewhere.
# bats file_tags=docs

load ../helpers/base

setup() {
  own_kit
  COPY=$BATS_TEST_TMPDIR/kit
  copy_kit "$COPY" ./*.md docs tests LICENSE docker template
}
teardown() { stop_and_check; }

# FILE FROM TO -> exchanges text in a file of the copy, which has it
exchange() {
  grep -qF -- "$2" "$COPY/$1"
  "$PYTHON_OF_TESTS" -c 'import sys; path, old, new = sys.argv[1:]; text = open(path).read(); open(path, "w").write(text.replace(old, new))' "$COPY/$1" "$2" "$3"
}

# REMEDY -> the check that make lint does finds the page of the copy out of date, or a comment wrong
stale() {
  try "$COPY/scripts/docs.sh" --check
  is "$status" 1 'the exit code'
  has "$1"
}

@test "the page is as make docs makes it, without a set-up; a comment that says something else is noticed, and make docs helps" {
  ok "$COPY/scripts/docs.sh" --check
  exchange Makefile 'the fast static checks' 'static checks, fast'
  stale 'Try: make docs'
  ok make -C "$COPY" docs
  has 'is written'
  grep -qF '| `make lint` | static checks, fast |' "$COPY/docs/COMMANDS.md"
  ok make -C "$COPY" docs
  has 'is as it was'
  ok "$COPY/scripts/docs.sh" --check
  ok grep -F '| `SERVERS` |' "$COPY/docs/COMMANDS.md"
  has '2 in examples 2, 4 and 5' # and so on
  never test -e "$COPY/.venv"
}

@test "a comment that gives another default than the code is an error" {
  exchange scripts/env.sh '## GRACE=30:' '## GRACE=20:'
  stale 'GRACE is 30 by default, and its comment says 20'
  exchange scripts/env.sh '## GRACE=20:' '## GRACE=30:'
  exchange examples/ex6_nothing_lost/example.env 'EXAMPLE_SERVERS=3' 'EXAMPLE_SERVERS=2'
  stale 'Try: make docs'
}

@test "make help ALL=1 shows every command and variable of the page" {
  ok make -s help ALL=1
  local name
  while read -r name; do grep -qE "make $name( |$)" <<<"$output"; done < <(sed -n 's/^| `make \([a-z0-9-]*\)` .*/\1/p' docs/COMMANDS.md)
  for name in PREFECT_PORT SMTP_PORT REDIS_IMAGE CODE WORK_SECONDS; do grep -q "$name" <<<"$output"; done
}

@test "a link to a file or a heading that is not there is found, and a function that is not where a page says" {
  ok "$PYTHON_OF_TESTS" "$COPY/tests/lint/links.py"
  exchange docs/INSTRUCTOR.md '## The day before' '## Before that day'
  exchange README.md '(docs/NEXT.md)' '(docs/NEXTS.md)'
  exchange docs/ARCHITECTURE.md '`announce` in' '`proclaim` in'
  try "$PYTHON_OF_TESTS" "$COPY/tests/lint/links.py"
  is "$status" 1 'the exit code'
  has 'docs/COMMANDS.md: INSTRUCTOR.md#the-day-before: docs/INSTRUCTOR.md has no such heading'
  has 'README.md: docs/NEXTS.md: there is no such file'
  has 'docs/ARCHITECTURE.md: workshop_kit/launch/ready.py has no proclaim'
}

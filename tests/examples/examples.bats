#!/usr/bin/env bats
# What an example is stands in its folder, and nowhere else: one more example is that, its Procfile and its compose file.
# bats file_tags=examples

load ../helpers/base

setup() {
  CACHE=${UV_CACHE_DIR:-$HOME/.cache/uv} # what was downloaded once
  own_kit
  COPY="$BATS_TEST_TMPDIR/a kit"
}
teardown() {
  cd "$KIT" || return
  stop_and_check
}

# A copy of all that belongs to the kit, and a ninth example in it: the files below tests/examples/ninth are added, and no
# other file is touched.
kit_with_ninth() {
  mkdir -p "$COPY"
  (cd "$KIT" && git ls-files --cached --others --exclude-standard | tar -cf - -T -) | tar -xf - -C "$COPY"
  cp -R "$KIT/tests/examples/ninth/." "$COPY/"
  cd "$COPY" || return 1
}

@test "one more example is its files alone: make ex9, submit, check, status, stop and clean work on it" {
  kit_with_ninth
  lend_packages "$COPY" # with pyfiglet, which the core has too
  printf '%s %s' "$(cksum <examples/ex9_banner/requirements.txt)" "$(pwd -P)" >.venv/workshop/ex9
  ok make help
  has 'make ex9         example 9: names in large letters, on a board  [SERVERS=1] [LIMIT=2] [DOCKER=1]'
  ok make help ALL=1
  has 'BOARD_PORT=WEB_PORT + 5'
  has 'BANNER_WIDTH=80'
  refused 'make ex9 BANNER_WIDTH=80' env BANNER_WIDTH=wide make ex9
  refused 'make ex9 BOARD_PORT=…' make ex9 BORD_PORT=8005
  start_example 9
  grep 'next, in another terminal: make submit NAME=Zaphod' "$stack_log"
  ok make submit NAME=Zaphod
  has 'Zaphod is on the board'
  ok make status
  has "board         answers: http://127.0.0.1:$((WEB_PORT + 5))"
  ok make check
  has '✓ task servers subscribed to banner: 1 of 1'
  has '✓ the board shows the newest banner: '
  has 'every promise holds'
  refused 'make submit' make ex9
  ok make stop
  has 'stopped: example 9'
  there "$WORKSHOP_HOME/banners/newest.txt"
  ok make clean
  not_there "$WORKSHOP_HOME/banners"
}

# bats test_tags=long,slow
@test "one more example: the set-up, make learn, a learner's code, server, demo, tour, bundle and lint work on it too" {
  export UV_CACHE_DIR=$CACHE
  kit_with_ninth
  LIMIT_S=300 ok make setup EX=9
  has 'setup 2/3: packages of: ex9'
  # Without a terminal make learn looks once, and fails while a step is left.
  try make learn EX=9
  has 'my/ex9/banner.py:15: banner is not a task yet'
  compare "$status" != 0 'exit code of make learn'
  refused 'banner is not a task yet' make ex9 CODE=my/ex9
  is "$(ls my/ex9)" $'banner.py\nboard.py' "the learner's files"
  ok make solve EX=9 APPLY=1
  start_example 9 CODE=my/ex9
  start joined make server
  within 30 grep -q 'serves banner' "$joined_log"
  ok make submit-map N=6
  has '6 of 6 runs completed'
  ok make check EX=9
  has 'it has none of the mistakes'
  ok make learn EX=9
  has 'example 9 is done'
  ok make stop
  LIMIT_S=200 ok make tour EX=9
  has '$ make ex9'
  LIMIT_S=200 ok make demo EX=9 AUTO=1
  has '✓ every promise of examples/ex9_banner/README.md came true'
  LIMIT_S=300 ok make bundle WHEELS="$BATS_TEST_TMPDIR/wheels" PYTHON="$PYTHON_OF_TESTS"
  git init --quiet . && git add --all # which make lint asks what belongs to the kit
  ok make docs
  LIMIT_S=400 ok make lint
}

# bats test_tags=long
@test "a shell full of EXAMPLE_ variables changes nothing, and none of the kit's gets into a process" {
  local name nonsense=()
  while read -r name; do nonsense+=("$name=nonsense"); done < <(sed -n 's/^\(EXAMPLE_[A-Z_]*\)=.*/\1/p' examples/*/example.env | sort -u)
  ok make help ALL=1
  local plain=$output
  ok env "${nonsense[@]}" make help ALL=1
  is "$output" "$plain" 'make help ALL=1'
  ok make env
  has_not EXAMPLE_
  start stack env "${nonsense[@]}" make ex2 SERVERS=1
  within 90 grep -q 'ready in .* make submit NAME=Agrajag' "$stack_log"
  ok env "${nonsense[@]}" make submit
  has 'Hello, Marvin!'
  ok env "${nonsense[@]}" make check
  has 'every promise holds'
}

@test "an example that is not there is one line, which names those that are" {
  refused 'there are 1, 2, 3, 4, 5, 6' make ex9
  refused 'there are 1, 2, 3, 4, 5, 6' make ex07
  refused "there is no example '7x'" make ex7x
  refused "there is no example EX='9'" make code EX=9
  refused 'make setup EX=all' make setup EX=9
  refused 'make check EX=2' make check EX=9
  refused 'make demo EX=2' make demo EX=9
}

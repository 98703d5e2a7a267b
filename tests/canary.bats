#!/usr/bin/env bats
# make canary: which package breaks the kit, and that the lock stays as it is.
# bats file_tags=canary

load helpers

setup() { own_kit; }
teardown() { stop_and_check; }

@test "bad input is refused before anything is copied or installed" {
  refused 'make canary PREFECT=3.8.8' make canary PREFECT=newest
  refused 'make canary' make canary SET=/nowhere
  echo 'no version' >"$BATS_TEST_TMPDIR/set"
  refused 'make canary' make canary "SET=$BATS_TEST_TMPDIR/set"
}

# bats test_tags=long,slow
@test "of a set that is known to be broken it names the package and the error; the lock stays" {
  local lock
  lock=$(cksum <requirements/core.txt)
  printf 'prefect==3.8.8\nfastapi==0.165.0\n' >"$BATS_TEST_TMPDIR/set"
  LIMIT_S=500 try make canary "SET=$BATS_TEST_TMPDIR/set"
  is "$status" 2 'exit code'
  has "✗ TUNED=0: TypeError: Body() got an unexpected keyword argument 'min_items'"
  grep -qE '^│ fastapi +│ [0-9.]+ +│ 0\.165\.0 +│ ✗ breaks it │$' <<<"$output"
  is "$(grep -c '✗ breaks it' <<<"$output")" 1 'packages that are named'
  has 'beside the pin of fastapi: # 0.165.0 breaks TUNED=0: TypeError: Body()'
  is "$(cksum <requirements/core.txt)" "$lock" 'the lock'
}

#!/usr/bin/env bats
# make canary: which package breaks the kit, and that the lock stays as it is.
# bats file_tags=canary

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

@test "bad input is refused before anything is copied or installed" {
  refused 'make canary PREFECT=3.8.8' make canary PREFECT=newest
}

# bats test_tags=long
@test "a set of versions that is none is refused, too" {
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

# bats test_tags=long,slow
@test "of what Prefect's client asks and the port for other machines does not know it names the method and the path" {
  local kit=$BATS_TEST_TMPDIR/kit
  copy_kit "$kit" pyproject.toml tests
  lend_packages "$kit"
  sed -i.old '/increment-with-lease/d' "$kit/durable/src/durable/port/operations.py"
  sed -n 's/^\(prefect==[0-9.]*\).*/\1/p' requirements/core.txt >"$BATS_TEST_TMPDIR/set"
  LIMIT_S=500 try make -C "$kit" canary "SET=$BATS_TEST_TMPDIR/set"
  is "$status" 2 'exit code'
  has '✗ the port for other machines: refused: POST /api/v2/concurrency_limits/increment-with-lease, asked by'
}

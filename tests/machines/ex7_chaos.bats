#!/usr/bin/env bats
# Rounds of chaos across four machines: cables, frozen processes, kill -9 and wrong clocks, judged by a witness that is no
# part of the kit. Ten rounds by hand: SEED=1 ROUNDS=10 FIGURES=/tmp/figures bats tests/machines/ex7_chaos.bats
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  local name
  export LOG_DIR=$BATS_FILE_TMPDIR
  machines a b c d
  for name in a b c d; do
    mkdir -p "$(folder_of "$name")/my"
    cp -R "$KIT/tests/programs/witnessed" "$(folder_of "$name")/my/ex7"
  done
}
teardown_file() { stop_machines; }

# -> what machines need whose clock can go wrong; nothing without a C compiler, and then no clock does
clock_of() {
  if cc -shared -fPIC -o "$BATS_FILE_TMPDIR/wrong_clock.so" "$KIT/tests/machines/wrong_clock.c"; then
    echo 0 >"$BATS_FILE_TMPDIR/$1.clock"
    printf '%s\n' "LD_PRELOAD=$BATS_FILE_TMPDIR/wrong_clock.so" "WRONG_CLOCK=$BATS_FILE_TMPDIR/$1.clock" PASS_ENV=WRONG_CLOCK
  fi
}

# bats test_tags=slow
@test "a round of chaos: nothing is lost, run twice at once under a lease, or accepted after it; every machine comes back" {
  local name line round seed=${SEED:-7} failed=0
  unset SEED
  export LEASE_SECONDS=5 MAX_RESCUES=100 CODE=my/ex7
  for ((round = 0; round < ${ROUNDS:-1}; round++)); do
    export WITNESS=$BATS_TEST_TMPDIR/witness-$round
    mkdir "$WITNESS"
    start_on_a SERVERS=1
    for name in b c d; do
      with=()
      while read -r line; do with+=("$line"); done < <(clock_of "$name")
      start_on "$name" "${with[@]}"
    done
    LIMIT_S=400 try "$ON/a" SEED=$((seed + round)) bash -c '. scripts/env.sh; give_back; cd my/ex7; exec python "$@"' _ \
      "$KIT/tests/machines/machines_chaos.py" "$BATS_FILE_TMPDIR"
    if [ "$status" != 0 ]; then
      failed=$((failed + 1))
      tail -n 40 <<<"$output" # the judgment: who broke which promise, when
    fi
    grep "^seed $((seed + round)): " <<<"$output" >>"${FIGURES:-/dev/null}"
    for name in d c b a; do ok "$ON/$name" make stop; done
  done
  is "$failed" 0 'rounds in which a promise was broken'
}

#!/usr/bin/env bats
# make simulate: what is simulated has its own tests, in durable/tests.

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

@test "make simulate tries schedules from a seed on, on all cores; a wrong number is refused" {
  ok make simulate SEEDS=1200 SEED=7
  has '1,200 schedules in '
  has 'from seed 7: 0 broke a promise'
  refused 'make simulate SEEDS=' make simulate SEEDS=many
  refused 'make simulate SEED=' make simulate SEED=-1
}

# bats test_tags=long,slow
@test "mutants.py changes a module one thing at a time, and names what no test notices" {
  cd durable/tests
  ok env PYTHONPATH=../src "$PYTHON_OF_TESTS" -W ignore mutants.py watchdog
  has 'watchdog: 11 of 11 noticed, 100%'
}

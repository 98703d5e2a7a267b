#!/usr/bin/env bats
# make tour and make prefetch: everything in turn, and everything fetched. The whole tour takes too long for here.
# bats file_tags=tour

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# bats test_tags=long
@test "make tour plays a chapter, shows its proof and leaves nothing running; beside an example it refuses" {
  LIMIT_S=120 ok make tour EX=1
  has '$ make ex1 NAME=Ford'
  has '$ make check EX=1'
  has '✓ the database has a row for each of them'
  has 'every promise holds'
  has '│ 1       │ ✓ │'
  no_leaks
  refused 'make tour EX=2' make tour EX=9
  refused 'make tour (without REMOTE=1)' make tour REMOTE=1
  start_example 2 SERVERS=1
  refused 'make stop, then make tour' make tour
}

@test "make tour ends at the first ✗ with what was said and exit 1, and stops what it started" {
  start holder python3 -m http.server --bind 127.0.0.1 "$WEB_PORT"
  within 30 curl -sf "http://127.0.0.1:$WEB_PORT"
  LIMIT_S=120 try make tour EX=3
  is "$status" 2 'exit code' # make's; the script's is 1
  has '✗ make ex3'
  has "port $WEB_PORT is in use"
  has '│ 3       │ ✗ │'
  kill "$holder_pid"
  within 30 gone "$holder_pid"
}

# bats test_tags=long
@test "make prefetch has everything already, and says where there is no Docker engine" {
  LIMIT_S=300 ok env DOCKER_HOST=unix:///nowhere make prefetch
  has 'no Docker engine here'
  has 'everything is here'
  ok make setup EX=all # what BEFORE.md asks for
}

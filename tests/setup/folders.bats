#!/usr/bin/env bats
# Where the kit is and where its state lives: folders with unusual names, and a kit that make is called for from elsewhere.
# bats file_tags=folders

load ../helpers/base

setup() { own_kit; }
teardown() { stop_and_check; }

# FOLDER -> a copy of the kit there, with packages; KIT is that, for make stop in the teardown
kit_in() {
  copy_kit "$1"
  lend_packages "$1"
  KIT=$1
}

@test "what cannot be in a path is refused before any set-up" {
  local name
  for name in 'a:b' 'a?b' 'a%20b'; do
    copy_kit "$BATS_TEST_TMPDIR/$name"
    refused 'move the kit' make -C "$BATS_TEST_TMPDIR/$name" ex1
    has "$name"
    not_there "$BATS_TEST_TMPDIR/$name/.venv"
  done
  for name in 'a?b' 'a%20b'; do
    refused 'make ex2 WORKSHOP_HOME=' make ex2 WORKSHOP_HOME="$BATS_TEST_TMPDIR/home/$name"
    not_there "$BATS_TEST_TMPDIR/home/$name"
  done
  ok make -s env WORKSHOP_HOME="$BATS_TEST_TMPDIR/100%a:b"
  has "/100%a:b"
}

@test "WORKSHOP_HOME=~/… that no shell has read is below the home folder" {
  ok make -s env WORKSHOP_HOME='~/state'
  has "export WORKSHOP_HOME=$HOME/state"
  ok make -s env WORKSHOP_HOME='~'
  has "export WORKSHOP_HOME=$HOME"
}

@test "others on this machine read nothing of WORKSHOP_HOME, whatever the umask, and no run data of one that an earlier kit made" {
  umask 000
  in_make_shell 'find "$WORKSHOP_HOME" -prune -perm 700'
  has "$WORKSHOP_HOME"
  rm -r "$WORKSHOP_HOME" && mkdir "$WORKSHOP_HOME"
  in_make_shell 'find "$PREFECT_HOME" -prune -perm 700'
  has "$WORKSHOP_HOME/prefect"
}

# bats test_tags=long
@test "make -f and make -C from elsewhere, for a kit that has lost what makes its files commands" {
  local kit="$BATS_TEST_TMPDIR/it's a kit"
  kit_in "$kit"
  find "$kit/scripts" -type f -exec chmod -x {} +
  mkdir "$BATS_TEST_TMPDIR/elsewhere"
  cd "$BATS_TEST_TMPDIR/elsewhere"
  mkdir status # no command may be taken for a folder that is there
  touch mine
  ok make -f "$kit/Makefile"
  has 'make ex2'
  try make -f "$kit/Makefile" status
  has 'nothing runs'
  start_example 2 SERVERS=1 -f "$kit/Makefile"
  ok make -C "$kit" submit NAME=Ford
  has 'Hello, Ford!'
  ok make -f "../it's a kit/Makefile" submit NAME='$(shell echo no) "Ford"'
  has 'Hello, $(shell echo no) "Ford"!'
  is "$(echo *)" 'mine status' 'what is in that folder'
  never test -x mine
  ok make -C "$kit" stop
}

# bats test_tags=long,slow
@test "the kit and its state in folders with quotes, signs and long names" {
  local name
  for name in $'it\'s "here"' 'a#b' 'c++' '~' '100% kit' "$(printf 'x%.0s' {1..250})"; do
    kit_in "$BATS_TEST_TMPDIR/$name"
    cd "$KIT"
    export WORKSHOP_HOME=$BATS_TEST_TMPDIR/home/$name
    ok make ex1
    start_example 2 SERVERS=1
    ok make submit NAME=Ford
    has 'Hello, Ford!'
    ok make stop
    no_leaks
  done
}

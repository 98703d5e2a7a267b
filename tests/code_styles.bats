#!/usr/bin/env bats
# Code along: what is right, in whatever style, is not accused.
# bats file_tags=code

load helpers
load helpers_code

# NAME -> $folder is a copy of that program of tests/programs/ (what runs it leaves bytecode beside it)
program() {
  folder=$BATS_TEST_TMPDIR/$1
  cp -R "tests/programs/$1" "$folder"
}

@test "other styles that are right are not accused" {
  local folder
  program async_serve
  unaccused 2 "$folder"
  try make check EX=2 CODE="$folder"
  has '✓ it has none of the mistakes that the kit knows'
  program serve_method
  unaccused 2 "$folder"
  # A package of one's own, serve under another name, a task with more than the kit gives it, names that come and go.
  program own_package
  unaccused 2 "$folder"
  # Names that Prefect or Python have too: queue, delay, map, submit, serve, breakpoint; classes that are not mistaken.
  program own_names
  unaccused 2 "$folder"
  # What only a start can tell: another file that serves, functions and folders of one's own.
  program serves_elsewhere
  unaccused 2 "$folder"
  # Example 1 without its guard: nothing is run to find that out.
  folder=$BATS_TEST_TMPDIR/unguarded
  mkdir "$folder"
  { sed 's/^if __name__.*/def main():/' examples/ex1_task/greeter.py && echo 'main()'; } >"$folder/greeter.py"
  unaccused 1 "$folder"
  sed -e '/^if __name__/d' -e 's/^    greet(/greet(/' examples/ex1_task/greeter.py >"$folder/greeter.py"
  unaccused 1 "$folder"
}
